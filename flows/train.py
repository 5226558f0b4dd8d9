"""Training, from nothing: on drawn heads or on footage. One process on a CPU, one worker per GPU through Ray Train."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from prefect import flow, get_run_logger

from actalker.training import demo
from actalker.training.charts import read_log, write_curves
from actalker.training.evaluation import contact_sheet
from actalker.training.loop import Metrics, OnMetrics, read_metrics
from actalker.training.start import begin_from
from actalker.training.takes import Video
from actalker.training.utterances import SOURCES, Speaker, speakers
from tasks.errors import BadInput
from tasks.manifest.training_videos import TrainingVideos
from tasks.media import festival
from tasks.pool import ray_session

LARGE = {demo.SHALLOW: demo.train_network, demo.NETWORK: demo.deepen_network, demo.FINISH: demo.train_finish}
"""The stages that take hours on a CPU."""
STAGES = (*demo.ENCODERS, *LARGE)
OnStep = Callable[[str, int, int, Metrics], None]
"""Receives the name of a stage, the step it has reached, of how many, and figures."""
_SHOWN_EVERY = 500  # steps
_LOOKED_EVERY_S = 1.0


@flow(name="train", persist_result=False, validate_parameters=False)
def train_checkpoint(
    folder: Path,
    checkpoint: Path,
    plan: demo.Plan,
    footage: Path | None = None,
    on_step: OnStep | None = None,
    start: Path | None = None,
) -> Path:
    """Run, or go on with, every stage in `folder`, and write the checkpoint.

    The small stages take minutes and run here. Network and finish run here on a CPU, and with GPUs on one worker for
    each; a killed run goes on where its last saved state left it, under the same command.

    Args:
        footage: A manifest of videos (see `tasks.manifest.training_videos`) that transform, network and finish are
            trained on; the encoders' truth is drawn people's all the same.
        start: A checkpoint to begin with: its encoders and transform are kept, its network and finish trained on.

    Raises:
        BadInput: The footage or the start cannot be used; said before anything is trained.
    """
    begun = (folder / demo.NETWORK / "state.pt").exists() and not (folder / demo.SHALLOW / "state.pt").exists()
    if start is None and begun:
        raise BadInput(f"the training in {folder} began with a checkpoint", "Give --start again, and it goes on.")
    if start is not None:
        try:
            begin_from(start, folder, plan)
        except ValueError as error:
            raise BadInput(str(error), "Name the bundled checkpoint, or one that `actalker train` made.") from error
    videos = TrainingVideos(footage, folder / "footage", plan.config.picture.short_edge) if footage else ()
    for name in demo.ENCODERS:
        said_by = synthesisers() if name == "audio" and start is None else {}
        demo.train_encoder(folder, plan, name, reporter(folder, plan, name, on_step), said_by)
    demo.fit(folder, plan, videos)
    workers = torch.cuda.device_count()
    stages = STAGES if start is None else tuple(stage for stage in STAGES if stage != demo.SHALLOW)
    for stage, train in LARGE.items():
        if stage not in stages:
            continue
        if workers:
            train_on_workers(folder, plan, stage, workers, use_gpu=True, footage=videos, on_step=on_step)
        else:
            train(folder, plan, reporter(folder, plan, stage, on_step), footage=videos)
    for stage in stages:
        if read_metrics(folder / stage):
            publish_log(folder / stage)
    sample_sheet(folder, plan, demo.NETWORK)
    demo.export(folder, checkpoint, plan.config)
    return checkpoint


def synthesisers() -> dict[str, Speaker]:
    """What the audio encoder hears; in the log, what it does not hear because it is not installed."""
    said_by = speakers() | ({"festival": festival.say_anything} if festival.installed() else {})
    if missing := SOURCES.keys() - said_by.keys():
        get_run_logger().warning(
            "The audio encoder is trained without %s, which is not installed: it will follow people's voices worse.",
            ", ".join(sorted(missing)),
        )
    elif silent := festival.VOICES.keys() - set(festival.installed()):
        get_run_logger().warning(
            "The audio encoder is trained without festival's %s, which are not installed: it hears fewer people.",
            ", ".join(sorted(silent)),
        )
    return said_by


def train_on_workers(
    folder: Path,
    plan: demo.Plan,
    stage: str,
    workers: int,
    use_gpu: bool,
    footage: Sequence[Video] = (),
    on_step: OnStep | None = None,
) -> None:
    """Train one of the `LARGE` stages on Ray workers that share every step; all must reach `folder`."""
    folder = folder.resolve()

    def work() -> None:
        from ray.train.torch import get_device  # noqa: PLC0415 - as below

        LARGE[stage](folder, plan, None, str(get_device()), footage)

    report = reporter(folder, plan, stage, on_step)
    with ray_session.session(None, workers, gpus=use_gpu), _forwarded(folder / stage, report):
        from ray.train import RunConfig, ScalingConfig  # noqa: PLC0415 - not before the session: see tasks.pool.ray_session
        from ray.train.torch import TorchTrainer  # noqa: PLC0415

        TorchTrainer(
            work,
            scaling_config=ScalingConfig(num_workers=workers, use_gpu=use_gpu),
            run_config=RunConfig(name="train", storage_path=str(folder / "ray")),
        ).fit()


@contextmanager
def _forwarded(run: Path, report: OnMetrics) -> Iterator[None]:
    """Report here, as it appears, what other processes log of a run."""
    over = threading.Event()

    def follow(reported: float) -> None:
        ended = False
        while not ended:
            ended = over.wait(_LOOKED_EVERY_S)
            for line in read_metrics(run):
                if line["step"] > reported:
                    reported = line["step"]
                    report(
                        int(reported), {name: figure for name, figure in line.items() if name not in {"step", "time_s"}}
                    )

    before = max((line["step"] for line in read_metrics(run)), default=0.0)
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(follow, before)
        try:
            yield
        finally:
            over.set()
    following.result()


def reporter(folder: Path, plan: demo.Plan, stage: str, on_step: OnStep | None = None) -> OnMetrics:
    """Reports every logged step of a stage; of the large ones, every 500 steps, log, curves and samples too."""
    log = get_run_logger()

    def report(step: int, metrics: Metrics) -> None:
        if on_step is not None:
            on_step(stage, step, plan.steps(stage), metrics)
        log.info("%s, step %d: %s", stage, step, ", ".join(f"{name} {value:.3f}" for name, value in metrics.items()))
        if stage in LARGE and step % _SHOWN_EVERY == 0:
            publish_log(folder / stage)
            sample_sheet(folder, plan, demo.SHALLOW if stage == demo.SHALLOW else demo.NETWORK)

    return report


def publish_log(run: Path) -> None:
    """A run's log as metrics.parquet, one row for each logged step, and as curves.png."""
    part = run / "metrics.parquet.partial"
    pq.write_table(pa.table(read_log(run)), part)
    part.replace(run / "metrics.parquet")
    write_curves(run)


def sample_sheet(folder: Path, plan: demo.Plan, network: str) -> None:
    """samples.png: what the weights of this moment make for two held-out people, above the truth."""
    shown = plan.shallow() if network == demo.SHALLOW else plan
    demo.export(folder, folder / "preview", shown.config, network)
    Image.fromarray(contact_sheet(folder / "preview", indices=(0, 1), frames=32, columns=8)).save(
        folder / "samples.png"
    )
