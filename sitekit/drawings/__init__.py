"""Figures that are drawn from data: a function for each, a module for each page.

    python -m sitekit.drawings     draw them all anew (`make generate` does)

A module beside this one draws the figures of one page:

    @drawing("docs/llms/figures/loss-curve.svg")
    def loss_curve() -> Drawing: ...
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path

from sitekit.drawings.svg import Drawing

Draw = Callable[[], Drawing]
_registered: dict[str, Draw] = {}


def drawing(path: str) -> Callable[[Draw], Draw]:
    """Register what draws the figure at `path` (relative to the repository's root)."""

    def register(draw: Draw) -> Draw:
        if path in _registered:
            raise ValueError(f"two functions draw {path}: {_registered[path].__name__}, {draw.__name__}")
        _registered[path] = draw
        return draw

    return register


def drawings() -> dict[str, Draw]:
    """What draws each figure, by path."""
    for module in pkgutil.iter_modules(__path__):
        if module.name not in ("svg", "__main__"):
            importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(_registered.items()))


def write(root: Path) -> list[str]:
    """Draw every figure; return the paths of those that changed."""
    changed = []
    for path, draw in drawings().items():
        file, svg = root / path, str(draw())
        if not file.exists() or file.read_text("utf-8") != svg:
            file.write_text(svg, "utf-8")
            changed.append(path)
    return changed
