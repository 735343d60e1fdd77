"""What a reader does: search, tick off, export, move by keyboard, switch colours, print."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

Serve = Callable[[Path], str]


def search(page: Page, words: str) -> None:
    page.get_by_role("textbox", name="Search").click()
    page.keyboard.type(words)


@pytest.mark.parametrize("place", ["hosted", "offline"])
def test_search_finds_pages_and_labs(
    place: str, site: Path, offline_site: Path, serve: Serve, page: Page
) -> None:
    page.goto(serve(site) + "llms/" if place == "hosted" else (offline_site / "llms/index.html").as_uri())
    search(page, "cosine similarity")
    expect(page.locator(".md-search-result__link").first).to_be_visible()
    for found in ("glossary", "labs/llms/03-embeddings"):
        expect(page.locator(f".md-search-result__link[href*='{found}']").first).to_be_attached()


def test_only_those_who_search_pay_for_the_search(site: Path, serve: Serve, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rsplit("/", 1)[1]))
    page.goto(serve(site) + "llms/", wait_until="networkidle")
    asked.remove("search-on-demand.js")  # what holds back the rest
    assert not any("search" in name for name in asked)
    search(page, "tokens")
    expect(page.locator(".md-search-result__link").first).to_be_visible()
    assert sum("search" in name for name in asked) == 2  # the worker and the index


def test_progress_is_ticked_shown_exported_imported_and_cleared(
    site: Path, serve: Serve, page: Page, tmp_path: Path
) -> None:
    home = serve(site)
    page.goto(home + "llms/")
    page.get_by_role("button", name="Mark as done").click()
    expect(page.locator(".layer-bar li[data-done]")).to_have_count(1)
    page.reload()
    expect(page.get_by_role("button", name="Not done after all")).to_be_visible()

    page.goto(home)
    expect(page.get_by_text("Large Language Models: 1 of")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    saved = tmp_path / "progress.json"
    download.value.save_as(saved)
    assert list(json.loads(saved.read_text())) == ["docs/llms/README.md"]

    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(page.get_by_text("Large Language Models: 0 of")).to_be_visible()
    assert page.evaluate("Object.values(localStorage).join()").count("README") == 0

    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Import").click()
    chooser.value.set_files(saved)
    expect(page.get_by_text("Large Language Models: 1 of")).to_be_visible()


def test_a_file_that_is_no_progress_is_refused_and_nothing_lost(
    site: Path, serve: Serve, page: Page, tmp_path: Path
) -> None:
    page.goto(serve(site) + "llms/")
    page.get_by_role("button", name="Mark as done").click()
    page.goto(serve(site))
    said: list[str] = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.accept()))
    for content in ("no JSON", '{"a": 1}', "[]x", "null"):
        wrong = tmp_path / "wrong.json"
        wrong.write_text(content)
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Import").click()
        chooser.value.set_files(wrong)
        page.wait_for_timeout(150)
    assert len(said) == 4 and all("not a progress file" in message for message in said)
    expect(page.get_by_text("Large Language Models: 1 of")).to_be_visible()


def test_labs_are_ticked_one_by_one_and_together_tick_their_layer(
    site: Path, serve: Serve, page: Page
) -> None:
    page.goto(serve(site) + "labs/llms/")
    expect(page.get_by_role("button", name="Mark as done")).to_have_count(0)
    layer = page.locator(".layer-bar__item--l3")
    *others, last = (layer.get_attribute("data-steps") or "").split()
    assert others and last.endswith(".ipynb")
    done = json.dumps(dict.fromkeys(others, "2026-11-24"))
    page.evaluate("done => localStorage.setItem('llms-in-layers.done', done)", done)
    page.goto(serve(site) + last.replace(".ipynb", "/"))
    expect(layer).not_to_have_attribute("data-done", "")
    page.get_by_role("button", name="Mark as done").click()
    expect(layer).to_have_attribute("data-done", "")
    page.goto(serve(site) + "labs/llms/")
    expect(layer).to_have_attribute("data-done", "")


FORGETFUL = "Storage.prototype.setItem = () => { throw new DOMException('no', 'SecurityError') }"


def test_a_browser_that_remembers_nothing_is_told(site: Path, serve: Serve, page: Page) -> None:
    page.add_init_script(FORGETFUL)
    said: list[str] = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.accept()))
    page.goto(serve(site) + "llms/")
    page.get_by_role("button", name="Mark as done").click()
    page.goto(serve(site))
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Import").click()
    file = {"name": "a.json", "mimeType": "application/json", "buffer": b'{"docs/a.md": "2026-11-24"}'}
    with page.expect_event("dialog"):
        chooser.value.set_files([file])  # type: ignore[list-item]
    assert said == ["This browser does not let the site remember anything."] * 2


def test_progress_survives_a_broken_store(site: Path, serve: Serve, page: Page) -> None:
    page.goto(serve(site) + "llms/")
    page.evaluate("localStorage.setItem('llms-in-layers.done', '{broken')")
    page.reload()
    expect(page.get_by_role("button", name="Mark as done")).to_be_visible()


def test_pages_say_everything_without_scripts(site: Path, serve: Serve, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(serve(site) + "llms/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Large Language Models")
    page.locator("article summary").first.click()
    expect(page.locator("article details[open]").first).to_be_visible()
    context.close()


def test_the_keyboard_reaches_everything_on_a_narrow_screen(
    site: Path, serve: Serve, browser: Browser
) -> None:
    context = browser.new_context(viewport={"width": 400, "height": 800}, reduced_motion="reduce")
    page = context.new_page()
    page.goto(serve(site) + "llms/")
    menu = page.get_by_role("checkbox", name="Navigation")
    menu.focus()
    page.keyboard.press("Space")
    expect(
        page.get_by_role("navigation", name="Site").get_by_role("link", name="Models", exact=True)
    ).to_be_in_viewport()
    page.keyboard.press("Space")
    page.get_by_role("checkbox", name="Search").focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("textbox", name="Search")).to_be_focused()
    context.close()


def test_the_skip_link_comes_first(site: Path, serve: Serve, page: Page) -> None:
    page.goto(serve(site) + "llms/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.classList.contains('md-skip')")


def test_colours_can_be_chosen_and_are_kept(site: Path, serve: Serve, page: Page) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(serve(site) + "llms/")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    for _ in range(2):  # as the system, light, dark
        page.locator("form[data-md-component=palette] label:visible").click()
    dark = page.evaluate(paper)
    assert dark != light
    page.reload()
    assert page.evaluate(paper) == dark


def test_figures_follow_the_page_and_not_the_system(site: Path, serve: Serve, page: Page) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(serve(site) + "llms/")
    ink = "getComputedStyle(document.querySelector('svg.fig .t')).fill"
    before = page.evaluate(ink)
    page.evaluate("document.body.setAttribute('data-md-color-scheme', 'slate')")
    assert page.evaluate(ink) != before


def test_the_table_of_contents_folds_on_narrow_screens_only(site: Path, serve: Serve, page: Page) -> None:
    page.goto(serve(site) + "llms/")
    expect(page.locator(".page-toc")).to_have_attribute("open", "")
    page.set_viewport_size({"width": 500, "height": 800})
    expect(page.locator(".page-toc")).not_to_have_attribute("open", "")


def test_models_can_be_sorted_and_filtered(site: Path, serve: Serve, page: Page) -> None:
    page.goto(serve(site) + "models/")
    released = page.get_by_role("columnheader", name="Released", exact=True)
    rows = page.locator(".sortable tbody tr:visible")
    everything = rows.count()
    released.get_by_role("button").press("Enter")
    expect(released).to_have_attribute("aria-sort", "ascending")
    first = rows.first.inner_text()
    released.get_by_role("button").press("Enter")
    expect(released).to_have_attribute("aria-sort", "descending")
    assert rows.first.inner_text() != first
    page.get_by_label("Filter models").fill("mistral")
    expect(rows.first).to_contain_text("istral")
    assert 0 < rows.count() < everything
    expect(page.locator(".sortable").get_by_role("status")).to_contain_text(
        f"{rows.count()} of {everything} models"
    )


def test_code_is_copied(site: Path, serve: Serve, page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(serve(site) + "llms/")
    block = page.locator(".highlight").first
    block.get_by_role("button", name="Copy").click()
    expect(block.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == block.locator("code").inner_text().strip()


def test_pages_print_without_the_furniture(site: Path, serve: Serve, page: Page) -> None:
    page.goto(serve(site) + "llms/")
    page.emulate_media(media="print")
    expect(page.locator(".layer-bar")).to_be_hidden()
    expect(page.locator(".md-header")).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.pdf()[:5] == b"%PDF-"


def test_text_lines_are_a_comfortable_length(site: Path, serve: Serve, page: Page) -> None:
    page.goto(serve(site) + "llms/")
    page.add_style_tag(content="* { content-visibility: visible !important }")  # all paragraphs laid out
    page.evaluate("document.fonts.ready")
    measure = """() => {
      const p = [...document.querySelectorAll('article > p')].reduce((a, b) => a.textContent.length > b.textContent.length ? a : b);
      return p.textContent.length / (p.getBoundingClientRect().height / parseFloat(getComputedStyle(p).lineHeight));
    }"""
    assert 60 <= page.evaluate(measure) <= 74
