"""What float32 means on a GPU."""

import torch


def exact_float32() -> None:
    """Compute float32 in float32 on GPUs, for the whole process.

    By default torch lets convolutions round float32 to tf32, which keeps 10 bits: the published UNet is then 2e-3 from
    its recorded numbers in place of 4e-6. Here only what is small runs in float32 (encoders, the solver), the rest in
    bfloat16, so that exactness costs next to nothing.
    """
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
