from flows.batch_name import batch_name
from flows.options import FinishingOptions
from tasks.job import Preset
from tasks.manifest.intake import CheckedManifest, check_manifest
from tasks.picture.video_options import VideoOptions
from tests.course import ROOT

MANIFEST = ROOT / "examples/course/manifest.csv"


def test_a_batch_is_named_by_its_rows_and_its_finishing_options() -> None:
    manifest = check_manifest(MANIFEST, (), Preset.STILL)
    name = batch_name(manifest, FinishingOptions())
    assert name == batch_name(manifest, FinishingOptions())
    others = [
        batch_name(manifest, FinishingOptions(captions="bbc")),
        batch_name(manifest, FinishingOptions(video=VideoOptions(burn_in=True))),
        batch_name(CheckedManifest(MANIFEST, manifest.jobs[:-1]), FinishingOptions()),
    ]
    assert len({name, *others}) == 4
