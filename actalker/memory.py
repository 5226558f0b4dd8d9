"""How much a GPU computes at once: from its free memory, by a model of what passes and decoded frames take.

The model's figures were measured on an H100 in bfloat16 with the plain forms, at 576 x 576 (docs/gpu.md): a pass of 25
frames 2.6 GiB beside the weights with both signals, 3.2 with released masks; a decoded frame 0.63 GiB, whatever the
size of the chunk. They grow with pixels and frames. `make bench-gpu` compares them with what torch has allocated.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch

from actalker.shapes import Size

T = TypeVar("T")

_log = logging.getLogger(__name__)

GIB = 1 << 30
PASS_GIB, PASS_FRAMES = 3.2, 25
FRAME_GIB = 0.63
PIXELS = 576 * 576
"""To which the three refer."""
WEIGHTS_GIB = 4.8
"""Of the published checkpoint in bfloat16, with encoders and CUDA's own. What torch measures is used where it runs."""
USED = 0.9
"""Share of the free memory that is planned with; the rest is lost between blocks."""
LARGEST_BATCH = 4
"""As many as a step has with all signals. Of larger batches nothing was measured."""


@dataclass(frozen=True)
class Work:
    """What is computed at once."""

    passes: int
    """Passes, of one window or of several, in one call of the network. The result differs by rounding only."""
    decoded: int
    """Frames in a chunk of the decoder, at most the checkpoint's. Fewer give a little different pictures."""


def keep_to(share: float) -> None:
    """Let this process allocate no more than a share of its GPU's memory, because others have the rest.

    Without CUDA it does nothing.
    """
    if torch.cuda.is_available():
        torch.cuda.set_per_process_memory_fraction(share)


def free_bytes(device: torch.device) -> int:
    """How much of a GPU's memory this process may still allocate."""
    index = torch.cuda.current_device() if device.index is None else device.index  # some calls take no plain "cuda"
    free, total = torch.cuda.mem_get_info(index)
    share = torch.cuda.get_per_process_memory_fraction(index)
    return min(free, int(share * total) - torch.cuda.memory_reserved(index))


def pass_bytes(size: Size, frames: int) -> int:
    """Memory of one pass of a window beside the weights."""
    return round(PASS_GIB * GIB * size.area / PIXELS * frames / PASS_FRAMES)


def frame_bytes(size: Size) -> int:
    """Memory of one frame in a chunk of the decoder, beside the weights."""
    return round(FRAME_GIB * GIB * size.area / PIXELS)


def deep_bytes(grid: Size, width: int, frames: int) -> int:
    """Memory of the deep features that are kept of one pass (`Sampling.deep_renewed_every`), in half precision."""
    return 2 * grid.area * width * frames


def fitting(free: int, size: Size, window: int, chunk: int, kept: int = 0) -> Work:
    """What fits into so many free bytes, the weights being loaded: at least one pass and one frame.

    size: Of the pictures, in pixels. window: Frames of a pass. chunk: The checkpoint's frames in a chunk. kept: Bytes
    that are kept between passes.
    """
    passes = min(max(int(USED * (free - kept)) // pass_bytes(size, window), 1), LARGEST_BATCH)
    return Work(passes, min(max(int(USED * free) // frame_bytes(size), 1), chunk))


def halving(count: int, work: Callable[[int], T]) -> tuple[T, int]:
    """work(count), and the count; when a GPU's memory is out, once more with half of it, down to 1.

    Raises torch.OutOfMemoryError if it is out for 1 too.
    """
    while True:
        try:
            return work(count), count
        except torch.OutOfMemoryError:
            if count == 1:
                raise
        # Outside of the handler: its traceback holds what was allocated.
        count //= 2
        _log.warning("the GPU's memory is out: going on with %d at once", count)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
