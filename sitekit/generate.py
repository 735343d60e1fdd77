"""Tables and styles that are generated in place: a page, table and all, reads the same everywhere.

A page says `<!-- [[[cog layer_table("llms") ]]] -->`, `<!-- [[[end]]] -->`, and cog fills what is between,
by one of the functions of `scope`. `make generate` writes; the strict build checks.
"""

from __future__ import annotations

import functools
import io
import posixpath
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from cogapp import Cog
from cogapp.cogapp import CogError

from sitekit import facts, glossary, layer_tables, layers, source_code, vocabularies


class GenerateError(Exception):
    """A generator that failed, told with its page, reason and remedy."""


def run(root: Path, write: bool) -> list[str]:
    """The files whose generated parts are out of date (paths relative to `root`); mended if `write`.

    Raises GenerateError, and LayerError for a file that cannot be read.
    """
    stale = []
    sources = Sources(root)
    for path in generated_files(root):
        name = path.relative_to(root).as_posix()
        before = layers.read_text(root, name)
        after = fill(before, name, scope(sources, name))
        if after != before:
            stale.append(name)
            if write:
                path.write_text(after, encoding="utf-8")
    return stale


def generated_files(root: Path) -> Iterator[Path]:
    """Every page and figure that has a generated part."""
    for folder in ("docs", "labs"):
        for pattern in ("*.md", "*.svg"):
            for path in sorted((root / folder).rglob(pattern)):
                if "[[[cog" in layers.read_text(root, path.relative_to(root).as_posix()):
                    yield path


def fill(text: str, name: str, functions: dict[str, Callable[..., str]]) -> str:
    """`text` with every generated part made anew. Raises GenerateError."""
    cog = Cog()
    cog.options.print_output = True  # what a generator prints is what it puts in
    filled = io.StringIO()
    printing = {key: _printing(function) for key, function in functions.items()}
    try:
        cog.process_file(io.StringIO(text), filled, fname=name, globals=printing)
    except (CogError, SyntaxError) as error:
        # cog wraps what the generator raised; the reader needs the reason, not cog's traceback
        reason = error.__context__ or error
        known = isinstance(reason, (facts.FactError, layers.LayerError, source_code.QuoteError))
        said = str(reason) if known else f"{type(reason).__name__}: {reason}"
        raise GenerateError(f"{name}: its generated part failed: {said}") from None
    return filled.getvalue()


def _printing(function: Callable[..., str]) -> Callable[..., None]:
    return lambda *args, **options: print(function(*args, **options), end="")


class Sources:
    """What pages are generated from, each read once, and when it is first asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.facts = facts.generators(root)
        self.topic = functools.cache(lambda name: layers.read_topic(root, name))
        self.figure_style = functools.cache(lambda: figure_style(root))
        self.code = functools.partial(source_code.code, root)

    def title_of(self, path: str) -> str:
        """The title of a page, or of a lab, by its path in the repository."""
        if not path.endswith(".ipynb"):
            return layers.read_title(self.root, path)
        _, topic, file = path.split("/")
        titles = {lab.file: lab.title for lab in self.topic(topic).labs}
        if file not in titles:
            raise layers.LayerError(f"{path}: not in the list of labs; add it to labs/{topic}/README.md")
        return f"lab: {titles[file]}"


def scope(sources: Sources, name: str) -> dict[str, Callable[..., str]]:
    """The functions that the file `name` may call."""
    here = posixpath.dirname(name)
    topic = sources.topic

    def link(folder: str) -> str:
        return "" if folder == here else posixpath.relpath(folder, here) + "/"

    return {
        **sources.facts,
        "layer_table": lambda name: layer_tables.layer_table(topic(name)),
        "labs_table": lambda name: layer_tables.labs_table(topic(name), link(f"labs/{name}")),
        "doors": lambda name: layer_tables.doors(topic(name), link(f"docs/{name}"), link(f"labs/{name}")),
        "glossary": lambda: glossary.page(facts.Facts(sources.root).glossary, sources.title_of),
        "figure_style": sources.figure_style,
        "code": sources.code,
        "vocabularies": lambda: vocabularies.table(sources.root),
    }


def figure_style(root: Path) -> str:
    """The style of a figure that is shown on its own: the site's colours, by the reader's preference."""
    assets = root / "docs/assets"
    colours = (assets / "colours.css").read_text(encoding="utf-8")
    light, dark = re.findall(r"/\* figures: (?:light|dark) \*/(.*?)/\* end \*/", colours, re.DOTALL)
    classes = (assets / "figures.css").read_text(encoding="utf-8")
    css = f"svg{{background:var(--paper);{light}}}@media(prefers-color-scheme:dark){{svg{{{dark}}}}}{classes}"
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    return re.sub(r"\s*([{}:;,>])\s*", r"\1", re.sub(r"\s+", " ", css)).replace(";}", "}").strip() + "\n"


if __name__ == "__main__":
    try:
        print("\n".join(run(Path.cwd(), write=True)) or "Everything generated is up to date.")
    except (GenerateError, layers.LayerError) as error:
        sys.exit(str(error))
