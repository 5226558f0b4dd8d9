import pytest
import torch

from actalker.encoders.small import MOTION_SIGNALS
from actalker.training.loop import Objective
from actalker.training.pretraining import IdentityObjective, MotionObjective

SMALL = [
    lambda: MotionObjective(people=2, pool=2),
    lambda: IdentityObjective(people=3, pool=4),
]


@pytest.mark.parametrize("make", SMALL, ids=["motion", "identity"])
def test_steps_are_functions_of_their_number_and_lower_the_loss(make) -> None:  # type: ignore[no-untyped-def]
    objective: Objective = make()
    first = float(objective.loss(1)[0].detach())
    assert float(objective.loss(1)[0].detach()) == first
    optimizer = torch.optim.Adam(objective.module().parameters(), 2e-3)
    for step in range(12):
        optimizer.zero_grad()
        objective.loss(step)[0].backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert float(objective.loss(1)[0].detach()) < 0.9 * first


def test_batches_have_the_stated_shapes() -> None:
    crops, gestures = MotionObjective(people=2, pool=2).batch(0)
    assert crops.shape == (20, 3, 64, 64)
    assert gestures.shape == (20, len(MOTION_SIGNALS))
    assert -1 <= float(crops.min()) < float(crops.max()) <= 1
