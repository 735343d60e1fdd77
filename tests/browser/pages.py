"""What the browser tests ask of a page."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Request

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def watch(page: Page) -> tuple[list[str], list[str]]:
    """Lists that fill as the page loads: requests to other hosts, and everything that went wrong."""
    outside: list[str] = []
    wrong: list[str] = []

    def on_request(request: Request) -> None:
        if urlsplit(request.url).hostname not in (None, "127.0.0.1"):
            outside.append(request.url)

    page.on("request", on_request)
    page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url}"))
    page.on("response", lambda r: wrong.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
    return outside, wrong


def pages_of(site: Path) -> list[str]:
    """Every page of a built site, as a path to append to its address."""
    return sorted(
        path.relative_to(site).as_posix().removesuffix("index.html") for path in site.rglob("*.html")
    )


def wake(page: Page) -> None:
    """Go past every live figure, and wait until each has drawn what a reader finds."""
    for figure in page.locator(".live").all():
        figure.scroll_into_view_if_needed()
        page.wait_for_function("figure => figure.waking", arg=figure.element_handle())
    page.evaluate("Promise.all([...document.querySelectorAll('.live')].map((figure) => figure.waking))")


def violations(page: Page) -> list[str]:
    """What axe finds on the page, a line each: rule, the element, what to do."""
    page.add_style_tag(content="* { content-visibility: visible !important }")  # axe passes over the rest
    found = Axe().run(page, options={**RULES, "resultTypes": ["violations"]}).response["violations"]
    return [f"{v['id']}: {n['html'][:120]}: {n['failureSummary']}" for v in found for n in v["nodes"]]
