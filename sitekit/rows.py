"""Reads a YAML file of rows into a pydantic shape, and tells every fault with its place and remedy.

    models.yml:312: row "gpt-4o": field "access": "apii" is not allowed; use one of: api, open-weights

All faults of a file are told at once. YAML's own habits that hide mistakes are off: a repeated key is a
fault, and dates stay text, so that an impossible one is a fault of its row and not a traceback.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, RootModel, ValidationError, field_validator
from pydantic_core import ErrorDetails

Loc = Sequence[str | int]  # a path of keys and indices to a value
Fault = tuple[Loc, str]  # where, and what is wrong there


class FactError(Exception):
    """Faults in the facts or in a call for a table, one a line, each with its place and remedy."""


class Row(BaseModel):
    """What all rows share: no unknown keys, no empty values, no guessing of types."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @field_validator("*", mode="before")
    @classmethod
    def _known_or_absent(cls, value: object) -> object:
        if value is None or (isinstance(value, str) and value.lower() in ("", "unknown", "n/a", "none", "?")):
            raise ValueError("says nothing; a value is known or absent: delete the line")
        return value


Shape = TypeVar("Shape", bound=BaseModel)


class Sheet(Generic[Shape]):
    """A file that fits its shape, with a memory of its lines for faults that only show across rows."""

    def __init__(self, name: str, node: yaml.Node, content: Shape) -> None:
        self.name, self.node, self.content = name, node, content

    def must_not(self, faults: Iterable[Fault]) -> None:
        """Raise FactError if there are any."""
        _raise(self.name, [(_line(self.node, loc), what) for loc, what in faults])


class Loader(yaml.SafeLoader):
    """YAML whose dates stay text."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


class FastLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same in C: five times as fast, but it says less about a mistake."""

    yaml_implicit_resolvers = Loader.yaml_implicit_resolvers


def parse(text: str) -> tuple[yaml.Node | None, Any]:
    """The tree of a YAML text, which knows lines, and its data. Raises yaml.YAMLError."""
    loader: Loader | FastLoader = FastLoader(text)
    try:
        node = loader.get_single_node()
    except yaml.YAMLError:
        loader = Loader(text)
        node = loader.get_single_node()
    return node, loader.construct_document(node) if node else None


def read(root: Path, name: str, shape: type[Shape]) -> Sheet[Shape]:
    """The file `name` under `root`, as `shape`. Raises FactError with all its faults."""
    try:
        text = (root / name).read_text(encoding="utf-8")
        node, data = parse(text)
    except FileNotFoundError:
        raise FactError(f"{name}: there is no such file under {root}") from None
    except UnicodeDecodeError as error:
        raise FactError(f"{name}: byte {error.start + 1} is not UTF-8; save the file as UTF-8") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        what = f"character U+{error.character:04X} is not allowed; delete it"
        raise FactError(f"{name}:{line}: {what}") from None
    except yaml.MarkedYAMLError as error:
        raise FactError(_malformed(name, error)) from None
    if node is None:
        raise FactError(f"{name}: the file is empty; restore its rows from the history")

    faults = list(_repeated_keys(node))
    try:
        content = shape.model_validate(data)
    except ValidationError as error:
        faults += [(_line(node, e["loc"]), _tell(e, data, shape)) for e in error.errors()]
    _raise(name, faults)
    return Sheet(name, node, content)


def near(word: str, known: Iterable[str]) -> str:
    """The remedy for a wrong name: `did you mean "…"?`, or the names that there are."""
    known = list(known)
    alike = get_close_matches(word, known, 3)
    quoted = ", ".join(f'"{name}"' for name in alike or known)
    return f"did you mean {quoted}?" if alike else f"use one of: {quoted}"


def _raise(name: str, faults: Iterable[tuple[int, str]]) -> None:
    """Raise FactError with the faults in the order of the file, if there are any."""
    lines = [f"{name}:{line}: {what}" for line, what in sorted(faults)]
    if lines:
        raise FactError("\n".join(lines))


# --- YAML's side ---------------------------------------------------------------------------------

REMEDIES = {
    "mapping values are not allowed here": 'put quotes around a value that holds ": "',
    "found character '\\t' that cannot start any token": "indent with spaces, not with a tab",
    "could not find expected ':'": 'write "key: value" on each line of a row',
}


def _malformed(name: str, error: yaml.MarkedYAMLError) -> str:
    mark, problem = error.problem_mark or error.context_mark, error.problem or "cannot be read"
    place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
    remedy = REMEDIES.get(problem, "check indentation, quotes and brackets here and just above")
    return f"{place}: not valid YAML: {problem}; {remedy}"


def _repeated_keys(node: yaml.Node) -> Iterator[tuple[int, str]]:
    """Each key that a mapping holds twice: YAML would silently keep the last."""
    if isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _repeated_keys(value)
    elif isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if key.value in seen:
                yield key.start_mark.line + 1, f'field "{key.value}" is written twice in this row; delete one'
            seen.add(key.value)
            yield from _repeated_keys(value)


def _line(node: yaml.Node, loc: Loc) -> int:
    """The line where `loc` is written; if it is absent, that of what should hold it."""
    line = node.start_mark.line + 1
    for part in loc:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line + 1
        elif isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == part]
            if not found:
                break
            line, node = found[0][0].start_mark.line + 1, found[0][1]
    return line


# --- pydantic's side -----------------------------------------------------------------------------


WRONG_TYPE = {
    "int_type": "is not a whole number",
    "float_type": "is not a number",
    "string_type": "is not text; put quotes around it",
    "bool_type": "is not true or false",
    "list_type": "is not a list; write [one, two], or lines that start with -",
    "too_short": "is empty; give at least one",
}


def _tell(error: ErrorDetails, data: Any, shape: type[BaseModel]) -> str:
    """One fault as a sentence: row, field, value, and what is allowed instead."""
    loc, given, kind = error["loc"], error["input"], error["type"]
    end = next((i for i, part in enumerate(loc) if isinstance(part, int)), -1) + 1  # 0: outside any row
    row, field = _row_label(data, loc[:end]), ".".join(part for part in loc[end:] if isinstance(part, str))
    place = f'{row}field "{field}": ' if field else row
    if kind == "missing":
        return f'{row}field "{field}" is missing; add it'
    if kind == "extra_forbidden":
        return f'{row}field "{field}" is unknown; {near(str(loc[-1]), _fields_at(shape, loc[:-1]))}'
    if kind == "model_type":
        what = f"is not made of fields; write lines of {', '.join(_fields_at(shape, loc))}"
    elif kind == "literal_error":
        allowed = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        what = f"is not allowed; use one of: {allowed}"
    else:
        said = error["msg"].removeprefix("Value error, ").replace("Input should", "should")
        what = WRONG_TYPE.get(kind, said)
    shown = "" if given is None or isinstance(given, (dict, list)) else f'"{given}" '
    return place + shown + what


def _row_label(data: Any, loc: Loc) -> str:
    """`row "gpt-4o": ` for the path of a row: by its id, term, need or model, else by its number."""
    for part in loc:
        data = data[part]
    keys = ("id", "term", "need", "model")
    name = next((data[key] for key in keys if data.get(key)), None) if isinstance(data, dict) else None
    if name or not loc:
        return f'row "{name}": ' if name else ""
    return f"row {int(loc[-1]) + 1}: "


def _fields_at(shape: type[BaseModel], loc: Loc) -> list[str]:
    """The fields that `shape` knows at the path `loc`."""
    model = _model_in(shape)
    for part in (part for part in loc if isinstance(part, str)):
        model = _model_in({f.alias or key: f.annotation for key, f in model.model_fields.items()}[part])
    return [f.alias or key for key, f in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel]:
    """The model inside an annotation such as `list[Model]` or `Parameters | None`."""
    while not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        annotation = get_args(annotation)[0]
    if issubclass(annotation, RootModel):
        return _model_in(annotation.model_fields["root"].annotation)
    return annotation
