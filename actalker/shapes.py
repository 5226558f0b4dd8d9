"""Sizes and boxes, and the conversions between pixels and latents.

All values are integers. A size is (height, width), as in tensors.
"""

from dataclasses import dataclass

AUDIO_HZ = 16_000
"""Sample rate of all sound."""

FRAME_SAMPLES = 640
"""Samples of one finished frame: videos have 25 frames per second."""


@dataclass(frozen=True)
class Size:
    """Height and width of a picture, a latent map or a token grid."""

    height: int
    width: int

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ValueError(f"a size must be positive, got {self.height} x {self.width}")

    @property
    def area(self) -> int:
        """Number of positions."""
        return self.height * self.width

    def latent(self, stride: int) -> "Size":
        """Latent size of a picture. Raises ValueError unless both edges are multiples of `stride`."""
        if self.height % stride or self.width % stride:
            raise ValueError(
                f"a picture of {self.height} x {self.width} pixels has no whole latents: "
                f"both edges must be multiples of {stride}"
            )
        return Size(self.height // stride, self.width // stride)


def render_size(picture: Size, short_edge: int, multiple: int) -> Size:
    """Size at which a picture is rendered: a given short edge, and the same aspect ratio up to the nearest multiple.

    The published network has a short edge of 576 and multiples of 64, so that its three downsamplings and the VAE's
    stride of 8 divide evenly. Raises ValueError unless the short edge is a multiple.
    """
    if short_edge % multiple:
        raise ValueError(f"the short edge ({short_edge}) must be a multiple of {multiple}")
    scale = short_edge / min(picture.height, picture.width)

    def fit(edge: int) -> int:
        return max(multiple, round(edge * scale / multiple) * multiple)

    return Size(fit(picture.height), fit(picture.width))


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels, half-open: columns [left, right), rows [top, bottom)."""

    left: int
    top: int
    right: int
    bottom: int

    def __post_init__(self) -> None:
        if self.right <= self.left or self.bottom <= self.top:
            raise ValueError(f"an empty box: columns {self.left} to {self.right}, rows {self.top} to {self.bottom}")

    @property
    def size(self) -> Size:
        """Height and width."""
        return Size(self.bottom - self.top, self.right - self.left)

    @property
    def middle_row(self) -> int:
        """First row of the lower half."""
        return (self.top + self.bottom) // 2

    def enlarged(self, numerator: int, denominator: int, within: Size) -> "Box":
        """Box with the same centre, larger by numerator / denominator along each edge, clipped to the picture."""
        wider = self.size.width * (numerator - denominator) // (2 * denominator)
        higher = self.size.height * (numerator - denominator) // (2 * denominator)
        return Box(self.left - wider, self.top - higher, self.right + wider, self.bottom + higher).within(within)

    def within(self, picture: Size) -> "Box":
        """The part inside a picture. Raises ValueError if there is none."""
        box = (max(self.left, 0), max(self.top, 0), min(self.right, picture.width), min(self.bottom, picture.height))
        if box[2] <= box[0] or box[3] <= box[1]:
            raise ValueError(f"{self} lies outside a picture of {picture.height} x {picture.width}")
        return Box(*box)

    def scaled(self, old: Size, new: Size) -> "Box":
        """The same box after the picture was resized."""
        across, down = new.width / old.width, new.height / old.height
        return Box(
            round(self.left * across), round(self.top * down), round(self.right * across), round(self.bottom * down)
        )
