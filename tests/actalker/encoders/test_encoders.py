"""Encoders: the published numbers where there are any (data/), and the timing of what a frame covers."""

import pytest
import torch
from torch import nn

from actalker.encoders.arcface import ArcFace
from actalker.encoders.projections import AudioProjection, ExpressionProjection, IdentityProjection
from actalker.encoders.published import PublishedEncoders, pose
from actalker.encoders.resnet import expression_network, pose_network
from actalker.encoders.whisper import AudioEncoder
from actalker.encoders.widths import PublishedWidths
from actalker.network import TINY, SpatialGuide
from actalker.shapes import Box
from tests.actalker.rounding import rounding_of
from tests.actalker.weights_by_rule import fill, noise, relative_error, results, shapes, weight
from tests.card import on_every_device

pytestmark = pytest.mark.numeric

SMALL = PublishedWidths(
    tokens=64, whisper=24, audio_hidden=48, arcface=8, arcface_counts=(1, 1, 1, 1), identity_hidden=96
)


def filled(module, prefix):
    module.load_state_dict({key: weight(prefix + key, value.shape) for key, value in module.state_dict().items()})
    return module.requires_grad_(False)


PROJECTIONS = [
    ("audio_linear", AudioProjection(10 * 5 * 24, 48, 32, 64), (2, 3, 10, 5, 24)),
    ("id_proj_model", IdentityProjection(512, 96, 64), (2, 1, 512)),
    ("vasa_linear", ExpressionProjection(512, 58), (4, 512)),
]


@pytest.mark.parametrize(("name", "module", "shape"), PROJECTIONS, ids=[row[0] for row in PROJECTIONS])
@on_every_device
def test_projections(name, module, shape, device):
    result = filled(module, f"{name}.").to(device)(noise(f"{name}.x", shape).to(device))
    assert relative_error(result, results("encoders")[f"{name}.out"]) < rounding_of(module)


@on_every_device
def test_spatial_guide(device):
    guide = filled(SpatialGuide(TINY), "pose_guider.").to(device)
    result = guide(noise("pose_guider.x", (1, 3, 3, 64, 96)).to(device).transpose(1, 2)).transpose(1, 2)
    assert relative_error(result, results("encoders")["pose_guider.out"]) < rounding_of(guide)


@on_every_device
def test_expression_network(device):
    network = expression_network().requires_grad_(False)
    fill(network, "expression_network", "expression_model.", shapes("published_keys")["expression_model"])
    result = network.to(device)(noise("expression_model.x", (2, 3, 256, 256), 0.3).to(device))
    assert relative_error(result, results("encoders")["expression_model.out"]) < rounding_of(network)


@on_every_device
def test_pose_network(device):
    network, truth = pose_network().requires_grad_(False), results("encoders")
    fill(network, "pose_network", "pose_model.", shapes("published_keys")["pose_model"])
    rotation, translation = pose(network.to(device)(noise("pose_model.x", (2, 3, 256, 256), 0.3).to(device)))
    assert relative_error(rotation, truth["pose_model.rotation"]) < rounding_of(network)
    assert relative_error(translation, truth["pose_model.translation"]) < rounding_of(network)


def test_arcface_has_the_size_and_the_tensor_names_of_insightfaces_r50():
    with torch.device("meta"):
        network = ArcFace()
    # Exported to ONNX every normalisation behind a convolution becomes its bias; InsightFace's file of the R50 model
    # (w600k_r50.onnx) then holds 43,590,976 numbers.
    exported = 0
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            exported += module.weight.numel() + module.out_channels
        elif isinstance(module, (nn.Linear, nn.PReLU)):
            exported += sum(p.numel() for p in module.parameters())
        elif name.endswith((".bn1", "features")) or name == "bn2":
            exported += sum(value.numel() for value in module.state_dict().values() if value.ndim)
    assert exported == 43_590_976
    names = network.state_dict()
    for name in ("layer3.13.bn3.running_var", "layer1.0.downsample.1.weight", "prelu.weight", "features.running_mean"):
        assert name in names
    assert names["fc.weight"].shape == (512, 25088)


@pytest.fixture(scope="module")
def whisper():
    torch.manual_seed(0)
    return AudioEncoder(width=24).eval().requires_grad_(False)


def test_each_frame_covers_200_ms_about_itself(whisper):
    torch.manual_seed(1)
    sound = 0.1 * torch.randn(16_000)
    features = whisper(sound)
    assert features.shape == (25, 10, 5, 24)
    steps = whisper._hidden(sound)
    for k in range(25):  # step i of frame k is step 2k + i - 4 of the encoder, where there is one
        for i in range(10):
            step = 2 * k + i - 4
            expected = steps[step] if 0 <= step < 50 else torch.zeros(5, 24)
            assert torch.equal(features[k, i], expected)


def test_sound_beyond_30_seconds_is_heard_in_windows(whisper):
    sound = 0.1 * torch.randn(480_000 + 6_400 + 100)
    features = whisper(sound)
    assert features.shape[0] == 750 + 10
    second = whisper._hidden(sound[480_000:])
    assert torch.equal(features[752, 4], second[4])


def test_sound_shorter_than_a_frame_is_refused(whisper):
    with pytest.raises(ValueError, match="sound of 639 samples is shorter than one frame"):
        whisper(torch.zeros(639))


@pytest.fixture(scope="module")
def encoders():
    torch.manual_seed(0)
    return PublishedEncoders(SMALL).requires_grad_(False)


def test_tokens_have_the_networks_shapes(encoders):
    box = Box(20, 20, 100, 100)
    frames = torch.rand(3, 3, 120, 120)
    assert encoders.audio(torch.zeros(6_400)).shape == (10, 32, 64)
    assert encoders.identity(frames[0], box).shape == (1, 64)
    motion = encoders.motion(frames, box)
    assert motion.shape == (3, 1, 64)
    assert (motion[..., -3:] == 0).all(), "the translation is multiplied by zero"
    audio, still = encoders.unconditional()
    assert audio.shape == (32, 64)
    assert still.shape == (1, 64)
    assert (still[:, -6:] == 0).all()


def test_a_portraits_identity_does_not_depend_on_its_neighbours(encoders):
    assert not encoders.training
    frames, box = torch.rand(2, 3, 120, 120), Box(20, 20, 100, 100)
    together, alone = encoders.motion(frames, box)[0], encoders.motion(frames[:1], box)[0]
    assert relative_error(together, alone) < rounding_of(encoders.expression_network)  # the deeper of the two networks
