"""Quotes a function or class of this repository, so that a page shows the code that runs and nothing else.

    code("pebble/model.py", "Layer.think")

gives the lines of that method as a Markdown code block, moved to the left margin. With `docstring=False` they
come without its docstring, for a page that says the same in its own words.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from pathlib import Path

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class QuoteError(Exception):
    """A quotation of something that is not there, told with what is."""


def code(root: Path, path: str, name: str, docstring: bool = True) -> str:
    """The definition called `name` ("softmax", "Layer.think") in the Python file `path`, as a code block.

    path: relative to `root`. Decorators and comments inside the definition come along.
    docstring: whether the definition's own docstring does, too.
    Raises QuoteError if there is no such file or no such definition.
    """
    file = root / path
    if not file.is_file():
        raise QuoteError(f"code(): there is no file {path}. Paths begin at the repository's root.")
    text = file.read_text("utf-8")
    found = dict(_definitions(ast.parse(text, path)))
    if name not in found:
        raise QuoteError(f"code(): {path} defines no {name!r}. It defines {', '.join(found)}.")
    definition = found[name]
    first = min(node.lineno for node in (definition, *definition.decorator_list))
    left_out = range(0)
    if not docstring and ast.get_docstring(definition) is not None:
        left_out = _lines(definition.body[0])
    lines = text.splitlines(keepends=True)
    kept = [lines[n - 1] for n in range(first, _lines(definition).stop) if n not in left_out]
    return f"```python\n{textwrap.dedent(''.join(kept))}```\n"


def _definitions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Definition]]:
    """Every class and function with its name, the nested ones with a dotted name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Definition):
            yield prefix + node.name, node
            yield from _definitions(node, f"{prefix}{node.name}.")


def _lines(node: ast.stmt) -> range:
    """The numbers of the lines on which a statement stands, from 1."""
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)
