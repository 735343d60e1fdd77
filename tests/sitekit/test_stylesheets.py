"""What is taken from the theme's style sheets; that no page misses it is tests/browser/test_styles.py's."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from sitekit import stylesheets

PAGES = ['<html dir="ltr"><body data-md-color-scheme="slate"><p class="note wide">The class md-nav.</p>']
SCRIPTS = ["element.className = `md-fact md-fact--${kind}`"]
MATERIAL = Path(str(files("material").joinpath("templates/assets/stylesheets")))


@pytest.mark.parametrize(
    ("css", "left"),
    [
        (".note{a:b}", ".note{a:b}"),
        (".md-nav .note{a:b}", ".md-nav .note{a:b}"),  # a word of the text will do
        (".gone{a:b}", ""),
        (".note .gone{a:b}", ""),
        (".gone,.note,p.gone>a{a:b}", ".note{a:b}"),
        (".note:not(.gone){a:b}", ".note:not(.gone){a:b}"),
        (":is(.note,.wide) p{a:b}", ":is(.note,.wide) p{a:b}"),
        (".md-fact--stars{a:b}", ".md-fact--stars{a:b}"),  # put together by the script
        (".md-other--stars{a:b}", ""),
        ("[dir=ltr] p{a:b}[dir=rtl] p{a:b}", "[dir=ltr] p{a:b}"),
        ('[data-md-color-scheme="slate"]{a:b}[data-md-color-primary=red]{a:b}', '[data-md-color-scheme="slate"]{a:b}'),
        ("@media print{.gone{a:b}}", ""),
        ("@media print{.gone{a:b}.note{a:b}}", "@media print{.note{a:b}}"),
        ("@font-face{a:b}@keyframes x{to{a:b}}", "@font-face{a:b}@keyframes x{to{a:b}}"),
        (':root{--icon:url("data:image/svg+xml,<svg a=\'0 0\'/>")}', ':root{--icon:url("data:image/svg+xml,<svg a=\'0 0\'/>")}'),
        ("/* said */p{a:b}", "p{a:b}"),
    ],
)  # fmt: skip
def test_rules_that_can_match_stay(css: str, left: str) -> None:
    assert stylesheets.trim(css, stylesheets.Used(PAGES, SCRIPTS)) == left


def test_the_sheets_weigh_a_third_less(site: Path) -> None:
    for sheet in site.glob("assets/stylesheets/*.css"):
        assert sheet.stat().st_size < 0.67 * (MATERIAL / sheet.name).stat().st_size
        assert (
            "sourceMappingURL" not in sheet.read_text() and not sheet.with_name(f"{sheet.name}.map").exists()
        )
