"""Curves as SVG that takes the colours of the page, light or dark."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import ArrayLike

WIDTH, HEIGHT = 420, 270
LEFT, RIGHT, TOP, BOTTOM = 52, 22, 26, 40
"""Margins for the numbers at the axes. All lengths are those of a drawing that is as wide as a phone."""
MOST_POINTS = 400
"""Points of a line; what a longer one has besides would not be seen."""
STYLES = 4
"""Lines that the style sheet tells apart, by colour and by dashes."""


@dataclass(frozen=True)
class Line:
    """Values at places; those that are not finite are left out."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]

    @classmethod
    def of(cls, name: str, x: ArrayLike, y: ArrayLike, *, is_log: bool = False) -> "Line":
        """Take what can be drawn, on a logarithmic axis what is above 0, of a long line every so many points.

        Examples
        --------
        >>> Line.of("error", [0, 1, 2], [1.0, np.nan, 0.0], is_log=True)
        Line(name='error', x=(0.0,), y=(1.0,))
        """
        a, b = np.asarray(x, dtype=np.float64).ravel(), np.asarray(y, dtype=np.float64).ravel()
        can_be_drawn = np.isfinite(a) & np.isfinite(b) & ((b > 0) | (not is_log))
        a, b = a[can_be_drawn], b[can_be_drawn]
        if a.size > MOST_POINTS:
            picked = np.unique(np.linspace(0, a.size - 1, MOST_POINTS).round().astype(int))
            a, b = a[picked], b[picked]
        return cls(name, tuple(a.tolist()), tuple(b.tolist()))


@dataclass(frozen=True)
class Chart:
    """Lines over one axis.

    Parameters
    ----------
    caption : str
    alt : str
        What it shows, for those who do not see it.
    lines : tuple of Line
    x_label, y_label : str
    is_log : bool
        Whether the axis of values goes by factors.
    mark : float, optional
        A place with a vertical line, which the caption explains.
    """

    caption: str
    alt: str
    lines: tuple[Line, ...]
    x_label: str
    y_label: str
    is_log: bool = False
    mark: float | None = None


def drawn(chart: Chart) -> Markup:
    """Return a chart as SVG; whatever words are in it are escaped.

    Examples
    --------
    >>> line = Line("loss <b>", (0.0, 1.0), (2.0, 1.0))
    >>> "<b>" in drawn(Chart("", "a loss", (line,), "step", "loss"))
    False
    """
    xs = [x for line in chart.lines for x in line.x] + ([] if chart.mark is None else [chart.mark])
    ys = [_scaled(y, chart.is_log) for line in chart.lines for y in line.y]
    x_ticks, (x_low, x_high) = ticks(min(xs, default=0.0), max(xs, default=1.0))
    y_ticks, (y_low, y_high) = (log_ticks if chart.is_log else ticks)(min(ys, default=0.0), max(ys, default=1.0))
    right, low = WIDTH - RIGHT, HEIGHT - BOTTOM

    def across(x: float) -> float:
        return LEFT + (x - x_low) / (x_high - x_low) * (right - LEFT)

    def down(y: float) -> float:
        return low - (y - y_low) / (y_high - y_low) * (low - TOP)

    parts = [
        Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(WIDTH, HEIGHT, chart.alt)
    ]
    for y in y_ticks:
        rule = Markup('<line class="grid" x1="{0}" x2="{1}" y1="{2:.1f}" y2="{2:.1f}"/>')
        parts.append(rule.format(LEFT, right, down(y)))
        words = number(10.0**y if chart.is_log else y)
        parts.append(Markup('<text x="{}" y="{:.1f}" text-anchor="end">{}</text>').format(LEFT - 5, down(y) + 4, words))
    for x in x_ticks:
        words = Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>')
        parts.append(words.format(across(x), low + 16, number(x)))
    parts.append(Markup('<line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(LEFT, right, low, low))
    middle = (LEFT + right) / 2
    parts.append(Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(middle, HEIGHT - 6, chart.x_label))
    parts.append(Markup('<text x="4" y="12">{}</text>').format(chart.y_label))
    if chart.mark is not None:
        place = across(chart.mark)
        parts.append(Markup('<line class="mark" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>').format(place, TOP, low))
    for style, line in enumerate(chart.lines):
        points = [(across(x), down(_scaled(y, chart.is_log))) for x, y in zip(line.x, line.y, strict=True)]
        parts.append(_line(points, style % STYLES))
    parts.append(Markup("</svg>"))
    return Markup("").join(parts)


def _line(points: Sequence[tuple[float, float]], style: int) -> Markup:
    if len(points) == 1:
        return Markup('<circle class="dot{}" cx="{:.1f}" cy="{:.1f}" r="3"/>').format(style, *points[0])
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return Markup('<polyline class="line{}" points="{}"/>').format(style, path)


def _scaled(y: float, is_log: bool) -> float:
    return math.log10(y) if is_log else y


def ticks(low: float, high: float, count: int = 5) -> tuple[list[float], tuple[float, float]]:
    """Return round numbers between two, and the ends of an axis that has both.

    Examples
    --------
    >>> ticks(0.0, 97.0)
    ([0.0, 20.0, 40.0, 60.0, 80.0, 100.0], (0.0, 100.0))
    """
    if high - low < 1e-9 * max(abs(low), abs(high), 1e-300):
        low, high = low - (abs(low) * 0.1 or 0.5), high + (abs(high) * 0.1 or 0.5)
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= 0.999 * rough)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [i * step for i in range(first, last + 1)], (first * step, last * step)


def log_ticks(low: float, high: float) -> tuple[list[float], tuple[float, float]]:
    """Return logarithms of round numbers between two logarithms, and the ends of an axis that has both.

    Examples
    --------
    >>> log_ticks(-2.2, 0.3)[1], [round(10.0**t, 4) for t in log_ticks(0.1, 0.9)[0]]
    ((-3.0, 1.0), [1.0, 2.0, 5.0, 10.0])
    """
    if high - low > 1.3:
        step = max(1, math.ceil((high - low) / 6))
        first, last = math.floor(low / step) * step, math.ceil(high / step) * step
        return [float(t) for t in range(first, last + 1, step)], (float(first), float(last))
    stops = [math.log10(m) + p for p in range(math.floor(low) - 1, math.ceil(high) + 1) for m in (1, 2, 5)]
    first = max(t for t in stops if t <= low + 1e-9)
    last = min(t for t in stops if t >= high - 1e-9 and t > first)
    return [t for t in stops if first <= t <= last], (first, last)


def number(x: float) -> str:
    """Write a number at an axis.

    Examples
    --------
    >>> number(0.30000000000000004), number(12000.0), number(1e-7), number(0.0)
    ('0.3', '12,000', '1e-7', '0')
    """
    if x == 0:
        return "0"
    if 1e-3 <= abs(x) < 1e6:
        return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.4g}"
    digits, _, power = f"{x:.2e}".partition("e")
    return f"{digits.rstrip('0').rstrip('.')}e{int(power)}"
