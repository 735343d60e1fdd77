"""Code on pages: what runs there is run, and prints what the page shows.

    python -m sitekit.page_code [page …]    run the code of pages, and write what it prints into them

A Python block next to a text block, with one empty line between, is shown with its output: after it, or
before it. The blocks of a page run one after the other, as a reader would run them. A Python block without an
output may need a server or a GPU; it is only compiled.

A sentence about what the code shows is held by a comment that the reader does not see:
`<!-- check: p["mat"] > 0.5 -->` is an expression in the names that the code above it has made. So a page may
say "more than half" in words, and whoever trains the model again is told which sentences are no longer true.
"""

from __future__ import annotations

import contextlib
import io
import linecache
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sitekit import layers

FENCE = re.compile(r"^```(\w+)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
CHECK = re.compile(r"<!-- check: (.*?) -->", re.DOTALL)


class Shown(NamedTuple):
    """A Python block, where it begins in the page, and the span of the output that is shown with it."""

    start: int
    code: str
    output: tuple[int, int] | None


class Claim(NamedTuple):
    """What a `check:` comment says, and where."""

    start: int
    expression: str


def shown(page: str) -> Iterator[Shown]:
    """The Python blocks of a page, each with its output if it has one."""
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
                output = text.span(2)
        yield Shown(block.start(2), block[2], output)


class Run(NamedTuple):
    """A page with its outputs as the code prints them now, and what is wrong with the page as it is.

    Each fault begins with "name:line: ".
    """

    page: str
    outdated: list[str]  # outputs, which `page` has as they should be
    untrue: list[str]  # claims, which only an author can mend


def run(name: str, page: str) -> Run:
    """Run the code of the page `name`, and hold its outputs and claims against what it does.

    Raises SyntaxError or whatever else the code raises, with the page's name and line in the traceback.
    """
    # Not "__main__": a page is no script. Tracebacks show the page's own lines.
    names: dict[str, object] = {"__name__": "page"}
    linecache.cache[name] = (len(page), None, page.splitlines(keepends=True), name)
    claims = [Claim(m.start(), m[1]) for m in CHECK.finditer(page)]
    outdated: list[str] = []
    untrue: list[str] = []
    renewed: list[tuple[tuple[int, int], str]] = []
    parts: list[Shown | Claim] = [*shown(page), *claims]
    for part in sorted(parts, key=lambda part: part.start):
        line = page.count("\n", 0, part.start) + 1
        if isinstance(part, Claim):
            expression = "\n" * (line - 1) + part.expression.strip()
            if not eval(compile(expression, name, "eval"), names):
                untrue.append(f"{name}:{line}: no longer true: {part.expression}")
            continue
        compiled = compile("\n" * (line - 1) + part.code, name, "exec")
        if part.output is not None:
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(compiled, names)
            text, before = printed.getvalue(), page[slice(*part.output)]
            renewed.append((part.output, text))
            if text != before:
                outdated.append(f"{name}:{line}: prints\n{text}but the page shows\n{before}")
    for (start, end), text in sorted(renewed, reverse=True):
        page = page[:start] + text + page[end:]
    return Run(page, outdated, untrue)


def line_of(error: BaseException, name: str) -> int:
    """The line of the page `name` at which its code raised."""
    if isinstance(error, SyntaxError) and error.filename == name:
        return error.lineno or 1
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 1 for frame in reversed(frames) if frame.filename == name), 1)


def with_code(root: Path) -> list[Path]:
    """The pages that have Python on them."""
    return [path for path in sorted(root.glob("docs/**/*.md")) if b"```python" in path.read_bytes()]


def main(names: list[str]) -> int:
    """Write into each page what its code prints; tell claims that do not hold, and code that raises."""
    failed = 0
    for path in [Path(name) for name in names] or with_code(Path()):
        name = path.as_posix()
        try:
            page = layers.read_text(Path(), name)
            after, _, untrue = run(name, page)
        except layers.LayerError as error:
            print(error)
            failed = 1
            continue
        except (Exception, SystemExit) as error:  # whatever the page's own code raises
            place = f"{name}:{line_of(error, name)}"
            print(f"{place}: {type(error).__name__}: {error}; mend the code on the page")
            failed = 1
            continue
        if after != page:
            path.write_text(after, "utf-8")
            print(f"{path}: outputs written")
        for message in untrue:
            print(message)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
