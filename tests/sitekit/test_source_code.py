"""Code that a page quotes is the code that runs."""

import inspect
from pathlib import Path

import pytest
from building import ROOT

from pebble import model
from sitekit import generate
from sitekit.source_code import QuoteError, code

SOURCE = """\
import functools


def outer(x: int) -> int:
    return x + 1  # one more


class Layer:
    @functools.cache
    def think(self) -> str:
        def deep() -> None: ...

        return '''kept
    as it is'''
"""


def quoted(tmp_path: Path, name: str) -> str:
    (tmp_path / "a.py").write_text(SOURCE)
    return code(tmp_path, "a.py", name)


def test_a_function_comes_with_its_comments(tmp_path: Path) -> None:
    expected = "```python\ndef outer(x: int) -> int:\n    return x + 1  # one more\n```\n"
    assert quoted(tmp_path, "outer") == expected


def test_a_method_comes_with_its_decorator_at_the_left_margin(tmp_path: Path) -> None:
    lines = quoted(tmp_path, "Layer.think").splitlines()
    assert lines[1:4] == ["@functools.cache", "def think(self) -> str:", "    def deep() -> None: ..."]
    assert quoted(tmp_path, "Layer.think.deep") == "```python\ndef deep() -> None: ...\n```\n"


def test_a_docstring_can_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        'def f(x: int) -> int:\n    """One more.\n\n    x: a number.\n    """\n    # why\n    return x + 1\n\n\n'
        "def g() -> str:\n    return 'no docstring'\n"
    )
    assert "x: a number." in code(tmp_path, "a.py", "f")
    expected = "```python\ndef f(x: int) -> int:\n    # why\n    return x + 1\n```\n"
    assert code(tmp_path, "a.py", "f", docstring=False) == expected
    assert code(tmp_path, "a.py", "g", docstring=False) == code(tmp_path, "a.py", "g")


@pytest.mark.parametrize(
    ("path", "name", "said"),
    [
        ("b.py", "outer", "no file b.py"),
        ("a.py", "inner", "defines no 'inner'. It defines outer, Layer, Layer.think, Layer.think.deep."),
    ],
)
def test_what_is_not_there_is_told(tmp_path: Path, path: str, name: str, said: str) -> None:
    (tmp_path / "a.py").write_text(SOURCE)
    with pytest.raises(QuoteError, match=said):
        code(tmp_path, path, name)


def test_it_agrees_with_python_itself() -> None:
    assert code(ROOT, "pebble/model.py", "softmax") == f"```python\n{inspect.getsource(model.softmax)}```\n"


def test_pages_can_quote() -> None:
    page = '<!-- [[[cog code("pebble/model.py", "softmax", docstring=False) ]]] -->\n<!-- [[[end]]] -->\n'
    functions = generate.scope(generate.Sources(ROOT), "docs/llms/concepts.md")
    assert "def softmax(scores: Array)" in generate.fill(page, "docs/llms/concepts.md", functions)
    with pytest.raises(generate.GenerateError, match=r"concepts\.md.*defines no 'softmin'"):
        generate.fill(page.replace("softmax", "softmin"), "docs/llms/concepts.md", functions)
