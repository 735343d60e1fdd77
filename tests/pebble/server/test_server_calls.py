"""The grammar of tool calls and JSON, and the reader of calls in pieces of text."""

from typing import Any

import pytest
from person_schema import PERSON
from server_fixtures import WEATHER, call

from pebble.serving.calls import CallReader, Grammar, call_grammar, closed, divisors
from pebble.serving.engine import joined, tool
from pebble.tokenizer import END, Tokenizer

BERN, BASEL = call("weather", '{"town": "Bern"}'), call("weather", '{"town": "Basel", "days": 2}')


def accepts(grammar: str, text: str, tokenizer: Tokenizer) -> bool:
    """May a model write this text and then end?"""
    constraint = Grammar(grammar, tokenizer)
    assert constraint.problem is None
    for token in [*tokenizer.encode(text, special=True), END]:
        if not constraint.allowed()[token]:
            return False
        constraint.accept(token)
    return True


RIGHT_AND_WRONG: list[tuple[dict[str, Any], list[str], list[str]]] = [
    (
        {"must": False, "many": True},
        ["", "It rains.", BERN, BERN + BASEL, "Let me look. " + BERN],
        [call("clock", "{}"), call("weather", '{"town": "Paris"}'), call("weather", "{}"), BERN + " done"],
    ),
    ({"must": True, "many": False}, [BERN], ["", "It rains.", BERN + BASEL, "Let me look. " + BERN]),
    ({"must": True, "many": True}, [BERN, BERN + BASEL], ["", "It rains."]),
    (
        {"must": False, "many": True, "answer": PERSON},
        [BERN, '{"job": "cook", "age": 3}', '{"job":"cook","age":99}'],
        ["", "It rains.", '{"job": "poet", "age": 3}', '{"job": "cook", "age": 100}', '{"job": "cook"}'],
    ),
]


@pytest.mark.parametrize(("wanted", "right", "wrong"), RIGHT_AND_WRONG)
def test_what_may_be_written(tokenizer: Tokenizer, wanted: Any, right: list[str], wrong: list[str]) -> None:
    grammar = call_grammar([WEATHER], **wanted)
    assert [text for text in right if not accepts(grammar, text, tokenizer)] == []
    assert [text for text in wrong if accepts(grammar, text, tokenizer)] == []


def test_definitions_of_one_tool_do_not_meet_those_of_another(tokenizer: Tokenizer) -> None:
    tools = [
        {
            "function": {
                "name": name,
                "parameters": {
                    "type": "object",
                    "properties": {"x": {"$ref": "#/$defs/X"}},
                    "required": ["x"],
                    "$defs": {"X": {"type": kind}},
                },
            }
        }
        for name, kind in (("a", "integer"), ("b", "boolean"))
    ]
    grammar = call_grammar(tools, must=True, many=False)
    assert accepts(grammar, call("a", '{"x": 5}'), tokenizer)
    assert accepts(grammar, call("b", '{"x": true}'), tokenizer)
    assert not accepts(grammar, call("b", '{"x": 5}'), tokenizer)


def test_schemas_are_closed_where_that_changes_only_how_much_is_allowed() -> None:
    inner = {"type": "object", "properties": {"properties": {"type": "string"}}}
    shut = {**inner, "additionalProperties": False}
    assert closed(inner) == shut
    assert closed({"type": "array", "items": inner}) == {"type": "array", "items": shut}
    assert closed({"anyOf": [inner, {"$ref": "#/$defs/a"}], "$defs": {"a": inner}}) == {
        "anyOf": [shut, {"$ref": "#/$defs/a"}],
        "$defs": {"a": shut},
    }
    assert closed({"allOf": [inner]}) == {"allOf": [shut]}  # how some programs write a reference
    assert closed({"properties": {}, "oneOf": [inner]}) == {"properties": {}, "oneOf": [shut]}
    for open_on_purpose in (
        {"type": "object"},
        {**inner, "additionalProperties": {"type": "integer"}},
        {**inner, "allOf": [inner]},
        {**inner, "required": ["properties", "other"]},
        {**inner, "required": 5},
        {"properties": 5},
    ):
        assert closed(open_on_purpose) == open_on_purpose


@pytest.mark.parametrize(
    ("schema", "right"),
    [
        (
            {
                "type": "object",
                "properties": {"kind": {"type": "string"}},
                "required": ["kind"],
                "anyOf": [{"properties": {"n": {"type": "integer"}}, "required": ["n"]}],
            },
            '{"kind": "x", "n": 5}',
        ),
        (
            {
                "allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}],
                "$defs": {
                    "a": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
                    "b": {"type": "object", "properties": {"b": {"type": "integer"}}, "required": ["b"]},
                },
            },
            '{"a": 1, "b": 2}',
        ),
    ],
)
def test_a_schema_that_combines_others_is_left_as_it_is(
    tokenizer: Tokenizer, schema: dict[str, Any], right: str
) -> None:
    assert closed(schema) == schema
    assert accepts(call_grammar([], must=False, many=False, answer=schema), right, tokenizer)


def test_a_tool_whose_arguments_are_one_of_several_objects(tokenizer: Tokenizer) -> None:
    """llguidance takes `oneOf` only where no value fits two of them: what keeps them apart is being closed."""
    kinds = [
        {"type": "object", "properties": {n: {"type": "string"} for n in names}, "required": names}
        for names in (["day", "year"], ["date"])
    ]
    grammar = call_grammar([tool("weekday", None, {"oneOf": kinds})], must=True, many=False)
    assert accepts(grammar, call("weekday", '{"day": "1", "year": "2"}'), tokenizer)
    assert accepts(grammar, call("weekday", '{"date": "1"}'), tokenizer)
    assert not accepts(grammar, call("weekday", '{"day": "1"}'), tokenizer)


PIECES = [
    (["Hi", " there"], ["Hi", " there"]),
    ([BERN], [{"name": "weather", "arguments": '{"town": "Bern"}'}]),
    (["A", *BERN, "B"], ["A", {"name": "weather", "arguments": '{"town": "Bern"}'}, "B"]),
    (["A" + BERN + BERN], ["A"] + [{"name": "weather", "arguments": '{"town": "Bern"}'}] * 2),
    (["<tool_call>no JSON</tool_call>"], ["<tool_call>no JSON</tool_call>"]),
]


@pytest.mark.parametrize(("pieces", "expected"), PIECES)
def test_calls_are_found_in_pieces(pieces: list[str], expected: list[Any]) -> None:
    # control tokens arrive whole
    text = "".join(pieces)
    whole = (
        text.replace("<tool_call>", "\0<tool_call>\0").replace("</tool_call>", "\0</tool_call>\0").split("\0")
    )
    reader = CallReader()
    found = [event for piece in (whole if len(pieces) > 3 else pieces) for event in reader.feed(piece)]
    assert found == expected


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        ({"properties": {"n": {"multipleOf": 30}, "m": {"items": [{"multipleOf": 50.0}]}}}, {30, 50}),
        ({"allOf": [{"multipleOf": 0.01}, {"multipleOf": 2.5}, {"multipleOf": 1e-9}]}, {1, 5}),
        ({"multipleOf": True, "not": {"multipleOf": "x", "enum": [{"multipleOf": -3}]}}, set()),
        (True, set()),
    ],
)
def test_divisors_are_found_wherever_they_stand(schema: Any, found: set[int]) -> None:
    assert set(divisors(schema)) == found


def test_a_call_that_is_not_finished_is_not_shown() -> None:
    reader = CallReader()
    assert list(reader.feed('Look: <tool_call>{"name"')) == ["Look: "]
    assert list(reader.feed(': "x"')) == []


def test_system_messages_are_joined_at_the_start() -> None:
    def said(role: str, content: str) -> dict[str, str]:
        return {"role": role, "content": content}

    conversation = [said("user", "a"), said("system", "b"), said("assistant", "c"), said("system", "d")]
    assert joined(conversation) == [said("system", "b\nd"), said("user", "a"), said("assistant", "c")]
    assert joined([said("user", "a")]) == [said("user", "a")]
