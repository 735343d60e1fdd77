"""What is pinned can be installed on the oldest Python that pyproject.toml promises, as Debian 12's is."""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, metadata

from building import ROOT
from packaging.specifiers import SpecifierSet

PINS = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)


def python_of(package: str) -> SpecifierSet:
    """The Pythons that an installed package takes; any, if it is not installed here or does not say."""
    try:
        return SpecifierSet(metadata(package)["Requires-Python"] or "")
    except (PackageNotFoundError, KeyError):
        return SpecifierSet()


def too_new(pythons: dict[str, SpecifierSet], promised: str) -> list[str]:
    return [f"{package} needs Python {takes}" for package, takes in pythons.items() if promised not in takes]


def test_every_pin_takes_the_python_that_we_promise() -> None:
    promised = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert too_new({package: python_of(package) for package in PINS}, promised.removeprefix(">=")) == []


def test_a_pin_that_is_too_new_is_told() -> None:
    assert too_new({"mkdocs": SpecifierSet(">=3.8"), "x": SpecifierSet(">=3.11.5")}, "3.11") == [
        "x needs Python >=3.11.5"
    ]
