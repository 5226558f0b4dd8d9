"""The one table between the tensor names of the published checkpoint and ours."""

import re

_RESNET = (
    (r"^(resnet50|head_pose_net)\.", r""),
    (r"^conv1\.", r"conv."),
    (r"^[bg]n1\.", r"norm."),
    (r"^layer(\d)\.", r"layers.\1."),
    (r"\.conv(\d)\.", r".convs.\1."),
    (r"\.[bg]n(\d)\.", r".norms.\1."),
    (r"\.downsample\.", r".shortcut."),
)

RENAMES: dict[str, tuple[tuple[str, str], ...]] = {
    "unet": (
        (r"\.transformer_blocks\.0\.", r".spatial."),
        (r"\.temporal_transformer_blocks\.0\.", r".temporal."),
        (r"\.spatial_res_block\.", r".spatial."),
        (r"\.temporal_res_block\.", r".temporal."),
        (r"\.processor\.to_([kv])_ip\.(\d+)\.", r".adapters.\2.to_\1."),
        (r"(^|\.)mamba_blocks\.0\.", r"\1pcm."),
        (r"pcm\.audio_unit\.", r"pcm.scans.0."),
        (r"pcm\.exp_unit\.", r"pcm.scans.1."),
        (r"pcm\.audio_proj\.", r"pcm.signal_projs.0."),
        (r"pcm\.exp_proj\.", r"pcm.signal_projs.1."),
        (r"pcm\.in_proj1\.", r"pcm.in_projs.0."),
        (r"pcm\.in_proj2\.", r"pcm.in_projs.1."),
        (r"pcm\.id_proj\.", r"pcm.identity_proj."),
    ),
    "expression_network": _RESNET,
    "pose_network": _RESNET,
}
"""Per part of the network, regular expressions applied in order. A part that is not named keeps its names."""


def rename(part: str, key: str) -> str:
    """Our name of a published tensor of one part (`unet`, `guide`, ...)."""
    for pattern, replacement in RENAMES.get(part, ()):
        key = re.sub(pattern, replacement, key)
    return key
