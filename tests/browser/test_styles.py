"""What is taken from the theme's style sheets matches nothing; the browser's own selectors are the judge."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import tinycss2
from pages import wake
from playwright.sync_api import Page

from sitekit import stylesheets

MATERIAL = Path(str(files("material").joinpath("templates/assets/stylesheets")))


def selectors(css: str) -> set[str]:
    """The selectors of a style sheet, those within media queries too, without what no element matches."""

    def of(rules: list[tinycss2.ast.Node]) -> set[str]:
        found: set[str] = set()
        for rule in rules:
            if rule.type == "qualified-rule":
                found |= set(stylesheets.COMMA.split(tinycss2.serialize(rule.prelude)))
            elif rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports"):
                found |= of(tinycss2.parse_rule_list(rule.content, True, True))
        return found

    pseudo = r"::?(?:-[a-z-]+|before|after|placeholder|selection|marker|hover|focus[a-z-]*|active)\b"
    return {re.sub(pseudo, "", s) or "*" for s in of(tinycss2.parse_stylesheet(css, True, True))}


def test_no_element_of_any_page_matches_what_was_taken_away(
    site: Path, serve: Callable[[Path], str], page: Page
) -> None:
    taken: set[str] = set()
    for sheet in site.glob("assets/stylesheets/*.css"):
        whole = (MATERIAL / sheet.name).read_text(encoding="utf-8")
        taken |= selectors(whole) - selectors(sheet.read_text(encoding="utf-8"))
    assert len(taken) > 500
    matching = """selectors => selectors.filter((s) => {
        try { return document.querySelector(s) } catch { return false }  // another browser's pseudo-element
    })"""
    assert page.evaluate(matching, ["html", *taken]) == ["html"]
    for path in site.rglob("*.html"):
        page.goto(serve(site) + path.relative_to(site).as_posix())
        wake(page)
        assert page.evaluate(matching, list(taken)) == [], path
