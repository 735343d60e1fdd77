"""OpenAI's protocol, driven by the official client."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import openai
import pydantic
import pytest
from person_schema import PERSON
from server_fixtures import WEATHER, valid

from pebble import constrain
from pebble.serving import openai_chat
from pebble.serving.engine import Engine, Event

HELLO: Any = [{"role": "user", "content": "Hello!"}]


def say(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def random_client(random_url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{random_url}/v1", api_key="none", max_retries=0) as client:
        yield client


def ask(client: openai.OpenAI, text: str = "Hello!", **more: Any) -> Any:
    return valid(client.chat.completions.create(model="pebble", messages=say(text), **more))


def test_the_check_of_replies_finds_what_is_missing_wrong_or_unknown(client: openai.OpenAI) -> None:
    """Planted faults, one at a time, which the client itself swallows."""
    right = ask(client).to_dict()
    deep = {**right["choices"][0], "finish_reason": "bored"}
    for fault in ({"id": None}, {"created": "today"}, {"choices": [deep]}, {"mood": "good"}):
        wrong = type(ask(client)).construct(**{**right, **fault})
        with pytest.raises((pydantic.ValidationError, AssertionError)):
            valid(wrong)


# --- models ---


def test_models(client: openai.OpenAI, random_client: openai.OpenAI) -> None:
    assert [model.id for model in random_client.models.list()] == ["pebble"]  # as the other is not installed
    listed = list(client.models.list())
    assert [valid(model).id for model in listed] == ["pebble", "all-minilm"]
    assert valid(client.models.retrieve("pebble")).id == "pebble"
    with pytest.raises(openai.NotFoundError, match="'gpt-9' does not exist"):
        client.models.retrieve("gpt-9")


# --- chat ---


def test_chat(client: openai.OpenAI) -> None:
    reply = ask(client)
    assert reply.choices[0].message.content == "You said: Hello!"
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert reply.usage.completion_tokens > 3


def test_chat_in_a_stream(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="pebble", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [valid(chunk) for chunk in stream]
    whole = ask(client)
    assert len(chunks) > 4
    assert "".join(c.choices[0].delta.content or "" for c in chunks[:-1]) == "You said: Hello!"
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert (chunks[-1].choices, chunks[-1].usage) == ([], whole.usage)
    assert len({c.id for c in chunks}) == 1


def test_chat_asynchronously(url: str) -> None:
    async def main() -> tuple[Any, list[Any]]:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client:
            whole = await client.chat.completions.create(model="pebble", messages=HELLO)
            stream = await client.chat.completions.create(model="pebble", messages=HELLO, stream=True)
            return whole, [valid(chunk) async for chunk in stream]

    whole, chunks = asyncio.run(main())
    assert valid(whole).choices[0].message.content == "You said: Hello!"
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "You said: Hello!"


def test_models_tools_and_schemas_asynchronously(url: str, random_url: str) -> None:
    async def main() -> tuple[Any, ...]:
        tool = {"type": "function", **WEATHER["function"]}
        schema = {"name": "person", "schema": PERSON}
        wanted: Any = {"type": "json_schema", **schema}
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client:
            models = [model.id async for model in client.models.list()]
            one = await client.models.retrieve("pebble")
            called = await client.chat.completions.create(
                model="pebble", messages=say("weather?"), tools=[WEATHER]
            )
            responded = await client.responses.create(model="pebble", input="weather?", tools=[tool])
        async with openai.AsyncOpenAI(base_url=f"{random_url}/v1", api_key="none") as client:
            formatted = await client.chat.completions.create(
                model="pebble", messages=HELLO, response_format={"type": "json_schema", "json_schema": schema}
            )
            answered = await client.responses.create(model="pebble", input="Hello!", text={"format": wanted})
        return models, one, valid(called), valid(responded), valid(formatted), valid(answered)

    models, one, called, responded, formatted, answered = asyncio.run(main())
    assert one.id in models
    assert called.choices[0].message.tool_calls[0].function.name == responded.output[0].name == "weather"
    for text in (formatted.choices[0].message.content, answered.output_text):
        assert json.loads(text).keys() <= PERSON["properties"].keys()


def test_content_in_parts_and_several_system_messages(client: openai.OpenAI) -> None:
    messages: Any = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo!"}]},
        {"role": "system", "content": "Be kind."},
    ]
    reply = client.chat.completions.create(model="pebble", messages=messages)
    assert reply.choices[0].message.content == "You said: Hel\nlo!"


@pytest.mark.parametrize("stream", [False, True])
def test_stop_strings_end_the_answer_and_are_not_shown(client: openai.OpenAI, stream: bool) -> None:
    reply = client.chat.completions.create(model="pebble", messages=say("count!"), stop=[" 7"], stream=stream)
    if stream:
        chunks = list(reply)
        text = "".join(c.choices[0].delta.content or "" for c in chunks)
        reason = chunks[-1].choices[0].finish_reason
    else:
        text, reason = reply.choices[0].message.content, reply.choices[0].finish_reason
    assert (text, reason) == ("0 1 2 3 4 5 6", "stop")


def test_length(client: openai.OpenAI) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        reply = ask(client, "count!", **{name: 5})
        assert (reply.choices[0].finish_reason, reply.usage.completion_tokens) == ("length", 5)


def test_the_same_seed_gives_the_same_text(random_client: openai.OpenAI) -> None:
    def draw(seed: int) -> Any:
        return ask(random_client, temperature=1.0, seed=seed, max_tokens=20).choices[0].message.content

    assert draw(1) == draw(1) != draw(-2)


def test_several_choices(random_client: openai.OpenAI) -> None:
    reply = ask(random_client, temperature=1.0, seed=5, n=3, max_tokens=10)
    texts = [choice.message.content for choice in reply.choices]
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert len(set(texts)) == 3
    streamed = ["", "", ""]
    for chunk in random_client.chat.completions.create(
        model="pebble", messages=HELLO, temperature=1.0, seed=5, n=3, max_tokens=10, stream=True
    ):
        streamed[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert streamed == texts


def test_of_many_choices_each_is_begun_in_its_turn_with_one_grammar(
    scripted_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, built = [], []

    class Counting(Engine):
        def _events(self, *arguments: Any) -> Iterator[Event]:
            begun.append(1)
            return super()._events(*arguments)

    build = constrain.Grammar.__init__
    monkeypatch.setattr(
        constrain.Grammar, "__init__", lambda self, *given: (built.append(1), build(self, *given))[1]
    )
    body = json.dumps({"model": "pebble", "messages": say("twice?"), "tools": [WEATHER], "n": 128}).encode()
    events = openai_chat.handle(Counting(scripted_engine.model), body).events
    assert len(begun) == 0 and len(built) == 2  # one to check the parameters, one to enforce all
    *_, reply = events
    assert len(begun) == len(reply["choices"]) == 128 and len(built) == 2
    assert all(len(choice["message"]["tool_calls"]) == 2 for choice in reply["choices"])


def test_a_call_that_is_cut_off_is_not_shown(client: openai.OpenAI) -> None:
    for stream in (False, True):
        given: Any = {"model": "pebble", "messages": say("words and call?"), "tools": [WEATHER]}
        reply: Any = client.chat.completions.create(**given, max_tokens=12, stream=stream)
        choices = [chunk.choices[0] for chunk in reply] if stream else reply.choices
        said = [choice.delta if stream else choice.message for choice in choices]
        assert "".join(part.content or "" for part in said) == "Let me look. "
        assert not any(part.tool_calls for part in said) and choices[-1].finish_reason == "length"


def test_logprobs(client: openai.OpenAI, random_client: openai.OpenAI) -> None:
    reply = ask(client, logprobs=True, top_logprobs=3)
    tokens = reply.choices[0].logprobs.content
    assert "".join(t.token for t in tokens) == reply.choices[0].message.content
    assert all(len(t.top_logprobs) == 3 and t.logprob == t.top_logprobs[0].logprob > -0.01 for t in tokens)
    assert bytes(tokens[0].bytes).decode() == tokens[0].token
    tokens = ask(random_client, logprobs=True, max_tokens=5).choices[0].logprobs.content
    assert all(t.logprob < 0 and t.top_logprobs == [] for t in tokens)
    chunks = client.chat.completions.create(model="pebble", messages=HELLO, logprobs=True, stream=True)
    shown = [t.token for c in chunks if c.choices[0].logprobs for t in valid(c).choices[0].logprobs.content]
    assert "".join(shown) == "You said: Hello!"


def test_logprobs_do_not_tell_the_stop_string(client: openai.OpenAI) -> None:
    reply = ask(client, "count!", stop=" 7", logprobs=True)
    assert "".join(t.token for t in reply.choices[0].logprobs.content) == "0 1 2 3 4 5 6"


# --- tools ---


def test_a_conversation_with_a_tool(client: openai.OpenAI) -> None:
    reply = ask(client, "weather?", tools=[WEATHER])
    message = reply.choices[0].message
    assert reply.choices[0].finish_reason == "tool_calls"
    assert message.content is None
    [call] = message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"town": "Bern"})
    result = {"role": "tool", "tool_call_id": call.id, "content": "rain"}
    reply = client.chat.completions.create(
        model="pebble", messages=[*say("weather?"), message, result], tools=[WEATHER]
    )
    assert reply.choices[0].message.content == "The tool said: rain"


def test_several_calls_and_words_in_a_stream(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="pebble",
        messages=say("twice?"),
        tools=[{**WEATHER, "function": {**WEATHER["function"], "strict": True}}],
    ) as stream:
        for event in stream:
            if event.type == "chunk":
                valid(event.chunk)
        calls = stream.get_final_completion().choices[0].message.tool_calls
    assert [json.loads(c.function.arguments) for c in calls] == [
        {"town": "Bern"},
        {"town": "Basel", "days": 2},
    ]
    assert len({c.id for c in calls}) == 2
    reply = ask(client, "words and call?", tools=[WEATHER])
    assert reply.choices[0].message.content == "Let me look. "
    assert len(reply.choices[0].message.tool_calls) == 1


def test_a_stop_string_that_begins_as_a_mark_ends_hides_no_call(client: openai.OpenAI) -> None:
    reply = ask(client, "words and call?", tools=[WEATHER], stop=[">>>", "<|"])
    assert reply.choices[0].message.content == "Let me look. "
    assert len(reply.choices[0].message.tool_calls) == 1


def test_one_call_if_no_more_are_wanted(client: openai.OpenAI) -> None:
    reply = ask(client, "twice?", tools=[WEATHER], parallel_tool_calls=False)
    assert len(reply.choices[0].message.tool_calls) == 1


OTHER = {
    "type": "function",
    "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}},
}


@pytest.mark.parametrize("seed", range(3))
def test_even_random_weights_call_the_tool_that_they_must(random_client: openai.OpenAI, seed: int) -> None:
    must: Any = {"type": "function", "function": {"name": "weather"}}
    settings: Any = {"temperature": 1.0, "seed": seed, "parallel_tool_calls": False}
    reply = ask(random_client, tools=[OTHER, WEATHER], tool_choice=must, **settings)
    [call] = reply.choices[0].message.tool_calls
    assert call.function.name == "weather"
    assert json.loads(call.function.arguments)["town"] in ("Basel", "Bern")
    reply = ask(random_client, tools=[OTHER, WEATHER], tool_choice="required", **settings)
    assert reply.choices[0].message.tool_calls


def test_no_call_if_none_is_wanted(client: openai.OpenAI) -> None:
    reply = ask(client, "weather?", tools=[WEATHER], tool_choice="none")
    assert reply.choices[0].message.tool_calls is None


def test_a_schema_that_cannot_be_enforced(client: openai.OpenAI) -> None:
    function = {"name": "weather", "parameters": {"type": "object", "properties": {"x": {"not": {}}}}}
    reply = ask(client, "weather?", tools=[{"type": "function", "function": function}])
    assert json.loads(reply.choices[0].message.tool_calls[0].function.arguments) == {"town": "Bern"}
    with pytest.raises(openai.BadRequestError, match="cannot be enforced"):
        ask(client, "weather?", tools=[{"type": "function", "function": {**function, "strict": True}}])


# --- JSON ---


@pytest.mark.parametrize("temperature", [0.0, 1.0, 2.0])
def test_even_random_weights_write_what_the_schema_says(
    random_client: openai.OpenAI, temperature: float
) -> None:
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON, "strict": True}}
    reply = ask(random_client, response_format=wanted, temperature=temperature, seed=1)
    person = json.loads(reply.choices[0].message.content)
    assert person["job"] in ("cook", "smith") and 0 <= person["age"] <= 99


def test_a_pydantic_class_as_format(random_client: openai.OpenAI) -> None:
    class Answer(pydantic.BaseModel):
        number: int = pydantic.Field(ge=0, le=9)
        right: bool

    reply = random_client.chat.completions.parse(model="pebble", messages=HELLO, response_format=Answer)
    assert isinstance(reply.choices[0].message.parsed, Answer)
    response = random_client.responses.parse(model="pebble", input="Hello!", text_format=Answer)
    assert isinstance(response.output_parsed, Answer)


def test_any_json_object(random_client: openai.OpenAI) -> None:
    reply = ask(random_client, "Some JSON!", response_format={"type": "json_object"}, max_tokens=30)
    assert reply.choices[0].message.content.startswith("{")
    response = random_client.responses.create(
        model="pebble", input="Some JSON!", text={"format": {"type": "json_object"}}, max_output_tokens=30
    )
    assert response.output_text.startswith("{")


# --- responses ---


def test_responses(client: openai.OpenAI) -> None:
    reply = valid(client.responses.create(model="pebble", input="Hello!", instructions="Be brief."))
    assert (reply.output_text, reply.status) == ("You said: Hello!", "completed")
    assert reply.usage.total_tokens == reply.usage.input_tokens + reply.usage.output_tokens


def test_responses_with_a_tool(client: openai.OpenAI) -> None:
    tools: Any = [{"type": "function", "strict": True, **WEATHER["function"]}]
    asked: Any = [{"role": "user", "content": [{"type": "input_text", "text": "weather?"}]}]
    reply = valid(client.responses.create(model="pebble", input=asked, tools=tools))
    [call] = reply.output
    assert (call.type, call.name, json.loads(call.arguments)) == (
        "function_call",
        "weather",
        {"town": "Bern"},
    )
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "rain"}
    reply = client.responses.create(model="pebble", input=[*asked, *reply.output, result], tools=tools)
    assert valid(reply).output_text == "The tool said: rain"


def test_events_of_a_response(client: openai.OpenAI) -> None:
    include: Any = ["message.output_text.logprobs"]
    events = [
        valid(event)
        for event in client.responses.create(
            model="pebble", input="Hello!", stream=True, include=include, top_logprobs=2
        )
    ]
    assert [e.sequence_number for e in events] == list(range(len(events)))
    kinds = [e.type.removeprefix("response.") for e in events]
    assert kinds[:4] == ["created", "in_progress", "output_item.added", "content_part.added"]
    assert set(kinds[4:-4]) == {"output_text.delta"}
    assert kinds[-4:] == ["output_text.done", "content_part.done", "output_item.done", "completed"]
    deltas = [e for e in events if e.type == "response.output_text.delta"]
    assert "".join(e.delta for e in deltas) == events[-1].response.output_text == "You said: Hello!"
    assert "".join(p.token for e in deltas for p in e.logprobs) == "You said: Hello!"
    assert events[-1].response.usage.output_tokens > 3


def test_events_of_a_call_and_the_clients_own_bookkeeping(client: openai.OpenAI) -> None:
    tools: Any = [{"type": "function", "strict": True, **WEATHER["function"]}]
    with client.responses.stream(model="pebble", input="words and call?", tools=tools) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert "response.function_call_arguments.done" in kinds
    assert [item.type for item in final.output] == ["message", "function_call"]
    assert json.loads(final.output[1].arguments) == {"town": "Bern"}


def test_a_response_that_is_too_long(client: openai.OpenAI) -> None:
    reply = valid(client.responses.create(model="pebble", input="count!", max_output_tokens=5))
    assert (reply.status, reply.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    events = list(client.responses.create(model="pebble", input="count!", max_output_tokens=5, stream=True))
    assert events[-1].type == "response.incomplete"


def test_responses_asynchronously(url: str) -> None:
    async def main() -> tuple[str, list[Any]]:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client:
            whole = await client.responses.create(model="pebble", input="Hello!")
            stream = await client.responses.create(model="pebble", input="Hello!", stream=True)
            return valid(whole).output_text, [valid(event) async for event in stream]

    text, events = asyncio.run(main())
    assert text == events[-1].response.output_text == "You said: Hello!"


def test_a_response_that_fits_a_schema(random_client: openai.OpenAI) -> None:
    text: Any = {"format": {"type": "json_schema", "name": "person", "schema": PERSON, "strict": True}}
    reply = valid(random_client.responses.create(model="pebble", input="Hello!", text=text))
    assert json.loads(reply.output_text)["job"] in ("cook", "smith")


# --- embeddings ---


def test_embeddings(client: openai.OpenAI) -> None:
    reply = valid(client.embeddings.create(model="all-minilm", input=["one", "three"]))
    assert [len(e.embedding) for e in reply.data] == [384, 384]
    assert reply.usage.prompt_tokens == 6
    reply = client.embeddings.create(model="all-minilm", input=["one", "word " * 300])
    assert reply.usage.prompt_tokens == 3 + 256  # what is beyond is not read
    floats = valid(client.embeddings.create(model="all-minilm", input="one", encoding_format="float"))
    np.testing.assert_allclose(floats.data[0].embedding, reply.data[0].embedding, rtol=1e-6)


def test_embeddings_asynchronously(url: str) -> None:
    async def main() -> Any:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client:
            return await client.embeddings.create(model="all-minilm", input=[f"text {n}" for n in range(40)])

    assert [e.index for e in valid(asyncio.run(main())).data] == list(range(40))


def test_embeddings_that_are_not_installed(random_client: openai.OpenAI) -> None:
    with pytest.raises(
        openai.InternalServerError, match="not installed here. To get it: pip install"
    ) as caught:
        random_client.embeddings.create(model="all-minilm", input="one")
    assert (caught.value.status_code, caught.value.code) == (501, "model_not_installed")


# --- what is refused ---

TOO_LONG = "word " * 600


def called(*ids: str | None) -> Any:
    """An assistant's message with calls of these ids."""
    function = {"name": "weather", "arguments": '{"town": "Bern"}'}
    calls = [{"id": n, "type": "function", "function": function} for n in ids]
    return {"role": "assistant", "tool_calls": calls}


def named(name: str) -> Any:
    return {"type": "function", "function": {**WEATHER["function"], "name": name}}


CHAT_ERRORS = [
    ({"model": "gpt-9"}, openai.NotFoundError, "'gpt-9' does not exist", "model"),
    ({"messages": []}, openai.BadRequestError, "at least 1 item", "messages"),
    ({"messages": say(TOO_LONG)}, openai.BadRequestError, "maximum context length is 512", "messages"),
    ({"messages": say("x" * 100_000)}, openai.BadRequestError, "maximum context length is 512", "messages"),
    ({"messages": [{"role": "wizard", "content": "x"}]}, openai.BadRequestError, "role", "messages.0.role"),
    (
        {"messages": [{"role": "tool", "tool_call_id": "x", "content": "x"}]},
        openai.BadRequestError,
        "does not name a tool call",
        "messages.0.tool_call_id",
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        openai.BadRequestError,
        "reads text only",
        "messages.0.content",
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        openai.BadRequestError,
        "Missing required parameter",
        "messages.0.content.0.text",
    ),
    (
        {"messages": [{"role": "user", "content": None}]},
        openai.BadRequestError,
        "Missing required parameter",
        "messages.0.content",
    ),
    (
        {"messages": [*HELLO, called("call_1"), *HELLO]},
        openai.BadRequestError,
        "Not answered: call_1",
        "messages.2",
    ),
    (
        {"messages": [*HELLO, called("call_1", "call_2")]},
        openai.BadRequestError,
        "Not answered: call_1, call_2",
        "messages.2",
    ),
    (
        {"messages": [*HELLO, called(None)]},
        openai.BadRequestError,
        "valid string",
        "messages.1.tool_calls.0.id",
    ),
    (
        {"messages": [{"role": "assistant", "function_call": {"name": "x", "arguments": "{}"}}]},
        openai.BadRequestError,
        "not supported",
        "messages.0.function_call",
    ),
    (
        {"response_format": {"type": "json_object"}},
        openai.BadRequestError,
        "must contain the word 'json'",
        "messages",
    ),
    (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": {"anyOf": [{"multipleOf": 999_983}]}},
            }
        },
        openai.BadRequestError,
        "multiples of 999983; at most 10000",
        "response_format",
    ),
    ({"tools": [named("none")], "tool_choice": "none"}, openai.BadRequestError, "Rename it", "tools"),
    ({"temperature": 3}, openai.BadRequestError, "less than or equal to 2", "temperature"),
    ({"temperature": "hot"}, openai.BadRequestError, "valid number", "temperature"),
    ({"top_p": -1}, openai.BadRequestError, "greater than or equal to 0", "top_p"),
    ({"max_tokens": 0}, openai.BadRequestError, "greater than or equal to 1", "max_tokens"),
    ({"max_tokens": 5, "max_completion_tokens": 5}, openai.BadRequestError, "at the same time", "max_tokens"),
    ({"n": 1000}, openai.BadRequestError, "less than or equal to 128", "n"),
    ({"top_logprobs": 2}, openai.BadRequestError, "only allowed when 'logprobs'", "top_logprobs"),
    ({"stop": list("abcde")}, openai.BadRequestError, "At most 4", "stop"),
    ({"presence_penalty": 1.5}, openai.BadRequestError, "not supported", "presence_penalty"),
    ({"logit_bias": {"5": 10}}, openai.BadRequestError, "not supported", "logit_bias"),
    ({"modalities": ["text", "audio"]}, openai.BadRequestError, "not supported", "modalities"),
    ({"reasoning_effort": "low"}, openai.BadRequestError, "not supported", "reasoning_effort"),
    ({"extra_body": {"top_k": 5}}, openai.BadRequestError, "Unrecognized request argument", "top_k"),
    ({"tool_choice": "required"}, openai.BadRequestError, "only allowed when 'tools'", "tool_choice"),
    (
        {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "x"}}},
        openai.BadRequestError,
        "'x' not found",
        "tool_choice",
    ),
    (
        {"response_format": {"type": "json_schema"}},
        openai.BadRequestError,
        "Missing",
        "response_format.json_schema",
    ),
    (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": {"type": "objekt"}},
            }
        },
        openai.BadRequestError,
        "cannot be enforced",
        "response_format",
    ),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("change", "error", "message", "param"), CHAT_ERRORS)
def test_errors_of_chat(client: Any, change: Any, error: Any, message: str, param: str, stream: bool) -> None:
    with pytest.raises(error, match=message) as caught:
        client.chat.completions.create(**{"model": "pebble", "messages": HELLO, "stream": stream, **change})
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"


def test_parameters_that_change_nothing_are_accepted(client: openai.OpenAI) -> None:
    more: Any = {
        "user": "me",
        "metadata": {"a": "b"},
        "store": False,
        "presence_penalty": 0,
        "logit_bias": {},
        "reasoning_effort": "none",
    }
    assert ask(client, **more, service_tier="auto", seed=2**63 - 1).choices[0].message.content


TOOL = {"type": "function", **WEATHER["function"]}
UNENFORCEABLE = {
    "type": "function",
    "name": "odd",
    "strict": True,
    "parameters": {"type": "object", "properties": {"x": {"not": {}}}},
}
RESPONSE_ERRORS = [
    ({"previous_response_id": "resp_1"}, "stores none", "previous_response_id"),
    ({"reasoning": {"effort": "high"}}, "not supported", "reasoning"),
    ({"background": True}, "not supported", "background"),
    ({"tools": [{"type": "web_search"}]}, "function", "tools.0.type"),
    ({"input": [{"type": "image_generation_call", "id": "x"}]}, "Invalid item", "input.0"),
    ({"input": [{"role": "user"}]}, "Missing required", "input.0.content"),
    ({"input": [{"role": "tool", "content": "x"}]}, "'developer', 'user' or 'assistant'", "input.0.role"),
    ({"tools": [TOOL], "tool_choice": {"type": "function"}}, "Missing required", "tool_choice.name"),
    ({"input": TOO_LONG}, "maximum context length", "input"),
    (
        {"text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "objekt"}}}},
        "cannot be enforced",
        "text.format",
    ),
    (
        {"tools": [TOOL, UNENFORCEABLE], "tool_choice": {"type": "function", "name": "odd"}},
        "cannot be enforced",
        "tools.1.parameters",
    ),
    ({"include": ["file_search_call.results"]}, "Unsupported value", "include"),
    ({"text": {"format": {"type": "json_object"}}}, "must contain the word 'json'", "input"),
    (
        {"input": [{"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{}"}]},
        "No tool output found for function call call_1",
        "input",
    ),
    (
        {"input": [{"type": "function_call", "name": "weather", "arguments": "{}"}]},
        "Invalid item of type 'function_call'",
        "input.0",
    ),
    ({"extra_body": {"stop": "x"}}, "Unrecognized request argument", "stop"),
    ({"extra_body": {"Stop": "x"}}, "Unrecognized request argument", "Stop"),
]


@pytest.mark.parametrize(("change", "message", "param"), RESPONSE_ERRORS)
def test_errors_of_responses(client: Any, change: Any, message: str, param: str) -> None:
    with pytest.raises(openai.BadRequestError, match=message) as caught:
        client.responses.create(**{"model": "pebble", "input": "Hello!", **change})
    assert caught.value.param == param


EMBEDDING_ERRORS = [
    ({"model": "pebble"}, openai.NotFoundError, "makes no embeddings"),
    ({"input": ""}, openai.BadRequestError, "none of them empty"),
    ({"input": []}, openai.BadRequestError, "none of them empty"),
    ({"input": [[1, 2]]}, openai.BadRequestError, "not as token numbers"),
    ({"dimensions": 100}, openai.BadRequestError, "384 dimensions"),
]


@pytest.mark.parametrize(("change", "error", "message"), EMBEDDING_ERRORS)
def test_errors_of_embeddings(client: Any, change: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        client.embeddings.create(**{"model": "all-minilm", "input": "x", **change})
