"""Conversion of the published files: every tensor has its place, and nothing is accepted that is not exactly right."""

import json
import resource
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from actalker.checkpoint import (
    CheckpointConfig,
    WeightsError,
    load_part,
    read_config,
    save_checkpoint,
    verify,
)
from actalker.encoders.build import AutoencoderConfig, EncodersConfig
from actalker.encoders.widths import PublishedWidths, SmallWidths, SvdWidths
from actalker.network import TINY, Conditions
from actalker.weights import SOURCES, convert, place
from tests.actalker.rounding import rounding_of
from tests.actalker.weights_by_rule import noise, relative_error, results, shapes, weight

PUBLISHED_NAMES = {  # module here -> name of its file's keys in data/published_keys.json
    "unet": "unet",
    "guide": "pose_guider",
    "audio_projection": "audio_linear",
    "identity_projection": "id_proj_model",
    "expression_projection": "vasa_linear",
    "expression_network": "expression_model",
    "pose_network": "pose_model",
}

TINY_CHECKPOINT = CheckpointConfig(
    network=TINY,
    encoders=EncodersConfig(
        PublishedWidths(
            tokens=64,
            whisper=24,
            audio_hidden=48,
            arcface=8,
            arcface_counts=(1, 1, 1, 1),
            identity_hidden=96,
        )
    ),
    autoencoder=AutoencoderConfig(SvdWidths(channels=(32,) * 4, layers=1)),
)


def test_every_published_tensor_has_one_place_of_its_shape():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    config, published = CheckpointConfig(), shapes("published_keys")
    with torch.device("meta"):
        ours = {part: config.build(part).state_dict() for part in ("unet", "guide", "encoders")}
    seen = 0
    for source in SOURCES:
        name = PUBLISHED_NAMES.get(source.module or source.part)
        if name is None:
            continue  # the files of others (SVD, Whisper, InsightFace), whose tensor names are their libraries' own
        tensors = {source.prefix + key: torch.empty(shape, device="meta") for key, shape in published[name].items()}
        placed, others = place(source, tensors)
        prefix = f"{source.module}." if source.module else ""
        expected = {key: value for key, value in ours[source.part].items() if key.startswith(prefix)}
        assert others == []
        assert {key: value.shape for key, value in placed.items()} == {key: v.shape for key, v in expected.items()}
        seen += len(placed)
    assert seen == sum(len(tensors) for tensors in published.values()) == 2083
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mib < 150, "names and shapes only; the weights themselves would be 7,400 MiB"


def published_files(directory, config=TINY_CHECKPOINT):
    """The published layout, with tiny shapes, filled by the published names."""
    published = shapes("published_keys")
    with torch.device("meta"):
        encoders, autoencoder = config.build("encoders"), config.build("autoencoder")

    def write(path, tensors):
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (save_file if path.endswith(".safetensors") else torch.save)(tensors, directory / path)

    def named(prefix, tensors):
        return {key: weight(f"{prefix}.{key}", tensor.shape) for key, tensor in tensors.items()}

    write("unet-136000.pth", {key: weight(f"unet.{key}", shape) for key, shape in shapes("tiny_unet_keys").items()})
    with torch.device("meta"):
        write("pose_guider-136000.pth", named("pose_guider", config.build("guide").state_dict()))
    write("audio_linear-136000.pth", named("audio_linear", encoders.audio_projection.state_dict()))
    write("id_proj_model-136000.pth", named("id_proj_model", encoders.identity_projection.state_dict()))
    write("vasa_linear-136000.pth", named("vasa_linear", encoders.expression_projection.state_dict()))
    motion = {
        name: {key: weight(f"{name}.{key}", shape) for key, shape in published[name].items()}
        for name in ("expression_model", "pose_model")
    }
    generator = {f"expression_model.{key}": value for key, value in motion["expression_model"].items()}
    write(
        "MX31c_32k.ckpt", {"generator": generator | {"warp.weight": torch.zeros(1)}, "pose_model": motion["pose_model"]}
    )
    write("arcface/backbone.pth", named("arcface", encoders.arcface.state_dict()))
    whisper = {f"model.{key}": value for key, value in named("whisper", encoders.whisper.state_dict()).items()}
    write("whisper-tiny/model.safetensors", whisper | {"model.decoder.layer_norm.weight": torch.zeros(1)})
    write("vae/diffusion_pytorch_model.safetensors", named("vae", autoencoder.model.state_dict()))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    directory = tmp_path_factory.mktemp("published")
    published_files(directory)
    return directory


@pytest.fixture(scope="module")
def converted(source, tmp_path_factory):
    directory = tmp_path_factory.mktemp("converted")
    return directory, convert(source, directory, TINY_CHECKPOINT)


@pytest.mark.numeric
def test_a_converted_checkpoint_gives_the_published_numbers(converted):
    directory, _ = converted
    config = read_config(directory)
    assert config == TINY_CHECKPOINT
    truth, unet = results("unet"), load_part(directory, config, "unet")
    conditions = Conditions(
        identity=noise("unet.id", (6, 1, 64)).unflatten(0, (2, 3)),
        signals=(
            noise("unet.audio", (6, 32, 64)).unflatten(0, (2, 3)),
            noise("unet.exp", (6, 1, 64)).unflatten(0, (2, 3)),
        ),
        masks=torch.cat([truth["both.audio_mask"], truth["both.expression_mask"]], dim=1).expand(2, -1, -1, -1),
        gates=torch.ones(2, 2, dtype=torch.bool),
        time_ids=truth["added_time_ids"],
        guide=noise("unet.spatial", (2, 3, 32, 16, 24), 0.3),
    )
    result = unet(noise("unet.sample", (2, 3, 8, 16, 24)), torch.full((2,), 1.637), conditions)
    assert relative_error(result, truth["both.t1.637.out"]) < rounding_of(unet)
    encoders, truth = load_part(directory, config, "encoders"), results("encoders")
    for module, name, shape in (
        (encoders.audio_projection, "audio_linear", (2, 3, 10, 5, 24)),
        (encoders.identity_projection, "id_proj_model", (2, 1, 512)),
        (encoders.expression_projection, "vasa_linear", (4, 512)),
    ):
        assert relative_error(module(noise(f"{name}.x", shape)), truth[f"{name}.out"]) < rounding_of(module)
    features = encoders.expression_network(noise("expression_model.x", (2, 3, 256, 256), 0.3))
    assert relative_error(features, truth["expression_model.out"]) < rounding_of(encoders.expression_network)
    autoencoder, truth = load_part(directory, config, "autoencoder"), results("sampling")
    latents = autoencoder.encode(noise("pipe.ref", (1, 3, 128, 192), 0.5).clamp(-1, 1))
    assert relative_error(latents, truth["ref_latents"]) < rounding_of(autoencoder.model)


def test_the_conversion_says_what_it_did(converted):
    directory, conversion = converted
    assert conversion.unused == {
        "MX31c_32k.ckpt": ["warp.weight"],
        "model.safetensors": ["model.decoder.layer_norm.weight"],
    }
    assert conversion.files == verify(directory)
    assert {file.name: file.tensors for file in conversion.files}["unet.safetensors"] == 1150
    assert sorted(path.suffix for path in directory.iterdir()) == [".json"] + [".safetensors"] * 4


def test_nothing_is_allocated_twice_and_nothing_needs_a_gradient(converted):
    unet = load_part(converted[0], TINY_CHECKPOINT, "unet")
    assert not unet.training
    assert all(not p.requires_grad and not p.is_meta for p in unet.parameters())


def altered(source, directory, name, change):
    """A copy of the published files with one of them changed."""
    for path in source.rglob("*"):
        if path.is_file():
            target = directory / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(path)
    content = torch.load(source / name, weights_only=True)
    change(content)
    (directory / name).unlink()
    torch.save(content, directory / name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("conv_in.bias"), "guide: conv_in.bias is missing"),
        (lambda t: t.update(extra=torch.zeros(1)), "guide: extra belongs nowhere"),
        (
            lambda t: t.update({"conv_in.bias": torch.zeros(3)}),
            r"guide: conv_in.bias has shape \(3,\), expected \(16,\)",
        ),
        (lambda t: t.update(step=7), "pose_guider-136000.pth holds other things than tensors: step"),
    ],
    ids=["missing", "left over", "shape", "not a tensor"],
)
def test_a_wrong_tensor_is_named_and_nothing_is_written(source, tmp_path, change, message):
    altered(source, tmp_path / "source", "pose_guider-136000.pth", change)
    with pytest.raises(WeightsError, match=message):
        convert(tmp_path / "source", tmp_path / "target", TINY_CHECKPOINT)
    assert not (tmp_path / "target").exists()


def test_missing_files_are_all_named(tmp_path):
    with pytest.raises(WeightsError) as caught:
        convert(tmp_path, tmp_path / "target")
    for source in SOURCES:
        assert source.patterns[0] in str(caught.value)


class Trap:
    """What a hostile pickle would run."""

    def __reduce__(self):
        return (print, ("executed",))


def test_a_pickle_that_would_run_code_is_refused(source, tmp_path, capsys):
    altered(source, tmp_path / "source", "pose_guider-136000.pth", lambda t: None)
    torch.save({"conv_in.weight": Trap()}, tmp_path / "source" / "pose_guider-136000.pth")
    with pytest.raises(WeightsError, match=r"pose_guider-136000.pth: .*Weights only load failed"):
        convert(tmp_path / "source", tmp_path / "target", TINY_CHECKPOINT)
    assert "executed" not in capsys.readouterr().out


@pytest.fixture
def copy(converted, tmp_path):
    for path in converted[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_a_flipped_byte_is_found(copy):
    path = copy / "guide.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"guide.safetensors has sha256 .*, config.json says"):
        verify(copy)


def test_a_missing_file_and_a_bad_config_are_found(copy):
    (copy / "guide.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"guide.safetensors is missing"):
        verify(copy)
    document = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(document | {"colour": 1}))
    with pytest.raises(WeightsError, match="config: unknown colour"):
        read_config(copy)
    (copy / "config.json").write_text(json.dumps(document | {"format": 2}))
    with pytest.raises(WeightsError, match="format 2 is unknown"):
        read_config(copy)
    (copy / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"no checkpoint in .*: config.json is missing"):
        read_config(copy)


def test_weights_that_do_not_fit_the_configuration_are_not_saved(tmp_path):
    with torch.device("meta"):
        parts = {
            part: TINY_CHECKPOINT.build(part).state_dict() for part in ("unet", "guide", "autoencoder", "encoders")
        }
    wider = replace(TINY_CHECKPOINT, network=replace(TINY, context_width=32))
    with pytest.raises(WeightsError, match=r"unet: .* has shape"):
        save_checkpoint(tmp_path / "new", wider, parts)
    assert not (tmp_path / "new").exists()


def test_exactly_one_kind_of_encoders():
    with pytest.raises(ValueError, match="exactly one of 'published' and 'small'"):
        EncodersConfig(PublishedWidths(), SmallWidths())
    with pytest.raises(ValueError, match="exactly one of 'svd' and 'patch'"):
        AutoencoderConfig(None)
