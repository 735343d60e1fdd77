"""Quotes a function or class of this repository, so that a page shows the code that runs and nothing else.

    code("pebble/model.py", "Layer.think")

gives the lines of that method as a Markdown code block, moved to the left margin.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from pathlib import Path


class QuoteError(Exception):
    """A quotation of something that is not there, told with what is."""


def code(root: Path, path: str, name: str) -> str:
    """The definition called `name` ("softmax", "Layer.think") in the Python file `path`, as a code block.

    path: relative to `root`. Decorators and comments inside the definition come along.
    Raises QuoteError if there is no such file or no such definition.
    """
    file = root / path
    if not file.is_file():
        raise QuoteError(f"code(): there is no file {path}. Paths begin at the repository's root.")
    text = file.read_text("utf-8")
    found = dict(_definitions(ast.parse(text, path)))
    if name not in found:
        raise QuoteError(f"code(): {path} defines no {name!r}. It defines {', '.join(found)}.")
    first, last = found[name]
    lines = text.splitlines(keepends=True)[first - 1 : last]
    return f"```python\n{textwrap.dedent(''.join(lines))}```\n"


def _definitions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, tuple[int, int]]]:
    """Every class and function, the nested ones with a dotted name, and its first and last line."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            yield prefix + node.name, (first, node.end_lineno or node.lineno)
            yield from _definitions(node, f"{prefix}{node.name}.")
