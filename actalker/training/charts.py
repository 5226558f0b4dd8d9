"""Training curves of a run as a PNG, from its log."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import skia
from PIL import Image, ImageDraw

from actalker.puppet.paint import colour4, fill, stroke
from actalker.puppet.person import rgb
from actalker.training.loop import read_metrics

WIDTH, PANEL, MARGIN = 900, 200, 48
_INK = (34, 48, 58)
_LINE, _FAINT = rgb("33658a"), rgb("c9d3da")
_WINDOW = 15  # logged points of the running mean

Curve = npt.NDArray[np.float64]


def read_log(folder: Path) -> dict[str, Curve]:
    """Columns of a run's log (lines,); nan if a line lacks one. Empty if nothing has been logged."""
    lines = read_metrics(folder)
    names = list(dict.fromkeys(name for line in lines for name in line))
    return {name: np.array([line.get(name, np.nan) for line in lines], float) for name in names}


def write_curves(folder: Path, names: tuple[str, ...] = ("loss", "gradient_norm")) -> Path:
    """Draw columns of the log over the steps, as points and running mean, to curves.png in the folder.

    Raises ValueError if nothing has been logged yet.
    """
    log = read_log(folder)
    if not log:
        raise ValueError(f"nothing is logged in {folder} yet")
    pixels = np.zeros((PANEL * len(names), WIDTH, 4), np.uint8)
    surface = skia.Surface(pixels, colorType=skia.kRGBA_8888_ColorType)
    canvas = surface.getCanvas()
    canvas.clear(colour4((1.0, 1.0, 1.0)))
    for row, name in enumerate(names):
        canvas.save()
        canvas.translate(0, row * PANEL)
        _draw_panel(canvas, log["step"], log[name])
        canvas.restore()
    path = folder / "curves.png"
    picture = Image.fromarray(pixels[..., :3])
    text = ImageDraw.Draw(picture)  # Pillow has a typeface; Skia would need an installed one
    for row, name in enumerate(names):
        low, high = _range(log[name])
        text.text((MARGIN, row * PANEL + 8), f"{name}   {low:.3g} to {high:.3g}   step {log['step'][-1]:.0f}", _INK)
    picture.save(path)
    return path


def _range(values: Curve) -> tuple[float, float]:
    """Minimum and 99th percentile."""
    return float(np.nanmin(values)), float(np.nanpercentile(values, 99))


def _draw_panel(canvas: skia.Canvas, steps: Curve, values: Curve) -> None:
    low, high = _range(values)
    span = max(high - low, 1e-9)
    x = MARGIN + (steps - steps[0]) / max(steps[-1] - steps[0], 1) * (WIDTH - 2 * MARGIN)
    y = PANEL - 30 - np.clip((values - low) / span, 0, 1) * (PANEL - 60)
    canvas.drawLine(MARGIN, PANEL - 28, WIDTH - MARGIN, PANEL - 28, stroke(_FAINT, 1))
    for point in zip(x, y, strict=True):
        canvas.drawCircle(*map(float, point), 1.6, fill(_FAINT))
    window = np.ones(min(_WINDOW, len(y)))
    means = np.convolve(y, window / len(window), mode="valid")
    path = skia.Path()
    path.addPoly([skia.Point(float(u), float(v)) for u, v in zip(x[len(window) - 1 :], means, strict=True)], False)
    canvas.drawPath(path, stroke(_LINE, 2))
