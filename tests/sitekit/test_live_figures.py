"""Which live figures a page has, and the scripts that are made for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from building import ROOT, mkdocs_build

from sitekit import live_figures
from sitekit.fact_files import Facts

FIGURES = ROOT / "docs/figures"


def test_figures_leave_their_paragraphs_and_are_named_once() -> None:
    page = (
        '<p>a</p>\n<p><next-token text="b"></next-token></p>\n<p><next-token></next-token></p><p><b></b></p>'
    )
    assert live_figures.place(page) == (
        '<p>a</p>\n<next-token id="live-next-token" class="live" text="b"></next-token>\n'
        '<next-token id="live-next-token-2" class="live"></next-token><p><b></b></p>'
    )


def test_a_figure_stands_around_what_the_page_says_without_scripts() -> None:
    page = '<p><a-b c="d"></p>\n<table></table>\n<p></a-b></p><p><a-b></p><p>e</p>'
    placed = '<a-b id="live-a-b" class="live" c="d">\n<table></table>\n</a-b><p><a-b></p><p>e</p>'
    assert live_figures.place(page) == placed


def test_what_is_in_order_passes() -> None:
    page = """`<no-such>` <!-- <nor-this> -->\n```html\n<no-such></no-such>\n```
<reader-progress></reader-progress>\n\n<next-token text="a > b" mode="question"></next-token>\n"""
    live_figures.check(page, "docs/x.md", FIGURES)


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (
            "# T\n\n```\n<a-b>\n```\n\n<next-tokn></next-tokn>\n",
            "docs/x.md:7: there is no live figure <next-tokn>, for docs/figures/next-tokn.js does not exist; "
            "add it, or name one of: ",
        ),
        (
            'a\n\n<next-token txt="b"></next-token>',
            "docs/x.md:3: <next-token> has no attribute 'txt'; it takes: text, mode, temperature, ",
        ),
    ],
)
def test_faults_are_told_with_page_line_and_remedy(page: str, message: str) -> None:
    with pytest.raises(live_figures.LiveFigureError) as told:
        live_figures.check(page, "docs/x.md", FIGURES)
    assert str(told.value).startswith(message)


def test_the_build_stops_and_tells(copy: Path, tmp_path: Path) -> None:
    page = copy / "docs/models.md"
    page.write_text(page.read_text(encoding="utf-8") + "\n<next-tokn></next-tokn>\n", encoding="utf-8")
    line = page.read_text(encoding="utf-8").count("\n")
    built = mkdocs_build(copy, tmp_path / "out")
    assert built.returncode and "Traceback" not in built.stderr
    assert f"docs/models.md:{line}: there is no live figure <next-tokn>" in built.stderr


def test_every_figure_takes_attributes() -> None:
    for name in live_figures.names(FIGURES):
        assert live_figures.attributes(FIGURES / f"{name}.js"), name


def test_facts_are_those_of_the_file() -> None:
    script = live_figures.facts_script(ROOT)
    models = json.loads(script.removeprefix("globalThis.FACTS = ").removesuffix(";\n"))["models"]
    assert len(models) > 3
    for model in models:
        row = Facts(ROOT).models[model["id"]]
        assert row.parameters and row.architecture
        assert (model["parameters"], model["layers"]) == (row.parameters.total, row.architecture.layers)


def test_a_built_site_has_the_scripts_and_pages_name_none(site: Path) -> None:
    assert (site / live_figures.WEIGHTS).stat().st_size <= 1_700_000
    assert (site / live_figures.DRAFT).stat().st_size <= 300_000
    assert (site / live_figures.FACTS).is_file() and not (site / "figures/index.html").exists()
    for page in site.rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        has = any(f"<{name}" in html for name in live_figures.names(FIGURES))
        assert ("figures/live-figure.css" in html) == has == (' class="live"' in html), page
        assert not any(f"{name}.js" in html for name in ("live-figure", "pebble-weights", "pebble-draft"))
