"""Figures that are drawn from data show that data as it is now."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from building import ROOT

from sitekit import drawings
from sitekit.drawings.svg import Drawing, Scale, axes

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def differences(stored: str, drawn: str) -> str:
    """Why two figures are not the same, or "". Another processor may round a place the other way."""
    if NUMBER.sub("#", stored) != NUMBER.sub("#", drawn):
        return "other elements or words"
    pairs = zip(NUMBER.findall(stored), NUMBER.findall(drawn), strict=True)
    far = [(a, b) for a, b in pairs if abs(float(a) - float(b)) > 0.25]
    return f"{far[0][0]} instead of {far[0][1]}" if far else ""


@pytest.mark.parametrize("path", drawings.drawings())
def test_is_as_drawn(path: str) -> None:
    drawn = str(drawings.drawings()[path]())
    ET.fromstring(drawn)
    assert (ROOT / path).exists(), f"{path} was never drawn: run make generate"
    why = differences((ROOT / path).read_text("utf-8"), drawn)
    assert not why, f"{path} is out of date ({why}): run make generate"


def sample(share: float = 0.5, label: str = "cat") -> Drawing:
    d = Drawing(200, 100, "A & B", "Two <marks>.")
    x, y = Scale((0, 10), (20, 180)), Scale((0, 1), (80, 10))
    axes(d, x, y, [(0, "0"), (10, "10")], [(0, "0"), (1, "1")])
    d.line([(x(0), y(0)), (x(10), y(share))], "line c-token")
    d.bar(20, 10, 30.04, 5, "c-key")
    d.cells((50, 10), (8, 8), np.array([[share, 0], [0, 1]]), "c-query")
    d.dot(60, 20, "c-value")
    d.arrow((10, 10), (40, 50), "c-accent")
    d.text(10, 90, label)
    return d


def test_a_drawing_is_well_formed_and_says_what_it_shows() -> None:
    tree = ET.fromstring(str(sample()))
    assert tree.attrib["viewBox"] == "0 0 200 100"
    assert [element.text for element in tree[:2]] == ["A & B", "Two <marks>."]
    assert 'width="30"' in str(sample()), "rounded to a tenth"


@pytest.mark.parametrize("changed", [lambda: sample(0.6), lambda: sample(label="dog")])
def test_a_figure_of_other_data_is_told(changed: Callable[[], Drawing]) -> None:
    assert differences(str(sample()), str(sample())) == ""
    assert differences(str(sample()), str(sample(0.502))) == ""
    assert differences(str(sample()), str(changed())) != ""


def test_one_function_a_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawings, "_registered", {})
    drawings.drawing("a.svg")(sample)
    with pytest.raises(ValueError, match=r"two functions draw a\.svg"):
        drawings.drawing("a.svg")(sample)
    assert drawings.write(tmp_path) == ["a.svg"]
    assert drawings.write(tmp_path) == []
