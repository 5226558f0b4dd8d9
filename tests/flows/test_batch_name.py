from pathlib import Path

from flows.batch_name import batch_name, finishing_settings
from flows.options import FinishingOptions
from tasks.job import Quality
from tasks.manifest.defaults import Defaults
from tasks.manifest.intake import CheckedManifest, check_manifest
from tasks.picture.video_options import VideoOptions
from tests.course import ROOT

STYLE = finishing_settings(FinishingOptions())
MANIFEST = ROOT / "examples/course/manifest.csv"


def test_a_batch_is_named_by_its_rows_and_its_finishing_options(tmp_path: Path) -> None:
    manifest = check_manifest(MANIFEST)
    name = batch_name(manifest, STYLE)
    assert name == batch_name(manifest, STYLE)
    (tmp_path / "names.csv").write_text("word,said\nAda,Ayda\n")
    others = [
        batch_name(check_manifest(MANIFEST, (), Defaults(lexicon=tmp_path / "names.csv")), STYLE),
        batch_name(manifest, finishing_settings(FinishingOptions(captions="bbc"))),
        batch_name(manifest, finishing_settings(FinishingOptions(video=VideoOptions(burn_in=True)))),
        batch_name(CheckedManifest(MANIFEST, manifest.jobs[:-1], manifest.table), STYLE),
        batch_name(check_manifest(MANIFEST, (), Defaults(quality=Quality.FAST)), STYLE),
    ]
    assert len({name, *others}) == 6
