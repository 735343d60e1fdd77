"""Live figures on a bench: a page of their own, opened from a folder, with the scripts that the build makes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from building import ROOT
from playwright.sync_api import Page

from pebble.export import int8_model
from pebble.model import Model
from pebble.tokenizer import WEIGHTS
from sitekit import live_figures

ENGINE = ("tokenizer", "model", "sample", "chat")


@pytest.fixture(scope="session")
def pebble() -> Model:
    """Pebble as pages run it: its int8 weights, in NumPy."""
    return int8_model(Model.load())


@pytest.fixture(scope="session")
def draft() -> Model:
    """The small model that guesses for Pebble, likewise."""
    return int8_model(Model.load(WEIGHTS / "draft"))


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the figures and assets of a built site."""
    folder = tmp_path_factory.mktemp("bench")
    for name in ("figures", "assets"):
        shutil.copytree(ROOT / "docs" / name, folder / name)
    made = {**live_figures.weights_scripts(), live_figures.FACTS: live_figures.facts_script(ROOT)}
    for path, content in made.items():
        (folder / path).write_text(content, encoding="utf-8")
    return folder


@pytest.fixture
def engine(bench: Path, page: Page) -> Page:
    """An empty page with the engine: `model` is Pebble."""
    page.goto((bench / "assets/favicon.svg").as_uri())
    page.goto("about:blank")
    for name in ENGINE:
        page.add_script_tag(path=bench / f"figures/engine/{name}.js")
    page.add_script_tag(path=bench / live_figures.WEIGHTS)
    page.add_script_tag(content="globalThis.model = Model.load(PEBBLE)")
    return page


def ahead(model: Model, seen: list[int], count: int) -> list[int]:
    """The likeliest tokens one by one, without a cache, also past the end token."""
    said = list(seen)
    for _ in range(count):
        said.append(int(model.forward(said)[-1].argmax()))
    return said[len(seen) :]


Show = Callable[..., Page]


@pytest.fixture
def show(bench: Path, page: Page) -> Show:
    """Open a page with the given live figures; `wrong` on the page collects what goes wrong."""

    def open_page(markup: str, query: str = "", scheme: str = "default", space: int = 0) -> Page:
        markup = live_figures.place(re.sub(r"(<([a-z-]+-[a-z-]+)[^<]*></\2>)", r"<p>\1</p>", markup))
        scripts = '<script defer src="assets/page.js"></script>'
        styles = "".join(
            f'<link rel="stylesheet" href="{path}">'
            for path in (
                "assets/colours.css",
                "assets/figures.css",
                "assets/site.css",
                "figures/live-figure.css",
            )
        )
        html = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Bench</title>'
            f'<meta name="viewport" content="width=device-width">{styles}{scripts}'
            "<style>html{font-size:125%}body{margin:0 auto;padding:1rem;max-width:46rem;"
            "background:var(--paper);color:var(--ink)}</style></head>"
            f'<body class="md-typeset" data-md-color-scheme="{scheme}"><main><h1>Bench</h1>'
            f'<div style="height:{space}px"></div>{markup}<p>After.</p></main></body></html>'
        )
        file = bench / "bench.html"
        file.write_text(html, encoding="utf-8")
        page.goto(file.as_uri() + query)
        return page

    return open_page
