"""How far two float32 computations of the same numbers may lie apart: what the bounds of numeric tests follow from.

Processors add the terms of a sum in different orders, as many at a time as their vectors hold. Every operation is off
by at most half a unit in the last place, upwards or downwards, so that n of them amount to about the square root of n
halves, relative to the norm of the result (Higham, Accuracy and Stability of Numerical Algorithms, section 2.8).
"""

import math

from torch import nn

HALF_UNIT = 2.0**-24
"""What one rounding to float32 is off by at most, relative to the number."""


def rounding(terms: int) -> float:
    """The bound for a result that so many terms are added up in."""
    return HALF_UNIT * math.sqrt(terms)


def rounding_of(network: nn.Module) -> float:
    """The bound for a network's result: as many terms as every layer's outputs are sums of, layer after layer.

    With AVX-512 and without any vector unit beyond SSE the tests measure 1/27 to 1/2 of it. Half-precision weights, the
    other GELU, a weight off by a tenth of its spread or a normalisation's eps off by a factor lie above it.
    """
    layers = [module for module in network.modules() if isinstance(module, (nn.Linear, nn.modules.conv._ConvNd))]
    return rounding(sum(layer.weight[0].numel() for layer in layers))
