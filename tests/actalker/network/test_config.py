"""Network configurations: presets, their way through JSON, and the published network's size."""

import json
import math
from dataclasses import replace

import pytest
import torch

from actalker.network import PUBLISHED, TINY, NetworkConfig, UNet
from tests.actalker.network.scenes import CLIP


@pytest.mark.parametrize("config", [PUBLISHED, TINY, CLIP], ids=["published", "tiny", "clip"])
def test_a_configuration_survives_json(config):
    assert NetworkConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_bad_values_are_refused():
    with pytest.raises(ValueError, match="width 320 is not divisible by 3 heads"):
        replace(PUBLISHED, heads=(3, 10, 20, 20))
    with pytest.raises(ValueError, match="'frame' or 'clip', not 'film'"):
        replace(PUBLISHED, scan_extent="film")
    with pytest.raises(ValueError, match="depth"):
        NetworkConfig.from_json(PUBLISHED.to_json() | {"depth": 3})


def test_the_published_network_has_the_published_number_of_parameters():
    with torch.device("meta"):
        unet = UNet(PUBLISHED)
    sizes = {name: math.prod(p.shape) for name, p in unet.named_parameters()}
    assert sum(sizes.values()) == 1_775_460_842
    assert sum(size for name, size in sizes.items() if ".pcm." in name) == 148_601_600
