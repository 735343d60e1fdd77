"""Topics and their layers, read from the front matter of their pages.

A topic is a folder: `docs/<topic>/` holds the pages of L0, L1, L2 and L4, `labs/<topic>/` holds L3.
Front matter is the one source: navigation, layer tables, the layer bar and prerequisites come from it.
What is ready is computed from what exists, never typed: a page with front matter but no body is pending.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

# A layer's code, its kind, and the file that holds it.
LAYERS: dict[str, tuple[str, str]] = {
    "L0": ("Overview", "docs/{topic}/README.md"),
    "L1": ("Concepts", "docs/{topic}/concepts.md"),
    "L2": ("Deep dive", "docs/{topic}/deep-dive.md"),
    "L3": ("Labs", "labs/{topic}/README.md"),
    "L4": ("Advanced", "docs/{topic}/advanced.md"),
}

# What MkDocs takes for front matter.
FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?P<yaml>.*?)\n---[ \t]*\n(?P<body>.*)\Z", re.DOTALL)


class LayerError(Exception):
    """An author's mistake in front matter or in a topic's folder, told with its place and remedy."""


class Lab(BaseModel):
    """One notebook of a topic, as the front matter of `labs/<topic>/README.md` lists it."""

    model_config = ConfigDict(extra="forbid")
    file: str = Field(pattern=r"^[\w-]+\.ipynb$")
    title: str
    teaches: str
    needs: str
    minutes: int = Field(gt=0)
    _ready: bool = PrivateAttr(default=False)  # computed, so it cannot be typed in front matter

    @property
    def ready(self) -> bool:
        """Whether the notebook exists."""
        return self._ready


class Front(BaseModel):
    """The front matter of a layer's page."""

    model_config = ConfigDict(extra="forbid")
    topic: str
    layer: Literal["L0", "L1", "L2", "L3", "L4"]
    title: str
    summary: str
    minutes: int | None = Field(default=None, gt=0)
    prerequisites: list[str] = []
    objectives: list[str] = Field(min_length=1)
    labs: list[Lab] = []
    hide: list[str] = []


@dataclass(frozen=True)
class Layer:
    """One layer of one topic."""

    code: str
    path: str  # relative to the repository's root
    front: Front
    written: bool

    @property
    def kind(self) -> str:
        return LAYERS[self.code][0]

    @property
    def minutes(self) -> int:
        return self.front.minutes or sum(lab.minutes for lab in self.front.labs)

    @property
    def ready(self) -> bool:
        """Something to read or run: a body, or for labs at least one notebook."""
        return any(lab.ready for lab in self.front.labs) if self.code == "L3" else self.written

    @property
    def status(self) -> str:
        labs = self.front.labs
        if self.code == "L3" and self.ready and not all(lab.ready for lab in labs):
            return f"{sum(lab.ready for lab in labs)} of {len(labs)} ready"
        return "Ready" if self.ready else "Pending"


@dataclass(frozen=True)
class Topic:
    """A topic and its layers, in order."""

    name: str
    layers: list[Layer]

    @property
    def title(self) -> str:
        return self.layers[0].front.title

    @cached_property
    def labs(self) -> list[Lab]:
        return next(layer.front.labs for layer in self.layers if layer.code == "L3")

    def layer_of(self, path: str) -> Layer | None:
        """The layer that the file at `path` (relative to the root) belongs to; a notebook is part of L3."""
        if path.startswith(f"labs/{self.name}/"):
            return self.layers[3]
        return next((layer for layer in self.layers if layer.path == path), None)


def read_text(root: Path, name: str) -> str:
    """The text of the file `name` under `root`. Raises LayerError if it is not UTF-8."""
    try:
        return (root / name).read_text(encoding="utf-8-sig")  # as MkDocs reads it
    except UnicodeDecodeError as error:
        raise LayerError(f"{name}: byte {error.start + 1} is not UTF-8; save the file as UTF-8") from None


def split_front_matter(text: str) -> tuple[str, str]:
    """The YAML between the first two `---` lines, and the rest. No front matter gives ("", text)."""
    match = FRONT_MATTER.match(text)
    return (match["yaml"], match["body"]) if match else ("", text)


def read_front_matter(root: Path, path: str) -> tuple[Front, str]:
    """The validated front matter of a layer's page, and its body.

    Raises LayerError with file, line or field, reason and remedy.
    """
    fields, body = _read_fields(root, path)
    try:
        return Front.model_validate(fields), body
    except ValidationError as error:
        raise LayerError("\n".join(_explain(path, fault) for fault in error.errors())) from None


def read_title(root: Path, path: str) -> str:
    """The title in the front matter of any page. Raises LayerError."""
    title = _read_fields(root, path)[0].get("title")
    if not title:
        raise LayerError(f"{path}: front matter: field 'title' is missing; add it")
    return str(title)


def _read_fields(root: Path, path: str) -> tuple[dict[str, Any], str]:
    """What a page's front matter says, as it stands, and the page's body."""
    front, body = split_front_matter(read_text(root, path))
    if not front:
        raise LayerError(f"{path}:1: no front matter; begin with '---', the fields of a layer, '---'")
    try:
        fields = yaml.safe_load(front)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that is not in the calendar
        line, problem = yaml_fault(front, error)
        raise LayerError(
            f"{path}:{line + 2}: front matter is not valid YAML: {problem}; "
            "mend the value, or quote it if it has ': ' in it"
        ) from None
    if not isinstance(fields, dict):
        raise LayerError(f"{path}:2: front matter must be 'name: value' lines, not {type(fields).__name__}")
    return fields, body


def yaml_fault(text: str, error: Exception) -> tuple[int, str]:
    """Where `text` is not YAML, as a line counted from 0, and why."""
    if isinstance(error, yaml.reader.ReaderError):
        return text.count("\n", 0, error.position), f"character U+{error.character:04X} is not allowed"
    mark = getattr(error, "problem_mark", None)
    return mark.line if mark else 0, getattr(error, "problem", None) or str(error)


def _explain(path: str, fault: Any) -> str:
    field = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = ", ".join(Lab.model_fields if "." in field else Front.model_fields)
        return f"{path}: front matter: unknown field '{field}'; the fields are: {known}"
    if fault["type"] == "missing":
        return f"{path}: front matter: field '{field}' is missing; add it"
    return f"{path}: front matter: field '{field}' is {fault['input']!r}: {fault['msg']}"


def read_topic(root: Path, name: str) -> Topic:
    """The topic in the folder `name`, with all five layers. Raises LayerError."""
    layers = [_read_layer(root, name, code) for code in LAYERS]
    _check_prerequisites(root, layers)
    return Topic(name, layers)


def _read_layer(root: Path, topic: str, code: str) -> Layer:
    path = LAYERS[code][1].format(topic=topic)
    if not (root / path).is_file():
        raise LayerError(
            f"{path}: layer {code} of topic '{topic}' has no file; "
            "create it with front matter (an empty body makes it pending)"
        )
    front, body = read_front_matter(root, path)
    if (front.topic, front.layer) != (topic, code):
        raise LayerError(
            f"{path}: front matter says topic '{front.topic}', layer {front.layer}, "
            f"but the file's place says topic '{topic}', layer {code}"
        )
    if code != "L3" and front.minutes is None:
        raise LayerError(f"{path}: front matter: field 'minutes' is missing; say how long the page takes")
    folder = (root / path).parent
    if code == "L3":
        listed = [lab.file for lab in front.labs]
        for stray in sorted({f.name for f in folder.glob("*.ipynb")} - set(listed)):
            raise LayerError(
                f"{path}: '{stray}' lies in this folder; list it under 'labs:' in the front matter"
            )
    for lab in front.labs:
        lab._ready = (folder / lab.file).is_file()
    return Layer(code, path, front, written=bool(body.strip()))


def _check_prerequisites(root: Path, layers: list[Layer]) -> None:
    for layer in layers:
        for item in filter(is_page, layer.front.prerequisites):
            if not (root / layer.path).parent.joinpath(item).is_file():
                raise LayerError(
                    f"{layer.path}: front matter: prerequisite '{item}' does not exist; mend the path"
                )


def is_page(prerequisite: str) -> bool:
    """Whether a prerequisite names a page of ours, rather than saying something in words."""
    return prerequisite.endswith((".md", ".ipynb")) and " " not in prerequisite


# --- the navigation ------------------------------------------------------------------------------


def topics_of(nav: list[Any]) -> list[str]:
    """The topics in a nav: its entries that are folders, such as `llms/`."""
    return [entry.rstrip("/") for entry in nav if isinstance(entry, str) and entry.endswith("/")]


def expand_nav(nav: list[Any], topics: dict[str, Topic]) -> list[Any]:
    """The nav with every `topic/` entry replaced by the section of its layers and labs."""
    return [
        _section(topics[entry.rstrip("/")]) if isinstance(entry, str) and entry.endswith("/") else entry
        for entry in nav
    ]


def _section(topic: Topic) -> dict[str, list[Any]]:
    items: list[Any] = []
    for layer in topic.layers:
        items.append({layer.front.title: source_uri(layer.path)})
        if layer.code == "L3":
            folder = source_uri(layer.path).removesuffix("README.md")
            items += [{lab.title: folder + lab.file} for lab in topic.labs if lab.ready]
    return {topic.title: items}


def source_uri(path: str) -> str:
    """A path as MkDocs names it: relative to docs/, where labs are `../labs/…`."""
    return path.removeprefix("docs/") if path.startswith("docs/") else f"../{path}"


def minutes(n: int) -> str:
    """A duration as people say it: 45 -> '45 min', 90 -> '1 h 30 min'; nothing known -> a dash."""
    hours, rest = divmod(n, 60)
    return " ".join([f"{hours} h"] * bool(hours) + [f"{rest} min"] * bool(rest)) or "–"
