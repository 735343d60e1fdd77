"""Each page of the site, in a real browser: accessible in both schemes, nothing asked of another host,
no error on the console, no sideways scrolling on a phone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from building import ROOT
from pages import pages_of, violations, wake, watch
from playwright.sync_api import Browser, Page

from sitekit.layers import LAYERS


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible(
    site: Path, hosted_site: Path, serve: Callable[[Path], str], browser: Browser, scheme: str
) -> None:
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page = context.new_page()
    found = {}
    for path in pages_of(site):
        page.goto(serve(hosted_site if path == "404.html" else site) + path)
        wake(page)
        if lines := violations(page):
            found[path] = lines
    context.close()
    assert not found, "\n".join(f"{path}: {line}" for path, lines in found.items() for line in lines)


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ('<img src="assets/favicon.svg">', "image-alt"),
        ('<p style="color:#999;background:#fff">pale</p>', "color-contrast"),
        ("<button></button>", "button-name"),
        (
            '<div style="height:9px;overflow:auto"><div style="height:99px">x</div></div>',
            "scrollable-region-focusable",
        ),
    ],
)
def test_axe_catches_a_planted_fault(
    site: Path, serve: Callable[[Path], str], page: Page, fault: str, rule: str
) -> None:
    page.goto(serve(site) + "llms/")
    page.evaluate("html => document.querySelector('article').insertAdjacentHTML('beforeend', html)", fault)
    assert any(line.startswith(rule) for line in violations(page))


def test_pages_load_cleanly_and_from_here_only(site: Path, serve: Callable[[Path], str], page: Page) -> None:
    outside, wrong = watch(page)
    for path in pages_of(site):
        if path != "404.html":  # made for a site whose address is known: see the next test
            page.goto(serve(site) + path, wait_until="networkidle")
            wake(page)
    assert not outside and not wrong, outside + wrong


def test_hosted_pages_load_cleanly_and_from_here_only(
    hosted_site: Path, serve: Callable[[Path], str], page: Page
) -> None:
    outside, wrong = watch(page)
    for path in pages_of(hosted_site):
        page.goto(serve(hosted_site) + path, wait_until="networkidle")
        wake(page)
    assert not outside and not wrong, outside + wrong


def test_offline_pages_load_cleanly_from_the_folder(offline_site: Path, page: Page) -> None:
    outside, wrong = watch(page)
    for path in offline_site.rglob("*.html"):
        page.goto(path.as_uri(), wait_until="networkidle")
        wake(page)
    assert not outside and not wrong, outside + wrong


def test_figures_are_loaded_when_a_reader_comes_near(
    site: Path, serve: Callable[[Path], str], page: Page
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.goto(serve(site) + "llms/", wait_until="networkidle")
    assert "page.js" in asked and "live-figure.js" not in asked
    page.locator("next-token").scroll_into_view_if_needed()
    page.locator("next-token .live__picture").wait_for(state="attached")
    assert {"live-figure.js", "next-token.js"} <= set(asked) and "memory-calculator.js" not in asked


def test_the_watch_sees_what_it_should(site: Path, serve: Callable[[Path], str], page: Page) -> None:
    outside, wrong = watch(page)
    page.goto(serve(site))
    page.evaluate("document.body.append(Object.assign(new Image(), {src: 'https://example.invalid/x.png'}))")
    page.evaluate("document.body.append(Object.assign(new Image(), {src: 'no-such-file.png'}))")
    page.evaluate("setTimeout(() => { throw new Error('planted') })")
    page.wait_for_timeout(300)
    assert outside == ["https://example.invalid/x.png"]
    assert any("404" in line for line in wrong) and any("planted" in line for line in wrong)


@pytest.mark.parametrize("width", [360, 768])
def test_no_page_scrolls_sideways(
    site: Path, serve: Callable[[Path], str], browser: Browser, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 740}, has_touch=True)
    page = context.new_page()
    too_wide = {}
    for path in pages_of(site):
        page.goto(serve(site) + path)
        wake(page)
        excess = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if excess > 0:
            too_wide[path] = excess
    context.close()
    assert not too_wide


def test_every_layer_has_the_bar_and_says_where_one_is(
    site: Path, serve: Callable[[Path], str], page: Page
) -> None:
    for code, (kind, pattern) in LAYERS.items():
        source = pattern.format(topic="llms")
        assert (ROOT / source).exists()
        path = source.removeprefix("docs/").replace("README.md", "").replace(".md", "/")
        page.goto(serve(site) + path)
        bar = page.get_by_role("navigation", name="Layers of")
        assert bar.get_by_role("listitem").count() == len(LAYERS)
        assert bar.locator("[aria-current]").inner_text().split()[0] == code, (path, kind)
