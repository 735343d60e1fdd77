"""Live figures: which a page has, and the scripts that they read, made from Pebble's weights and the facts.

A page says `<next-token text="…"></next-token>`, alone in its paragraph, where the figure is to stand; the
custom element of that name is in docs/figures/next-token.js. Pages without one load none of it.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

from pebble import export, tokenizer
from pebble.model import Model
from sitekit import fact_files, vocabularies

FOLDER = "figures"
WEIGHTS = f"{FOLDER}/pebble-weights.js"
DRAFT = f"{FOLDER}/pebble-draft.js"  # the small model that guesses for Pebble
FACTS = f"{FOLDER}/facts.js"
BASE = "live-figure"  # the base of all, no figure itself
OTHERS = {"reader-progress"}  # custom elements that are no figures


class LiveFigureError(Exception):
    """A page that names a live figure which is not there, told with its line and remedy."""


TAG = re.compile(r'<(?P<name>[a-z]+(?:-[a-z]+)+)(?P<attributes>(?:"[^"]*"|[^"<>])*)>')
CODE = re.compile(r"^(`{3,}|~{3,}).*?^\1|`[^`\n]*`|<!--.*?-->", re.MULTILINE | re.DOTALL)
ALONE = re.compile(
    r'<p><(?P<name>[a-z]+(?:-[a-z]+)+)(?P<attributes>(?:"[^"]*"|[^"<>])*)>'
    r"(?:</p>(?P<still>(?:(?!</?(?P=name)).)*)<p>)?</(?P=name)></p>",
    re.DOTALL,
)
ATTRIBUTE = re.compile(r'\s([^\s="/]+)(?:\s*=\s*"[^"]*")?')
DEFAULTS = re.compile(r"static defaults = \{(.*?)\n  \};", re.DOTALL)


def names(folder: Path) -> list[str]:
    """Every figure that has a script."""
    return sorted(path.stem for path in folder.glob("*.js") if "-" in path.stem and path.stem != BASE)


def check(markdown: str, path: str, folder: Path) -> None:
    """Raise LiveFigureError unless every custom element of a page has its script and knows its attributes."""
    text = CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), markdown)  # lines keep their numbers
    known = names(folder)
    for match in TAG.finditer(text):
        name, place = match["name"], f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
        if name in OTHERS:
            continue
        if name not in known:
            raise LiveFigureError(
                f"{place}: there is no live figure <{name}>, for docs/figures/{name}.js does not exist; "
                f"add it, or name one of: {', '.join(known)}"
            )
        allowed = attributes(folder / f"{name}.js")
        for attribute in ATTRIBUTE.findall(match["attributes"]):
            if attribute not in allowed:
                raise LiveFigureError(
                    f"{place}: <{name}> has no attribute '{attribute}'; it takes: {', '.join(allowed)}"
                )


def attributes(script: Path) -> list[str]:
    """The attributes that a figure takes: the names of its `static defaults`."""
    defaults = DEFAULTS.search(script.read_text(encoding="utf-8"))
    return re.findall(r"^    ([a-z]+):", defaults[1], re.MULTILINE) if defaults else []


def place(page: str) -> str:
    """A page's HTML with its live figures out of their paragraphs, where none may stand.

    A figure may stand around what the page says without scripts. The class gives each its room before its
    script has run, the id lets a link find it.
    """
    found: list[str] = []

    def placed(match: re.Match[str]) -> str:
        name, attributes, still = match.group("name", "attributes", "still")
        found.append(name)
        number = f"-{found.count(name)}" if name in found[:-1] else ""
        return f'<{name} id="live-{name}{number}" class="live"{attributes}>{still or ""}</{name}>'

    return ALONE.sub(placed, page)


# --- the scripts that are made -----------------------------------------------------------------------


def weights_scripts(folder: Path = tokenizer.WEIGHTS) -> dict[str, str]:
    """Pebble and its draft as scripts, by path: `globalThis.PEBBLE` and `globalThis.PEBBLE_DRAFT`."""
    models = {WEIGHTS: (folder, "PEBBLE"), DRAFT: (folder / "draft", "PEBBLE_DRAFT")}
    return {
        path: weights_script(folder, variable, max(file.stat().st_mtime for file in folder.iterdir()))
        for path, (folder, variable) in models.items()
    }


@functools.lru_cache(maxsize=4)
def weights_script(folder: Path, variable: str, changed: float) -> str:
    """A model's int8 weights as a script; `changed` is when they were, so that they are read once only."""
    return export.javascript(Model.load(folder), variable)


def facts_script(root: Path) -> str:
    """What figures need of docs/facts/, as `globalThis.FACTS`: open models of known architecture for the
    calculators, and sentences as several vocabularies cut them."""
    models: list[dict[str, Any]] = []
    for model in fact_files.Facts(root).models.values():
        if model.architecture and model.parameters and model.access == "open-weights":
            shape = model.architecture.model_dump(exclude_none=True)
            models.append({"id": model.id, "name": model.name, "parameters": model.parameters.total, **shape})
    sentences = [{"id": name, "name": name, "text": text} for name, text in vocabularies.SENTENCES.items()]
    content = {
        "models": models,
        "sentences": sentences,
        "vocabularies": vocabularies.with_pebble(root),
    }
    return f"globalThis.FACTS = {json.dumps(content, ensure_ascii=False)};\n"
