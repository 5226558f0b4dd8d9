"""The parameters of a moving face: `performance` makes them, `drawing` draws them, `measure` reads them."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Face:
    """Parameters of one frame. Each is 0 at rest."""

    open: float = 0.0  # jaw and lips, 0 closed to 1 widest
    wide: float = 0.0  # lip corners, -1 narrow to 1 spread
    round: float = 0.0  # protruded lips, 0 to 1
    tongue: float = 0.0  # tip behind the upper teeth, 0 to 1
    brow: float = 0.0  # -1 lowered to 1 raised
    blink: float = 0.0  # 0 open to 1 shut
    smile: float = 0.0  # -1 to 1
    gaze_x: float = 0.0  # -1 to the picture's left, 1 to its right
    gaze_y: float = 0.0  # -1 up to 1 down
    x: float = 0.0  # head shift, fractions of the picture's width
    y: float = 0.0
    roll_deg: float = 0.0
    yaw: float = 0.0  # -1 to 1: the features slide over the head

    def with_mouth_of(self, speaker: "Face") -> "Face":
        """This face with the mouth shape of `speaker`."""
        mouth = {"open": speaker.open, "wide": speaker.wide, "round": speaker.round, "tongue": speaker.tongue}
        return replace(self, **mouth)

    def with_still_head(self) -> "Face":
        """This face with head position and rotation at rest."""
        return replace(self, x=0.0, y=0.0, roll_deg=0.0, yaw=0.0)


REST = Face()
