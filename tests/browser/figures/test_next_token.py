"""The figure next-token: its bars are NumPy's probabilities, its buttons append tokens."""

from __future__ import annotations

import re

import pytest
from conftest import Show
from playwright.sync_api import Page, expect

from pebble import chat
from pebble.model import Model, softmax
from pebble.sample import distribution, generate
from pebble.tokenizer import BEGIN


def bars(page: Page) -> list[tuple[str, str]]:
    return page.evaluate(
        "[...document.querySelectorAll('.bar')].map((b) => [b.querySelector('.bar__name').textContent, b.querySelector('.bar__fill').style.width])"
    )


@pytest.mark.parametrize("mode", ["text", "question"])
def test_bars_are_numpys_probabilities_under_the_filters(
    show: Show, page: Page, pebble: Model, mode: str
) -> None:
    show(f'<next-token text="What is a token?" mode="{mode}"></next-token>')
    words = page.locator("[role=status]")
    expect(words).to_contain_text("Likeliest", timeout=30_000)
    text = "What is a token?"
    ids = (
        chat.render([{"role": "user", "content": text}], tokenizer=pebble.tokenizer)
        if mode == "question"
        else [BEGIN, *pebble.tokenizer.encode(text)]
    )
    logits = pebble.forward(ids)[-1]
    for filters in ({}, {"temperature": 1.6, "top_k": 4}, {"temperature": 0.4, "top_p": 0.8, "min_p": 0.1}):
        names = {"temperature": "Temperature", "top_k": "Top-k", "top_p": "Top-p", "min_p": "Min-p"}
        for key, default in {"temperature": 1, "top_k": 0, "top_p": 1, "min_p": 0}.items():
            page.get_by_label(names[key]).fill(str(filters.get(key, default)))
        expected = distribution(logits, **filters)
        shown = bars(page)
        order = (-softmax(logits)).argsort(kind="stable")[: len(shown)]
        for token, (name, width) in zip(order, shown, strict=True):
            assert name == pebble.tokenizer.decode([token]).replace(" ", "␣").replace("\n", "↵")
            assert abs(float(width.removesuffix("%")) / 100 - expected[token]) < 1e-4
        expect(words).to_contain_text(f"{(expected > 0).sum()} of {len(expected)} tokens")


def test_the_likeliest_tokens_are_greedy_decoding(show: Show, page: Page, pebble: Model) -> None:
    show('<next-token text="What is a token?" mode="question"></next-token>')
    expect(page.locator("[role=status]")).to_contain_text("Likeliest", timeout=30_000)
    for _ in range(5):
        page.get_by_role("button", name="Take the likeliest").click()
    ids = chat.render([{"role": "user", "content": "What is a token?"}], tokenizer=pebble.tokenizer)
    expected = [pebble.tokenizer.decode([s.token]) for s in generate(pebble, ids, max_tokens=5)]
    expect(page.locator(".token--new")).to_have_text(
        [re.compile(re.escape(t.replace(" ", "␣"))) for t in expected]
    )
    page.get_by_role("button", name="One back").click()
    expect(page.locator(".token--new")).to_have_count(4)


def test_a_bar_is_a_button_that_appends_its_token(show: Show, page: Page) -> None:
    show("<next-token></next-token>")
    expect(page.locator("[role=status]")).to_contain_text("Likeliest", timeout=30_000)
    third = page.locator(".bar").nth(2)
    name = third.locator(".bar__name").inner_text()
    third.press("Enter")
    expect(page.locator(".token--new, .token--control")).to_contain_text([re.compile("begin"), name])


def test_writing_on_stops_at_the_end_and_a_link_shows_the_same_text(show: Show, page: Page) -> None:
    show('<next-token text="Hello!" mode="question" temperature="0"></next-token>')
    expect(page.locator("[role=status]")).to_contain_text("Likeliest", timeout=30_000)
    page.get_by_role("button", name="Write on").click()
    expect(page.locator("[role=status]")).to_contain_text("ended its answer", timeout=60_000)
    text = page.locator(".next-token__text").inner_text()
    page.get_by_role("link", name="Link to this state").click()
    expect(page.locator(".next-token__text")).to_have_text(text, timeout=30_000)
