"""SVD's variational autoencoder, whose decoder also convolves over neighbouring frames."""

import torch
from diffusers import AutoencoderKLTemporalDecoder
from torch import Tensor, nn

from actalker.encoders.widths import SvdWidths


class SvdAutoencoder(nn.Module):
    """Diffusers' AutoencoderKLTemporalDecoder with the methods of `Autoencoder`."""

    def __init__(self, widths: SvdWidths) -> None:
        super().__init__()
        self.stride = 2 ** (len(widths.channels) - 1)
        self.model = AutoencoderKLTemporalDecoder(
            down_block_types=("DownEncoderBlock2D",) * len(widths.channels),
            block_out_channels=widths.channels,
            layers_per_block=widths.layers,
            latent_channels=widths.latent_channels,
        )

    def encode(self, pictures: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1] -> the mode of the latents (N, Z, H / 8, W / 8)."""
        folded = pictures.contiguous(memory_format=torch.channels_last)
        mode: Tensor = self.model.encode(folded).latent_dist.mode()
        return mode

    def decode(self, latents: Tensor, frames: int, portrait: Tensor) -> Tensor:
        """Latents (N, Z, h, w) of N / `frames` clips, one after the other -> (N, 3, 8 h, 8 w), about in [-1, 1].

        As published, `portrait` is not used.
        """
        folded = latents.contiguous(memory_format=torch.channels_last)
        pictures: Tensor = self.model.decode(folded, num_frames=frames).sample
        return pictures
