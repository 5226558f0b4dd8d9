from flows.batch_name import batch_name, finishing_settings
from flows.options import FinishingOptions
from tasks.job import Preset
from tasks.manifest.intake import CheckedManifest, check_manifest
from tasks.picture.video_options import VideoOptions
from tests.course import ROOT

STYLE = finishing_settings(FinishingOptions())
MANIFEST = ROOT / "examples/course/manifest.csv"


def test_a_batch_is_named_by_its_rows_and_its_finishing_options() -> None:
    manifest = check_manifest(MANIFEST, (), Preset.STILL)
    name = batch_name(manifest, STYLE)
    assert name == batch_name(manifest, STYLE)
    others = [
        batch_name(manifest, finishing_settings(FinishingOptions(captions="bbc"))),
        batch_name(manifest, finishing_settings(FinishingOptions(video=VideoOptions(burn_in=True)))),
        batch_name(CheckedManifest(MANIFEST, manifest.jobs[:-1]), STYLE),
    ]
    assert len({name, *others}) == 4
