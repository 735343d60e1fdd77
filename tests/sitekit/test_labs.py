"""Notebooks as pages: links, images, and what is refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from sitekit import labs, notebooks
from sitekit.labs import LabError

PNG = base64.b64encode(
    b"\x89PNG\r\n\x1a\n" + bytes(8) + (30).to_bytes(4, "big") + (20).to_bytes(4, "big")
).decode()


def notebook(path: Path, *outputs: dict[str, Any], alt: str = "A dot") -> Path:
    cell = {"cell_type": "code", "source": "x", "metadata": {"alt": alt}, "outputs": list(outputs)}
    path.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": "# T", "metadata": {}}, cell]}))
    return path


def shown(kind: str, data: str) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {kind: data}, "metadata": {}}


def test_images_of_outputs_become_files_with_size_and_alt_text(tmp_path: Path) -> None:
    svg = '<svg viewBox="0 0 300.4 100"></svg>'
    nb = notebook(tmp_path / "a.ipynb", shown("image/png", PNG), shown("image/svg+xml", svg), alt='A "dot"')
    images = labs.read_images(nb, "labs/a.ipynb")
    assert list(images) == ["2.1", "2.2"]
    assert images["2.1"].size == (30, 20) and images["2.2"].size == (300, 100)
    assert images["2.1"].html("a/") == (
        f'<img src="a/{images["2.1"].name}" alt="A &quot;dot&quot;" width="30" height="20" loading="lazy">'
    )


@pytest.mark.parametrize(
    ("output", "alt", "message"),
    [
        (
            {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []},
            "A",
            "labs/a.ipynb, cell 2: the stored output is an error, ValueError: no; mend the cell, then run: make run-labs",
        ),
        (shown("image/png", PNG), "", "labs/a.ipynb, cell 2: its image has no alt text"),
    ],
)
def test_notebooks_that_cannot_be_published(
    tmp_path: Path, output: dict[str, Any], alt: str, message: str
) -> None:
    with pytest.raises(LabError) as error:
        labs.read_images(notebook(tmp_path / "a.ipynb", output, alt=alt), "labs/a.ipynb")
    assert message in str(error.value)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "null"])
def test_a_file_that_is_no_notebook(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.ipynb").write_text(content)
    with pytest.raises(LabError, match=r"labs/a.ipynb: not a notebook .* open and save it"):
        labs.read_images(tmp_path / "a.ipynb", "labs/a.ipynb")


def test_links_are_rewritten_and_lost_ones_named() -> None:
    html = (
        '<a href="../../docs/llms/README.md#moe">a</a> <a href="https://example.org/x.md">b</a> <a href="#c">c</a> '
        '<img src="a%20b.png"> <a href="none.md">d</a>'
    )
    known = {"../docs/llms/README.md": "../../../llms/", "../labs/llms/a b.png": "../a%20b.png"}
    out, lost = labs.rewrite_links(html, "../labs/llms/03.ipynb", known.get)
    assert (
        '<a href="../../../llms/#moe">a</a> <a href="https://example.org/x.md">b</a> <a href="#c">c</a>'
        in out
    )
    assert '<img src="../a%20b.png">' in out
    assert lost == ["none.md"]


@pytest.mark.parametrize(
    ("repo", "url"),
    [
        (None, None),
        ("", None),
        ("https://gitlab.com/a/b", None),
        ("https://github.com/a/b/", "https://colab.research.google.com/github/a/b/blob/main/labs/x.ipynb"),
    ],
)
def test_colab_opens_what_lies_on_github(repo: str | None, url: str | None) -> None:
    assert labs.colab_url(repo, "labs/x.ipynb") == url


def test_a_notebook_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_bytes(b"\xe9")
    with pytest.raises(notebooks.NotebookError, match="a.ipynb: not a notebook .*utf-8"):
        notebooks.read(tmp_path / "a.ipynb")
