"""Code on pages: what runs here is run, and prints what the page shows.

A Python block next to a text block, with one empty line between, is shown with its output: after it, or before
it. The blocks of a page run one after the other, as a reader would run them. A Python block without an output
may need a server or a GPU; it is only compiled.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from building import ROOT

FENCE = re.compile(r"^```(\w+)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)


class Shown(NamedTuple):
    """A Python block, the line it begins on, and the output that the page shows with it."""

    line: int
    code: str
    output: str | None


def shown(page: str) -> Iterator[Shown]:
    blocks = list(FENCE.finditer(page))
    taken = set()
    for i, block in enumerate(blocks):
        if block[1] != "python":
            continue
        after = blocks[i + 1 : i + 2]
        before = blocks[i - 1 : i] if i else []
        output = None
        for first, second, text in [*((block, b, b) for b in after), *((b, block, b) for b in before)]:
            adjacent = page[first.end() : second.start()] == "\n"
            if output is None and text[1] == "text" and text.start() not in taken and adjacent:
                taken.add(text.start())
                output = text[2]
        yield Shown(page.count("\n", 0, block.start()) + 2, block[2], output)


def differences(name: str, page: str) -> list[str]:
    """What the blocks of a page print that the page does not show."""
    names: dict[str, object] = {"__name__": "page"}
    wrong = []
    for line, code, output in shown(page):
        compiled = compile("\n" * (line - 1) + code, name, "exec")  # a SyntaxError names page and line
        if output is not None:
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(compiled, names)
            if printed.getvalue() != output:
                wrong.append(f"{name}:{line}: prints\n{printed.getvalue()}but the page shows\n{output}")
    return wrong


PAGES = [path for path in sorted(ROOT.glob("docs/**/*.md")) if "```python" in path.read_text()]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_code_prints_what_the_page_shows(path: Path) -> None:
    page = path.read_text()
    assert any(block.output is not None for block in shown(page)), (
        "a page with code shows what some of it prints"
    )
    assert differences(path.relative_to(ROOT).as_posix(), page) == []


def test_a_wrong_output_is_caught() -> None:
    page = "```python\nx = 2\nprint(x)\n```\n\n```text\n2\n```\n\nText.\n\n```python\nprint(x + 1)\n```\n\n```text\n4\n```\n"
    assert [line.split("\n")[0] for line in differences("a.md", page)] == ["a.md:13: prints"]


def test_broken_code_is_caught() -> None:
    with pytest.raises(SyntaxError) as error:
        differences("a.md", "```python\nx = = 1\n```\n")
    assert (error.value.filename, error.value.lineno) == ("a.md", 2)
