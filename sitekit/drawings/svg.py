"""An SVG figure as our pages want it: shapes in the classes of docs/assets/figures.css, and no other colour.

    d = Drawing(440, 120, "Two bars", "A bar of 3 above a bar of 5.")
    d.bar(80, 20, 30 * 3, 24, "c-token")
    d.text(72, 38, "three", "t t-end")

`classes` are those of figures.css, for example "mark c-query". Lengths are in the units of the viewBox; y
grows downwards. Everything is rounded to a tenth of a unit, so that the same data give the same file.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path

import numpy as np

from sitekit.generate import figure_style

ROOT = Path(__file__).parents[2]
Point = tuple[float, float]

_style = functools.cache(lambda: figure_style(ROOT))


class Drawing:
    """A figure with a title and a description for those who cannot see it."""

    def __init__(self, width: float, height: float, title: str, description: str) -> None:
        self.width, self.height, self.title, self.description = width, height, title, description
        self._parts: list[str] = []

    def add(self, svg: str) -> None:
        """Any other element."""
        self._parts.append(svg)

    def text(self, x: float, y: float, text: str, classes: str = "t") -> None:
        """`text` with its baseline at y; "t-mid" and "t-end" centre it on x or end it there."""
        self.add(f'<text class="{classes}" x="{_n(x)}" y="{_n(y)}">{escape(text, quote=False)}</text>')

    def box(
        self, x: float, y: float, width: float, height: float, classes: str = "box", r: float = 4
    ) -> None:
        """A rectangle with corners of radius r."""
        place = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" rx="{_n(r)}"'
        self.add(f'<rect class="{classes}" {place}/>')

    def bar(self, x: float, y: float, width: float, height: float, classes: str) -> None:
        """A solid rectangle of a colour class."""
        self.box(x, y, width, height, f"mark {classes}", 0)

    def cells(
        self,
        place: Point,
        size: Point,
        shares: np.ndarray,
        classes: str,
        ground: str = "box-soft",
        gap: float = 2,
    ) -> None:
        """A map, as of attention: for each share [rows, columns], from 0 to 1, a cell of that strength.

        `size` is that of a cell with the gap to the next. All cells of one strength, of twenty, are one path:
        a rectangle for each would be a good part of a page's weight.
        """
        side, height = size[0] - gap, size[1] - gap
        strengths: dict[int, list[Point]] = {}
        for (row, column), share in np.ndenumerate(shares):
            corner = (place[0] + size[0] * column, place[1] + size[1] * row)
            strengths.setdefault(round(20 * max(0.0, min(1.0, float(share)))), []).append(corner)
        everywhere = sorted(sum(strengths.values(), []), key=lambda corner: (corner[1], corner[0]))
        self.add(f'<path class="{ground}" d="{_rectangles(everywhere, side, height)}"/>')
        for strength, corners in sorted(strengths.items()):
            if strength:
                shape = f'd="{_rectangles(corners, side, height)}" opacity="{strength / 20:g}"'
                self.add(f'<path class="mark {classes}" {shape}/>')

    def line(self, points: Iterable[Point], classes: str = "line") -> None:
        """Straight from point to point."""
        self.add(f'<path class="{classes}" d="{_through(points)}"/>')

    def dot(self, x: float, y: float, classes: str, r: float = 4) -> None:
        self.add(f'<circle class="mark {classes}" cx="{_n(x)}" cy="{_n(y)}" r="{_n(r)}"/>')

    def arrow(self, start: Point, end: Point, classes: str = "") -> None:
        """A straight arrow; its head ends at `end`."""
        (x, y), (to_x, to_y) = start, end
        length = ((to_x - x) ** 2 + (to_y - y) ** 2) ** 0.5 or 1.0
        u, v = (to_x - x) / length, (to_y - y) / length
        neck = (to_x - 9 * u, to_y - 9 * v)
        side = (4 * v, -4 * u)
        head = [end, (neck[0] + side[0], neck[1] + side[1]), (neck[0] - side[0], neck[1] - side[1])]
        self.add(f'<path class="arrow {classes}" d="{_through([start, neck])}"/>')
        self.add(f'<path class="head {classes}" d="{_through(head)}z"/>')

    def __str__(self) -> str:
        size = f"{_n(self.width)} {_n(self.height)}"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" role="img"'
            f' aria-labelledby="t d"><title id="t">{escape(self.title)}</title>'
            f'<desc id="d">{escape(self.description)}</desc><style>\n'
            f"/* [[[cog figure_style() ]]] */\n{_style()}/* [[[end]]] */\n</style>\n"
            + "\n".join(self._parts)
            + "\n</svg>\n"
        )


class Scale:
    """From the values of data to places in a drawing: `Scale((0, 10), (80, 400))(5)` is 240."""

    def __init__(self, values: Point, places: Point) -> None:
        self.values, self.places = values, places

    def __call__(self, value: float) -> float:
        (low, high), (start, end) = self.values, self.places
        return start + (value - low) / (high - low) * (end - start)


def axes(
    d: Drawing, x: Scale, y: Scale, x_ticks: Sequence[tuple[float, str]], y_ticks: Sequence[tuple[float, str]]
) -> None:
    """Faint rules across at the ticks of y, and labels at both axes. `y.places` runs from bottom to top."""
    for value, label in y_ticks:
        d.line([(x.places[0], y(value)), (x.places[1], y(value))], "grid")
        d.text(x.places[0] - 8, y(value) + 5, label, "t t-muted t-end")
    for value, label in x_ticks:
        d.text(x(value), y.places[0] + 20, label, "t t-muted t-mid")


def _n(value: float) -> str:
    """At most one decimal, and no "-0"."""
    return f"{round(float(value), 1) + 0.0:.1f}".removesuffix(".0")


def _through(points: Iterable[Point]) -> str:
    return "m" + "l".join(_steps(points))


def _rectangles(corners: Iterable[Point], width: float, height: float) -> str:
    shape = f"h{_n(width)}v{_n(height)}h{_n(-width)}z"
    return "".join(f"m{step}{shape}" for step in _steps(corners))


def _steps(points: Iterable[Point]) -> list[str]:
    """Each point from the one before, which is shorter; between rounded places, so that no error adds up."""
    places = [(round(float(x), 1), round(float(y), 1)) for x, y in points]
    return [f"{_n(x - from_x)} {_n(y - from_y)}" for (from_x, from_y), (x, y) in pairwise([(0, 0), *places])]
