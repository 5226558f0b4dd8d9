from flows.batch import name_of
from flows.options import Finishing
from tasks.check import check
from tasks.job import Preset
from tasks.picture.video_options import Finish
from tests.course import ROOT

MANIFEST = ROOT / "examples/course/manifest.csv"


def test_a_batch_is_named_by_what_is_shown_and_how_it_is_finished() -> None:
    jobs = check.fn(MANIFEST, (), Preset.STILL)
    name = name_of(MANIFEST, jobs, Finishing())
    assert name == name_of(MANIFEST, jobs, Finishing())
    others = [
        name_of(MANIFEST, jobs, Finishing(captions="bbc")),
        name_of(MANIFEST, jobs, Finishing(finish=Finish(burn_in=True))),
        name_of(MANIFEST, jobs[:-1], Finishing()),
    ]
    assert len({name, *others}) == 4
