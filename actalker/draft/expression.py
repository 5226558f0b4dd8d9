"""What a drafted face does in one frame."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Expression:
    """Everything is 0 in the photograph itself.

    Attributes:
        open, wide, round, tongue: The mouth, in the units of `actalker.puppet.face.Face`.
        close: 1 brings photographed lips that are apart together; `open` parts them again.
        brow, blink: -1 lowered to 1 raised, 0 open to 1 shut.
        yaw, nod, roll: Of the head, in radians; small.
        x, y: Its shift in eye distances.
    """

    open: float = 0.0
    wide: float = 0.0
    round: float = 0.0
    tongue: float = 0.0
    close: float = 0.0
    brow: float = 0.0
    blink: float = 0.0
    yaw: float = 0.0
    nod: float = 0.0
    roll: float = 0.0
    x: float = 0.0
    y: float = 0.0


REST = Expression()
"""The photograph as it is."""
