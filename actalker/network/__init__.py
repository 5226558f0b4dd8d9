"""The denoising network: UNet, spatial guide, conditions and configuration.

config = NetworkConfig(channels=(64, 128), attention=(True, True), heads=(2, 4), ...)   or PUBLISHED, TINY
unet, guide = UNet(config), SpatialGuide(config)
v = unet(sample, timesteps, Conditions(identity, signals, masks, gates, time_ids, guide(face)))

`fast/` has forms of its parts that are faster on CUDA; `Talker` installs them there.
"""

from actalker.network.conditions import Conditions
from actalker.network.config import PUBLISHED, TINY, Branch, NetworkConfig
from actalker.network.guide import SpatialGuide
from actalker.network.unet import UNet

__all__ = ["PUBLISHED", "TINY", "Branch", "Conditions", "NetworkConfig", "SpatialGuide", "UNet"]
