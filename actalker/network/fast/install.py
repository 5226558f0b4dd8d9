"""Puts the fast forms into loaded modules. The only function that the rest of the program calls."""

import logging
import os
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from diffusers.models.activations import GEGLU
from diffusers.models.resnet import SpatioTemporalResBlock
from torch import nn
from torch._inductor.runtime.cache_dir_utils import default_cache_dir

from actalker.network.blocks import ResBlock
from actalker.network.fast.blocks import FastDecoderBlock, FastResBlock, FastTransformer
from actalker.network.fast.norms import FastGEGLU, FastLayerNorm
from actalker.network.fast.pcm import FastPCM
from actalker.network.pcm import PCM
from actalker.network.transformer import SpatialBlock, TemporalBlock, Transformer

_log = logging.getLogger(__name__)

GRAPHS = 64
"""Shapes for which one function may be compiled; torch's limit of 8 is too low for three grids and several contexts."""

CACHE_VARIABLE = "TORCHINDUCTOR_CACHE_DIR"

Form = Callable[[nn.Module], nn.Module]


def install(module: nn.Module, *, compiled: bool) -> None:
    """Replace parts of a loaded network, or of a loaded autoencoder, by their fast forms, for inference on CUDA.

    compiled: the spatial and temporal blocks of the transformers are compiled by torch, in their first calls for each
    shape (58 s in all, on 16 cores). Else their normalisations and GEGLUs are replaced by kernels of ours, which need
    no compiling and are a little slower: a pass 135 ms in place of 129 on an H100.
    """
    counts: dict[str, int] = {}
    for parent, name, child in list(_children(module)):
        form = _form_of(child)
        if form is not None:
            setattr(parent, name, form(child))
            counts[type(child).__name__] = counts.get(type(child).__name__, 0) + 1
    blocks = [part for part in module.modules() if isinstance(part, SpatialBlock | TemporalBlock)]
    if compiled:
        _compile(blocks)
    else:
        for block in blocks:
            for parent, name, child in list(_children(block)):
                if isinstance(child, nn.LayerNorm):
                    setattr(parent, name, FastLayerNorm(child))
                elif isinstance(child, GEGLU):
                    setattr(parent, name, FastGEGLU(child))
    found = ", ".join(f"{count} {name}" for name, count in counts.items()) or "nothing"
    _log.info("fast forms of %s: %s; %d blocks %s", type(module).__name__, found, len(blocks), _how(compiled))


def _how(compiled: bool) -> str:
    return "compiled" if compiled else "with fused normalisations"


def _form_of(part: nn.Module) -> Form | None:
    """The fast form of a part, if it has one."""
    form: Form | None = None
    if isinstance(part, ResBlock):  # with scale and shift (time_norm), biases cannot move
        form = FastResBlock if part.spatial.time_embedding_norm == "default" else None  # type: ignore[assignment]
    elif isinstance(part, Transformer):
        form = FastTransformer  # type: ignore[assignment]
    elif isinstance(part, PCM):
        form = FastPCM if part.extent == "frame" else None  # type: ignore[assignment]
    elif isinstance(part, SpatioTemporalResBlock):
        form = FastDecoderBlock if part.spatial_res_block.time_emb_proj is None else None
    return form


def _children(module: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Module]]:
    """All descendants with their parents and names."""
    for parent in module.modules():
        for name, child in parent.named_children():
            yield parent, name, child


def _keep_what_is_compiled() -> None:
    """Have torch keep it where the next worker finds it, unless the user has named a folder.

    When torch's compiler is imported, which diffusers does, it names a folder of its own for temporary files.
    """
    if os.environ.get(CACHE_VARIABLE, default_cache_dir()) == default_cache_dir():
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        os.environ[CACHE_VARIABLE] = str(cache / "actalker" / "inductor")


def _compile(blocks: Sequence[nn.Module]) -> None:
    """Compile the classes' functions, once for all blocks: layers of equal shape share a graph."""
    _keep_what_is_compiled()
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, GRAPHS)
    forwards = {kind: torch.compile(kind.forward, dynamic=False) for kind in {type(block) for block in blocks}}
    for block in blocks:
        block.forward = types.MethodType(forwards[type(block)], block)
