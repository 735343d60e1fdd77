"""What a reader does with the glossary's terms and with a quiz: point, tab, Escape, tap, answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pages import violations
from playwright.sync_api import Browser, Locator, Page, expect

Serve = Callable[[Path], str]


def term(page: Page, name: str) -> Locator:
    return page.locator("a.term", has_text=name).first


@pytest.mark.parametrize("place", ["hosted", "offline"])
def test_pointing_at_a_term_shows_its_definition_which_loads_once_and_only_then(
    place: str, site: Path, offline_site: Path, serve: Serve, page: Page
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rsplit("/", 1)[1]))
    page.goto(serve(site) + "llms/" if place == "hosted" else (offline_site / "llms/index.html").as_uri())
    page.wait_for_load_state("networkidle")
    assert "glossary-definitions.js" not in asked
    tooltip = page.get_by_role("tooltip")
    term(page, "vocabulary").hover()
    expect(tooltip).to_have_text("The fixed list of all tokens that a model can read and write.")
    expect(term(page, "vocabulary")).to_have_accessible_description(
        "The fixed list of all tokens that a model can read and write."
    )

    tooltip.hover()  # WCAG 1.4.13: it can be pointed at, and stays
    page.wait_for_timeout(400)
    expect(tooltip).to_be_visible()
    page.keyboard.press("Escape")  # and can be dismissed without moving
    expect(tooltip).to_be_hidden()

    term(page, "neural network").hover()
    expect(tooltip).to_contain_text("chain of simple sums")
    page.mouse.move(5, 5)
    expect(tooltip).to_be_hidden()
    assert asked.count("glossary-definitions.js") == 1


def test_a_term_works_by_keyboard(site: Path, serve: Serve, page: Page) -> None:
    page.goto(serve(site) + "llms/")
    page.keyboard.press("Tab")  # so that the browser knows that the keyboard is used
    term(page, "vocabulary").focus()
    tooltip = page.get_by_role("tooltip")
    expect(tooltip).to_contain_text("fixed list of all tokens")
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(tooltip).to_be_hidden()
    term(page, "neural network").focus()
    expect(tooltip).to_contain_text("chain of simple sums")
    page.keyboard.press("Enter")
    expect(page).to_have_url(serve(site) + "glossary/#neural-network")
    expect(page.get_by_role("heading", name="neural network")).to_be_in_viewport()


def test_on_a_touch_screen_a_term_is_a_link(site: Path, serve: Serve, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(serve(site) + "llms/")
    term(page, "vocabulary").tap()
    expect(page).to_have_url(serve(site) + "glossary/#vocabulary")
    context.close()


@pytest.mark.parametrize("width", [360, 1280])
def test_a_tooltip_stays_within_the_window(site: Path, serve: Serve, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    page.goto(serve(site) + "llms/")
    for link in page.locator("a.term").all()[:8]:
        link.scroll_into_view_if_needed()
        link.hover()
        expect(page.get_by_role("tooltip")).to_be_visible()
        box = page.get_by_role("tooltip").bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= width
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        page.keyboard.press("Escape")


def test_a_term_is_found_by_the_search(site: Path, serve: Serve, page: Page) -> None:
    page.goto(serve(site) + "llms/")
    page.get_by_role("textbox", name="Search").click()
    page.keyboard.type("attention sink")
    result = page.locator(".md-search-result__link[href*='glossary/']").first
    expect(result).to_be_visible()


def test_a_quiz_counts_first_answers_and_forgets_them_when_asked(
    site: Path, serve: Serve, page: Page
) -> None:
    page.goto(serve(site) + "llms/")
    quiz = page.get_by_role("group", name="What does a model produce in one step?")
    expect(quiz).to_have_count(1)
    count = page.locator(".quiz-count")
    quiz.get_by_text("B. A passage").click()
    expect(count).to_contain_text("0 of 8 answered right at the first try, 7 to go.")
    quiz.get_by_text("C. A probability").click()  # looking at the others afterwards changes nothing
    expect(count).to_contain_text("0 of 8")
    assert violations(page) == []
    page.get_by_text("A. At most 296 tokens.").click()
    expect(count).to_contain_text("1 of 8 answered right at the first try, 6 to go.")
    page.reload()
    expect(count).to_contain_text("1 of 8")
    page.goto(serve(site) + "agents/")
    expect(count).to_have_text("Choose an answer to open its explanation.")
    page.goto(serve(site) + "llms/")
    page.locator(".md-button", has_text="Start again").click()
    expect(count).to_have_text("Choose an answer to open its explanation.")
    expect(page.locator(".quiz details[open]")).to_have_count(0)


def test_a_quiz_in_two_tabs_keeps_the_answers_of_both(site: Path, serve: Serve, page: Page) -> None:
    address = serve(site) + "llms/"
    other = page.context.new_page()
    for tab in (page, other):
        tab.goto(address)
    page.get_by_text("A. At most 296 tokens.").click()
    expect(page.locator(".quiz-count")).to_contain_text("1 of 8")
    other.get_by_text("B. A passage").click()
    expect(other.locator(".quiz-count")).to_contain_text("1 of 8 answered right at the first try, 6 to go.")


def test_a_quiz_survives_a_broken_store(site: Path, serve: Serve, page: Page) -> None:
    page.goto(serve(site) + "llms/")
    page.evaluate("localStorage.setItem('llms-in-layers.checks', '{broken')")
    page.reload()
    expect(page.locator(".quiz-count")).to_have_text("Choose an answer to open its explanation.")


def test_a_quiz_counts_in_a_browser_that_remembers_nothing(site: Path, serve: Serve, page: Page) -> None:
    page.add_init_script(
        "Storage.prototype.setItem = () => { throw new DOMException('no', 'SecurityError') }"
    )
    page.goto(serve(site) + "llms/")
    page.get_by_text("C. A probability").click()
    page.get_by_text("A. At most 296 tokens.").click()
    expect(page.locator(".quiz-count")).to_contain_text("2 of 8 answered right at the first try, 6 to go.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_glossary_is_accessible(site: Path, serve: Serve, page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(serve(site) + "glossary/")
    assert violations(page) == []
