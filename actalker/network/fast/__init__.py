"""Forms of the network's parts that are faster on CUDA, for inference. The plain forms beside them are the reference.

install.py        puts them into a loaded network or autoencoder
blocks.py         residual blocks of UNet and decoder, the transformer's outer normalisation
pcm.py            PCM layer
scan.py           scan unit, and how its scan is launched
norms.py          group and layer normalisation, residual, GEGLU
scan_kernel.py    Triton: the scan
norm_kernels.py   Triton: the rest
"""

from actalker.network.fast.install import install

__all__ = ["install"]
