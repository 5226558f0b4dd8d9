"""Latents to pictures, some frames at a time.

n frames; Z latent channels on a grid of h x w; pictures of H x W.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor

from actalker.encoders.interface import Autoencoder, SourcedAutoencoder
from actalker.memory import halving
from actalker.sampling.options import LATENT_SCALE

Decoder: TypeAlias = Callable[[Tensor, int, Tensor], Tensor]


@torch.no_grad()
def decode(
    autoencoder: Autoencoder,
    latents: Tensor,
    portrait: Tensor,
    *,
    scale: float = LATENT_SCALE,
    chunk: int = 10,
    context: int = 0,
    with_sources: bool = False,
) -> Iterator[Tensor]:
    """Latents (n, Z, h, w), scaled as in `denoise` -> pictures (at most `chunk`, 3, H, W) in [-1, 1], chunk by chunk.

    portrait: (3, H, W) in [-1, 1], for decoders that take detail from it. context: frames on either side of a chunk
    that are decoded with it and dropped, because the decoder convolves over time; 0 in the published script. Where a
    GPU's memory is out, the chunk is halved. with_sources: yield what `SourcedAutoencoder.decode_with_sources` returns.
    """
    decoder = autoencoder.decode
    if with_sources:
        assert isinstance(autoencoder, SourcedAutoencoder)
        decoder = autoencoder.decode_with_sources
    start = 0
    while start < len(latents):
        pictures, chunk = halving(chunk, partial(_chunk, decoder, latents, portrait, scale, context, start))
        yield pictures
        start += len(pictures)


def _chunk(
    decoder: Decoder, latents: Tensor, portrait: Tensor, scale: float, context: int, start: int, count: int
) -> Tensor:
    """At most `count` pictures from `start`."""
    first, last = max(0, start - context), min(len(latents), start + count + context)
    pictures = decoder(latents[first:last] / scale, last - first, portrait)
    return pictures[start - first : start - first + count]
