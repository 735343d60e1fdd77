"""Tool calls and JSON: a grammar that lets the model write only what fits, and a reader of what it wrote.

A call always names a tool that exists, with arguments that fit its schema: constrain.py sees to that. The
choice of tool and values is the model's own, and may still be wrong.
"""

import json
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from pebble import chat, constrain
from pebble.serving.refusal import Refused
from pebble.tokenizer import CALL, CALL_END, END, SPECIAL, Tokenizer

Schema = dict[str, Any] | bool

SCHEMA_LIMIT = 50_000  # characters of JSON; beyond it a grammar may take seconds to build
DIVISOR_LIMIT = 10_000  # of all "multipleOf" together: a grammar counts remainders, and has a state for each
IN_PLACE = {"allOf", "anyOf", "oneOf", "$ref"}  # what brings more schemas for the same value
COMPACT = {"x-guidance": {"whitespace_pattern": "[ ]?"}}  # at most one space, as in the model's training


class PlainText:
    """Constraint for ordinary answers: no control tokens but the end."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._allowed = np.ones(len(tokenizer.vocab), bool)
        self._allowed[[n for n in range(len(SPECIAL)) if n != END]] = False

    def allowed(self) -> np.ndarray:
        return self._allowed

    def accept(self, token: int) -> None:
        pass

    def copy(self) -> "PlainText":
        return self


class Grammar(constrain.Grammar):
    """The same, but a grammar that proves too large on the way is the caller's error, not ours."""

    def allowed(self) -> np.ndarray:
        mask = super().allowed()
        if self.problem:
            raise Refused(400, f"The schema is too much for the grammar engine: {self.problem}")
        return mask


def check_schema(schema: Schema, tokenizer: Tokenizer, param: str) -> None:
    """Raise Refused if a JSON schema cannot be enforced."""
    text = json.dumps(schema)
    if len(text) > SCHEMA_LIMIT:
        raise Refused(400, f"The schema has {len(text)} characters; at most {SCHEMA_LIMIT}.", param=param)
    if (divisor := math.lcm(*divisors(schema))) > DIVISOR_LIMIT:
        message = f"The schema wants multiples of {divisor}; at most {DIVISOR_LIMIT} can be enforced."
        raise Refused(400, message, param=param, code="invalid_json_schema")
    problem = Grammar(f"start: answer\n{_json_rule('answer', schema)}", tokenizer).problem
    if problem:
        raise Refused(
            400, f"This JSON schema cannot be enforced: {problem}", param=param, code="invalid_json_schema"
        )


def divisors(schema: Any) -> Iterator[int]:
    """The numbers behind every "multipleOf" in a schema, of a fraction its numerator."""
    if isinstance(schema, list | dict):
        for value in schema.values() if isinstance(schema, dict) else schema:
            yield from divisors(value)
    own = schema.get("multipleOf") if isinstance(schema, dict) else None
    if isinstance(own, int | float) and not isinstance(own, bool) and own > 0:
        yield Fraction(str(own)).numerator


def _json_rule(name: str, schema: Schema) -> str:
    return (
        f"{name}: %json {json.dumps({**closed(schema), **COMPACT} if isinstance(schema, dict) else schema)}"
    )


def closed(schema: Any) -> Any:
    """The schema without room for properties that it does not name, unless it speaks of them itself.

    JSON Schema allows any others by default. A small model would make use of that, for ever.
    """
    if not isinstance(schema, dict) or combines(schema):
        return schema
    shut = dict(schema)
    for name in ("properties", "$defs", "definitions"):  # schemas by name
        if isinstance(shut.get(name), dict):
            shut[name] = {key: closed(value) for key, value in shut[name].items()}
    for name in ("allOf", "anyOf", "oneOf", "prefixItems"):  # schemas in a row
        if isinstance(shut.get(name), list):
            shut[name] = [closed(value) for value in shut[name]]
    if "items" in shut:
        shut["items"] = closed(shut["items"])
    if names_all(shut):
        shut.setdefault("additionalProperties", False)
    return shut


def names_all(schema: dict[str, Any]) -> bool:
    """Whether an object's schema lists all its properties itself: those that it requires, at the least."""
    named, required = schema.get("properties"), schema.get("required", [])
    if not isinstance(named, dict) or not isinstance(required, list):
        return False
    return not schema.keys() & {"patternProperties", *IN_PLACE} and all(r in list(named) for r in required)


def combines(value: Any) -> bool:
    """Whether some object has to fit several schemas: shut, each would forbid what the others name."""
    if isinstance(value, list):
        return any(map(combines, value))
    if not isinstance(value, dict):
        return False
    sources = [*value.keys() & IN_PLACE, *(["properties"] if value.get("properties") else [])]
    every = value.get("allOf")
    several = len(sources) > 1 or (isinstance(every, list) and len(every) > 1)
    return several or any(map(combines, value.values()))


def call_grammar(tools: Sequence[chat.Tool], *, must: bool, many: bool, answer: Schema | None = None) -> str:
    """What an assistant with tools may write: words (or JSON that fits `answer`), and calls of these tools.

    must: at least one call and no words. many: more calls than one. Arguments fit the tools' parameters.
    """
    rules = [_json_rule("answer", answer)] if answer is not None else [r"answer: /(.|\n)+/"]
    for n, tool in enumerate(tools):
        function = tool["function"]
        head = json.dumps(f'{{"name": {json.dumps(function["name"])}, "arguments": ')
        rules += [
            f'call_{n}: {head} arguments_{n} "}}"',
            _json_rule(f"arguments_{n}", function["parameters"]),
        ]
    if not tools:
        return "\n".join(["start: answer", *rules])
    names = " | ".join(f"call_{n}" for n in range(len(tools)))
    rules += [f"call: <[{CALL}]> ({names}) <[{CALL_END}]>", f"calls: call{'+' if many else ''}"]
    start = "calls" if must else "answer | calls" if answer is not None else "answer? | answer? calls"
    return "\n".join([f"start: {start}", *rules])


class CallReader:
    """Finds tool calls in text that arrives in pieces."""

    def __init__(self) -> None:
        self._open = ""  # from <tool_call> on, while its end has not come

    def feed(self, text: str) -> Iterator[str | dict[str, Any]]:
        """Words to show, and functions {"name", "arguments": JSON as text}, in their order."""
        text, self._open = self._open + text, ""
        while text:
            words, mark, rest = text.partition(SPECIAL[CALL])
            if words:
                yield words
            body, end, text = rest.partition(SPECIAL[CALL_END])
            if mark and not end:
                self._open, text = mark + body, ""
            elif mark:
                calls = chat.parse(mark + body + end).get("tool_calls")
                yield calls[0]["function"] if calls else mark + body + end
