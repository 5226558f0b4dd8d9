"""A worker says what it computes with."""

import platform

import numpy as np
import pytest

from tasks.job import Preset
from tasks.pool.worker_facts import worker_facts


def test_a_worker_names_its_processor_and_its_software() -> None:
    facts = worker_facts("node/7", Preset.STILL)
    assert (facts.address, facts.host) == ("node/7", platform.node())
    assert facts.device
    assert facts.versions["python"] == platform.python_version()
    assert facts.versions["numpy"] == np.__version__
    assert "cuda" not in facts.versions


@pytest.mark.gpu
def test_a_worker_of_the_network_names_its_gpu() -> None:
    import torch

    facts = worker_facts("node/7", Preset.DEMO)
    assert facts.device == torch.cuda.get_device_name()
    assert facts.versions["cuda"] == torch.version.cuda
    assert worker_facts("node/7", Preset.STILL).device != facts.device
