"""Whatever a request says, it is answered or refused; our own errors are none of the possible replies."""

import json
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from person_schema import PERSON
from pydantic import BaseModel, ValidationError
from server_fixtures import WEATHER, FakeEncoder

from pebble import sample
from pebble.model import Model
from pebble.serving import catalogue, embedding, ollama, openai_chat, openai_responses
from pebble.serving.embedding import Embedder
from pebble.serving.engine import Engine
from pebble.serving.http import Answer, as_refusal
from pebble.serving.refusal import Refused

ANY_TEXT = st.text(st.characters()) | st.sampled_from(
    ["pebble", "all-minilm", "auto", "user", "<|end|>", "\0"]
)
NUMBERS = (
    st.integers(-3, 3) | st.integers() | st.floats() | st.sampled_from([10**400, 2**63, 1e308, 5e-324, -0.0])
)
SCHEMAS = st.sampled_from(
    [
        WEATHER["function"]["parameters"],
        PERSON,
        {},
        {"$ref": "#"},
        {"type": "x"},
        {"not": {}},
        {"multipleOf": 999_983},
    ]
)
LEAVES = st.none() | st.booleans() | NUMBERS | ANY_TEXT | SCHEMAS
ANY = st.recursive(
    LEAVES, lambda v: st.lists(v, max_size=3) | st.dictionaries(ANY_TEXT, v, max_size=3), max_leaves=8
)

TOOL = st.fixed_dictionaries(
    {"type": st.just("function") | ANY},
    optional={
        "function": st.fixed_dictionaries(
            {"name": ANY_TEXT}, optional={"parameters": SCHEMAS | ANY, "strict": ANY}
        ),
        "name": ANY_TEXT,
        "parameters": SCHEMAS | ANY,
        "strict": st.booleans(),
    },
)
FORMAT = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "json_object", "json_schema"]) | ANY},
    optional={
        "json_schema": st.fixed_dictionaries({"name": st.just("x") | ANY_TEXT, "schema": SCHEMAS | ANY}),
        "name": ANY_TEXT,
        "schema": SCHEMAS | ANY,
    },
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "developer", "user", "assistant", "tool"])},
    optional={
        "content": ANY_TEXT
        | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": ANY_TEXT}))
        | ANY,
        "tool_call_id": ANY,
        "tool_calls": st.lists(
            st.fixed_dictionaries(
                {
                    "id": ANY_TEXT,
                    "function": st.fixed_dictionaries({"name": ANY_TEXT, "arguments": ANY_TEXT | ANY}),
                }
            ),
            max_size=2,
        ),
    },
)
ITEM = MESSAGE | st.fixed_dictionaries(
    {"type": st.sampled_from(["function_call", "function_call_output", "reasoning"]) | ANY},
    optional={"call_id": st.just("c"), "name": ANY_TEXT, "arguments": ANY_TEXT, "output": ANY_TEXT | ANY},
)
PLAUSIBLE: dict[str, st.SearchStrategy[Any]] = {
    "model": st.just("pebble"),
    "messages": st.lists(MESSAGE, max_size=4),
    "tools": st.lists(TOOL, max_size=3),
    "tool_choice": st.sampled_from(["none", "auto", "required", {"type": "function", "name": "weather"}]),
    "response_format": FORMAT,
    "text": st.fixed_dictionaries({"format": FORMAT}),
    "format": st.just("json") | SCHEMAS,
    "stop": st.lists(ANY_TEXT, max_size=5) | ANY_TEXT,
    "n": st.integers(-1, 3),
    "options": st.dictionaries(
        st.sampled_from(list(ollama.Options.model_fields)), NUMBERS | st.lists(ANY_TEXT)
    ),
    "input": ANY_TEXT | st.lists(ITEM, max_size=4) | st.lists(ANY_TEXT, max_size=3),
    "logprobs": st.booleans(),
    "prompt": ANY_TEXT,
    "raw": st.booleans(),
}


def body_of(request: type[BaseModel], base: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """Requests that are right but for some fields, and bodies that are nothing of the sort."""
    fields = {name: PLAUSIBLE.get(name, NUMBERS) | ANY for name in request.model_fields if name != "model"}
    likely = st.fixed_dictionaries({}, optional=fields).map(lambda change: {**base, **change})
    return (likely | likely | likely | ANY).map(lambda value: json.dumps(value).encode()) | st.binary()


Handler = Callable[[bytes], Answer]


def attempt(handler: Handler, body: bytes) -> None:
    """Answer a request as http.py does; only refusals may come up."""
    try:
        for event in handler(body).events:
            json.dumps(event)
    except (Refused, ValidationError) as error:
        refused = as_refusal(error)
        assert 400 <= refused.status < 500
        json.dumps(openai_chat.PROTOCOL.error(refused))


@pytest.fixture(scope="module")
def engine(small: Model) -> Engine:
    """Answers of a few tokens: it is the reading of requests that is put to the test."""
    return Engine(small, lambda *a, **k: islice(sample.generate(*a, **k), 3))


HELLO = [{"role": "user", "content": "Hello!"}]
often = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@often
@given(body_of(openai_chat.Request, {"model": "pebble", "messages": HELLO}))
def test_chat_completions(engine: Engine, body: bytes) -> None:
    attempt(lambda body: openai_chat.handle(engine, body), body)


@often
@given(body_of(openai_responses.Request, {"model": "pebble", "input": "Hello!"}))
def test_responses(engine: Engine, body: bytes) -> None:
    attempt(lambda body: openai_responses.handle(engine, body), body)


@often
@given(body_of(ollama.ChatRequest, {"model": "pebble", "messages": HELLO}))
def test_chat(engine: Engine, body: bytes) -> None:
    attempt(lambda body: ollama.handle_chat(engine, body), body)


@often
@given(body_of(ollama.GenerateRequest, {"model": "pebble", "prompt": "Hello!"}))
def test_generate(engine: Engine, body: bytes) -> None:
    attempt(lambda body: ollama.handle_generate(engine, body), body)


@often
@given(
    body_of(embedding.Request, {"model": "all-minilm", "input": "Hello!"}),
    body_of(embedding.EmbedRequest, {"model": "all-minilm", "input": "Hello!"}),
    body_of(catalogue.Named, {"model": "pebble"}),
)
def test_the_rest(engine: Engine, openai_body: bytes, ollama_body: bytes, named: bytes) -> None:
    embedder = Embedder(lambda: None, FakeEncoder)
    attempt(lambda body: embedding.handle_openai(embedder, body), openai_body)
    attempt(lambda body: embedding.handle_embed(embedder, body), ollama_body)
    attempt(lambda body: embedding.handle_embeddings(embedder, body), ollama_body)
    attempt(lambda body: catalogue.show(engine, body), named)
    attempt(lambda body: catalogue.pull(embedder, body), named)


def test_the_fuzz_would_find_an_error_of_ours(engine: Engine) -> None:
    """A planted fault: a handler that trusts a field."""

    def handler(body: bytes) -> Answer:
        return Answer(iter([{"length": len(json.loads(body)["messages"][0]["content"])}]))

    with pytest.raises((KeyError, TypeError, IndexError, ValueError)):
        for body in (b'{"messages": []}', b"[]"):
            attempt(handler, body)
