"""What every live figure does: wake when seen, keep its state in a link, fail plainly, move nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from building import ROOT
from conftest import Show
from pages import violations, watch
from playwright.sync_api import Browser, Page, expect

from sitekit import live_figures

FIGURES = live_figures.names(ROOT / "docs/figures")
NEXT_TOKEN = '<next-token text="Once upon a"></next-token>'


def asked(page: Page) -> list[str]:
    names: list[str] = []
    page.on("request", lambda request: names.append(request.url.rsplit("/", 1)[1]))
    return names


def test_nothing_is_loaded_before_a_figure_is_seen_and_then_once(show: Show, page: Page) -> None:
    names = asked(page)
    show(NEXT_TOKEN + '<next-token text="Hello"></next-token>', space=3000)
    page.wait_for_timeout(300)
    assert "pebble-weights.js" not in names and "model.js" not in names
    page.mouse.wheel(0, 3500)
    expect(page.locator("#live-next-token-2 .live__words")).to_contain_text("Likeliest", timeout=30_000)
    assert names.count("pebble-weights.js") == 1 and names.count("model.js") == 1
    assert "pebble-draft.js" not in names


@pytest.mark.parametrize("name", FIGURES)
def test_each_figure_starts_cleanly_and_says_in_words_what_it_shows(
    show: Show, page: Page, name: str
) -> None:
    outside, wrong = watch(page)
    show(f"<{name}></{name}>")
    expect(page.locator(f"{name} .live__words")).not_to_be_empty(timeout=30_000)
    page.locator(f"{name} summary").last.click()
    expect(page.locator(f"{name} .live__foot pre")).to_contain_text(re.compile("function|=>|{"))
    assert not outside and not wrong, outside + wrong


@pytest.mark.parametrize("scheme", ["default", "slate"])
@pytest.mark.parametrize("name", FIGURES)
def test_each_figure_is_accessible(show: Show, page: Page, name: str, scheme: str) -> None:
    show(f"<{name}></{name}>", scheme=scheme)
    expect(page.locator(f"{name} .live__words")).not_to_be_empty(timeout=30_000)
    assert violations(page) == []


def test_figures_that_are_still_asleep_are_accessible(show: Show, page: Page) -> None:
    for name in FIGURES:
        show(f"<{name}></{name}>", space=1500)  # near enough to be built, too far to be awake
        assert page.locator(".live__words").inner_text() == ""
        assert violations(page) == []


@pytest.mark.parametrize("name", FIGURES)
def test_each_figure_fits_a_phone_and_moves_nothing(
    show: Show, browser: Browser, bench: Path, name: str
) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
    page = context.new_page()
    page.route("**/*.woff2", lambda route: route.abort())  # a font that comes late moves text, too
    page.add_init_script(
        """globalThis.moved = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((e) => (moved += e.value))).observe({type: "layout-shift", buffered: true})"""
    )
    show(f"<{name}></{name}>")  # writes the page
    page.goto((bench / "bench.html").as_uri())
    expect(page.locator(f"{name} .live__words")).not_to_be_empty(timeout=30_000)
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.evaluate("moved") < 0.02
    small = page.evaluate(
        "[...document.querySelectorAll('.live :is(button, input, select, summary)')].filter((e) => e.offsetParent && e.offsetHeight < 24).map((e) => e.outerHTML)"
    )
    assert small == []
    context.close()


def test_the_state_is_in_the_link_and_the_link_restores_it(show: Show, page: Page) -> None:
    show(NEXT_TOKEN)
    expect(page.locator("[role=status]")).to_contain_text("Likeliest", timeout=30_000)
    page.get_by_label("Your text").fill("a & b? ü")
    page.get_by_label("Top-k").fill("7")
    page.get_by_role("link", name="Link to this state").click()
    expect(page.get_by_label("Your text")).to_have_value("a & b? ü")
    expect(page.get_by_label("Top-k")).to_have_value("7")
    assert "temperature" not in page.url and page.url.endswith("#live-next-token")


def test_a_link_that_was_tampered_with_does_no_harm(show: Show, page: Page) -> None:
    _, wrong = watch(page)
    show(
        NEXT_TOKEN,
        query="?figure=live-next-token&topk=zz&text=%3Cb%3Ex&temperature=NaN&written=9999999,-3,a&evil=1",
    )
    expect(page.locator("[role=status]")).to_contain_text("Likeliest", timeout=30_000)
    expect(page.get_by_label("Top-k")).to_have_value("0")
    expect(page.get_by_label("Your text")).to_have_value("<b>x")
    assert not wrong


def test_changes_are_told_to_the_page(show: Show, page: Page) -> None:
    show(NEXT_TOKEN)
    page.evaluate("document.addEventListener('figure-change', (e) => (globalThis.told = e.detail))")
    page.get_by_label("Top-k").fill("3")
    assert page.evaluate("told.topk") == 3


def test_missing_weights_are_told_and_another_try_helps(show: Show, page: Page) -> None:
    page.route("**/pebble-weights.js", lambda route: route.abort())
    show(NEXT_TOKEN)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(
        "This figure is not live here: pebble-weights.js did not load.", timeout=30_000
    )
    page.unroute("**/pebble-weights.js")
    alert.get_by_role("button", name="Try again").click()
    expect(page.locator("[role=status]")).to_contain_text("Likeliest", timeout=30_000)


def test_a_blocked_script_is_told_and_no_scripts_leave_no_gap(
    show: Show, browser: Browser, bench: Path
) -> None:
    show(NEXT_TOKEN)
    for scripts, height in ((True, True), (False, False)):
        context = browser.new_context(java_script_enabled=scripts)
        page = context.new_page()
        page.route("**/*.js", lambda route: route.abort())
        page.goto((bench / "bench.html").as_uri())
        box = page.locator("next-token").bounding_box()
        assert bool(box and box["height"] > 100) == height
        context.close()


def test_a_text_that_is_too_long_is_told_and_the_figure_stays(show: Show, page: Page) -> None:
    show(NEXT_TOKEN)
    expect(page.locator("[role=status]")).to_contain_text("Likeliest", timeout=30_000)
    page.evaluate("document.querySelector('next-token').set({text: '1 '.repeat(600)})")
    expect(page.locator("[role=status]")).to_contain_text("do not fit the context window of 512")
    page.get_by_label("Your text").fill("Hello")
    expect(page.locator("[role=status]")).to_contain_text("Likeliest")


def test_a_figure_that_leaves_the_page_stops(show: Show, page: Page) -> None:
    show(NEXT_TOKEN)
    expect(page.locator("[role=status]")).to_contain_text("Likeliest", timeout=30_000)
    page.evaluate("globalThis.figure = document.querySelector('next-token')")
    page.evaluate("figure.play(() => (globalThis.turns = (globalThis.turns ?? 0) + 1), 5)")
    page.wait_for_timeout(100)
    page.evaluate("figure.remove()")
    turns = page.evaluate("turns")
    page.wait_for_timeout(100)
    assert page.evaluate("turns") <= turns + 1 and turns > 1


def test_a_link_to_a_figure_lands_on_it_though_others_above_it_grow(show: Show) -> None:
    above = "<attention-map></attention-map>\n<agent-loop></agent-loop>\n" * 2
    page = show(f'{above}<rope-angles></rope-angles><div style="height:2000px"></div>', "#live-rope-angles")
    page.wait_for_function(
        "Math.abs(document.getElementById('live-rope-angles').getBoundingClientRect().top) < 100"
        " && document.querySelectorAll('.live__picture').length === 5"
    )
