"""Who may import whom: the rule of the README, held."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator

import pytest
from building import ROOT

SITE = {"mkdocs", "mkdocs_jupyter", "markdown_it", "nbconvert", "nbclient", "nbformat", "yaml", "pydantic", "pydantic_core", "cogapp", "pathspec"}  # fmt: skip
CLIENTS = {
    "numpy", "matplotlib", "IPython", "pebble", "ollama", "openai", "httpx", "pydantic", "llama_cpp", "torch",
    "transformers", "peft", "accelerate", "usearch", "qdrant_client", "mcp", "anyio",
}  # fmt: skip

ALLOWED = {
    "pebble": {"numpy", "pebble"},
    "sitekit": SITE | {"sitekit", "pebble"},
    "labs": CLIENTS,
}
# What single files, or folders, may have besides.
ALSO = {
    "pebble/chat.py": {"jinja2"},
    "pebble/constrain.py": {"llguidance"},
    "pebble/corpus/": {"yaml"},
    "pebble/network.py": {"torch"},
    "pebble/muon.py": {"torch"},
    "pebble/train.py": {"torch"},
    "pebble/export.py": {"gguf"},
    "pebble/server.py": {"starlette", "uvicorn"},
    "pebble/serving/": {"starlette", "pydantic"},
    "sitekit/hooks.py": {"jinja2"},
    "sitekit/drawings/": {"numpy"},
    "sitekit/stylesheets.py": {"tinycss2"},
    "sitekit/vocabularies.py": {"llama_models", "mistral_common"},
}


def imports(source: str) -> Iterator[tuple[int, str]]:
    """The top-level names that `source` imports, with their lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.lineno, (node.module or "").split(".")[0]


def sources(room: str) -> Iterator[tuple[str, str]]:
    """Each Python file of a room, and of its notebooks the code cells."""
    for path in sorted((ROOT / room).rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), path.read_text()
    for path in sorted((ROOT / room).rglob("*.ipynb")):
        cells = json.loads(path.read_text())["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        lines = [line for line in "\n".join(code).splitlines() if not line.lstrip().startswith(("%", "!"))]
        yield path.relative_to(ROOT).as_posix(), "\n".join(lines)


def breaches(room: str, name: str, source: str) -> list[str]:
    also = (modules for place, modules in ALSO.items() if name.startswith(place))
    allowed = ALLOWED[room].union(*also, sys.stdlib_module_names)
    return [f"{name}:{line}: imports {module}" for line, module in imports(source) if module not in allowed]


@pytest.mark.parametrize("room", ALLOWED)
def test_rooms_import_what_the_rule_allows(room: str) -> None:
    assert [breach for name, source in sources(room) for breach in breaches(room, name, source)] == []


def test_nobody_imports_the_adapter_or_the_tests() -> None:
    for room in ALLOWED:
        for name, source in sources(room):
            assert "sitekit.hooks" not in source and "from sitekit import hooks" not in source, name
            assert not any(module in {"tests", "building", "conftest"} for _, module in imports(source)), name


@pytest.mark.parametrize(
    ("room", "name", "source"),
    [
        ("pebble", "pebble/model.py", "import torch"),
        ("pebble", "pebble/model.py", "from sitekit.facts import models"),
        ("labs", "labs/llms/01.ipynb", "import sitekit"),
        ("sitekit", "sitekit/facts.py", "def f():\n    import requests"),
    ],
)
def test_the_rule_catches_a_breach(room: str, name: str, source: str) -> None:
    assert len(breaches(room, name, source)) == 1


def test_every_module_says_what_it_is() -> None:
    for room in ("pebble", "sitekit"):
        for path in (ROOT / room).rglob("*.py"):
            text = path.read_text()
            assert not text.strip() or ast.get_docstring(ast.parse(text)), (
                f"{path}: begin with one sentence that says what it is"
            )


def test_the_readme_lists_the_modules() -> None:
    readme = (ROOT / "README.md").read_text()
    for path in (ROOT / "sitekit").glob("*.py"):
        assert path.stem == "__init__" or path.name in readme, (
            f"README.md: say what sitekit/{path.name} is, in one phrase"
        )
