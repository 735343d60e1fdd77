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
            raise ValueError("is no value; a value is known or its line is absent: delete the line")
        return value


Shape = TypeVar("Shape", bound=BaseModel)


class Sheet(Generic[Shape]):
    """A file that fits its shape, with a memory of its lines for faults that only show across rows."""

    def __init__(self, name: str, node: yaml.Node, content: Shape) -> None:
        self.name, self.node, self.content = name, node, content

    def must_not(self, faults: Iterable[Fault]) -> None:
        """Raise FactError if there are any."""
        _raise(self.name, [(_line(self.node, loc), what) for loc, what in faults])


class _Loader(yaml.SafeLoader):
    """YAML whose dates stay text."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def read(root: Path, name: str, shape: type[Shape]) -> Sheet[Shape]:
    """The file `name` under `root`, as `shape`. Raises FactError with all its faults."""
    try:
        loader = _Loader((root / name).read_text(encoding="utf-8"))
        node = loader.get_single_node()
        data = loader.construct_document(node) if node else None
    except FileNotFoundError:
        raise FactError(f"{name}: there is no such file under {root}") from None
    except UnicodeDecodeError as error:
        raise FactError(f"{name}: byte {error.start + 1} is not UTF-8; save the file as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        raise FactError(_malformed(name, error)) from None
    except yaml.YAMLError as error:
        raise FactError(f"{name}: not valid YAML: {error}; delete that character") from None
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
    alike = get_close_matches(word, known, 3, 0.5)
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


def _tell(error: ErrorDetails, data: Any, shape: type[BaseModel]) -> str:
    """One fault as a sentence: row, field, value, and what is allowed instead."""
    loc, given, kind = error["loc"], error["input"], error["type"]
    end = next((i for i, part in enumerate(loc) if isinstance(part, int)), -1) + 1  # 0: outside any row
    row, field = _row_label(data, loc[:end]), ".".join(str(part) for part in loc[end:])
    what = error["msg"].removeprefix("Value error, ")
    if kind == "missing":
        return f'{row}field "{field}" is missing; add it'
    if kind == "extra_forbidden":
        return f'{row}field "{field}" is unknown; {near(str(loc[-1]), _fields_at(shape, loc[:-1]))}'
    if kind == "literal_error":
        allowed = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        what = f"is not allowed; use one of: {allowed}"
    elif kind == "string_pattern_mismatch":
        what = f"is not allowed; it must match {error['ctx']['pattern']}"
    elif kind != "value_error":
        what = "is not allowed; it " + what.removeprefix("Input ")
    place = f'{row}field "{field}": ' if field else row
    return f"{place}{what}" if isinstance(given, (dict, list)) else f'{place}"{given}" {what}'


def _row_label(data: Any, loc: Loc) -> str:
    """`row "gpt-4o": ` for the path of a row: by its id or need, else by its number."""
    for part in loc:
        data = data[part]
    name = (data.get("id") or data.get("need")) if isinstance(data, dict) else None
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
