"""Ollama's protocol, driven by the official client."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import ollama
import pytest
from person_schema import PERSON
from server_fixtures import WEATHER, valid

from pebble.serving.engine import Engine, Task
from pebble.serving.ollama import shortened


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[ollama.Client]:
    with closing(ollama.Client(url)) as client:
        yield client


@pytest.fixture(scope="module")
def random_client(random_url: str) -> Iterator[ollama.Client]:
    with closing(ollama.Client(random_url)) as client:
        yield client


def say(text: str) -> Any:
    return [{"role": "user", "content": text}]


def ask(client: ollama.Client, text: str = "Hello!", **more: Any) -> Any:
    return valid(client.chat("pebble", say(text), **more))


def counted(reply: Any) -> bool:
    """Are the counts and times there, and possible?"""
    assert reply.prompt_eval_count > 5 and reply.eval_count > 3
    assert reply.total_duration >= reply.prompt_eval_duration + reply.eval_duration > 0
    return True


# --- models ---


def test_models(client: ollama.Client, random_client: ollama.Client) -> None:
    assert len(random_client.list().models) == 1  # as the other is not installed
    model, embedding = valid(client.list()).models
    assert embedding.model == "all-minilm:latest"
    assert model.model == "pebble:latest"
    assert (len(model.digest), model.details.family) == (64, "llama")
    [loaded, *_] = valid(client.ps()).models
    assert (loaded.model, loaded.context_length, loaded.digest) == ("pebble:latest", 512, model.digest)


def test_show(client: ollama.Client) -> None:
    shown = valid(client.show("pebble"))
    assert shown.capabilities == ["completion", "tools"]
    assert shown.modelinfo["llama.context_length"] == 512
    assert "<|assistant|>" in shown.template
    assert valid(client.show("all-minilm")).capabilities == ["embedding"]
    with pytest.raises(ollama.ResponseError, match="model 'gpt-9' not found") as caught:
        client.show("gpt-9")
    assert caught.value.status_code == 404


def test_pull(client: ollama.Client, random_client: ollama.Client) -> None:
    assert valid(client.pull("pebble")).status == "success"
    assert [valid(step).status for step in client.pull("pebble:latest", stream=True)][-1] == "success"
    assert client.pull("all-minilm").status == "success"
    for stream in (False, True):
        with pytest.raises(ollama.ResponseError, match="gets no others"):
            list(client.pull("llama3.2", stream=stream))
        with pytest.raises(ollama.ResponseError, match="not installed here"):
            list(random_client.pull("all-minilm", stream=stream))


# --- chat and generate ---


def test_chat(client: ollama.Client) -> None:
    reply = ask(client)
    assert (reply.message.content, reply.done_reason) == ("You said: Hello!", "stop")
    assert counted(reply)


def test_chat_in_a_stream(client: ollama.Client) -> None:
    chunks = [valid(chunk) for chunk in client.chat("pebble", say("Hello!"), stream=True)]
    assert len(chunks) > 4
    assert "".join(c.message.content for c in chunks) == "You said: Hello!"
    assert [c.done for c in chunks] == [False] * (len(chunks) - 1) + [True]
    assert counted(chunks[-1])


def test_generate(client: ollama.Client) -> None:
    reply = valid(client.generate("pebble", "Hello!", system="Be brief."))
    assert reply.response == "You said: Hello!"
    assert counted(reply)
    chunks = [valid(chunk) for chunk in client.generate("pebble", "Hello!", stream=True)]
    assert "".join(c.response for c in chunks) == "You said: Hello!"
    assert counted(chunks[-1])


def test_a_raw_prompt(client: ollama.Client) -> None:
    reply = client.generate("pebble", "<|user|>raw<|end|><|assistant|>", raw=True)
    assert reply.response == "You said: raw"


def test_asynchronously(url: str) -> None:
    async def main() -> tuple[Any, ...]:
        client = ollama.AsyncClient(url)
        chat = await client.chat("pebble", say("Hello!"))
        stream = [valid(c) async for c in await client.chat("pebble", say("Hello!"), stream=True)]
        generated = await client.generate("pebble", "Hello!")
        parts = [valid(c) async for c in await client.generate("pebble", "Hello!", stream=True)]
        embedded = await client.embed("all-minilm", ["a", "b"])
        models = (
            await client.list(),
            await client.ps(),
            await client.show("pebble"),
            await client.pull("pebble"),
        )
        await client.close()
        return chat, stream, generated, parts, embedded, *models

    chat, stream, generated, parts, embedded, *models = asyncio.run(main())
    text = "You said: Hello!"
    assert valid(chat).message.content == "".join(c.message.content for c in stream) == text
    assert valid(generated).response == "".join(c.response for c in parts) == text
    assert len(valid(embedded).embeddings) == 2
    assert all(valid(model) for model in models)


def test_tools_formats_and_older_embeddings_asynchronously(url: str, random_url: str) -> None:
    async def main() -> tuple[Any, ...]:
        client, chance = ollama.AsyncClient(url), ollama.AsyncClient(random_url)
        called = await client.chat("pebble", say("weather?"), tools=[WEATHER])
        embedded = await client.embeddings("all-minilm", "a")
        formatted = await chance.chat("pebble", say("Hello!"), format=PERSON)
        generated = await chance.generate("pebble", "Hello!", format=PERSON)
        await client.close()
        await chance.close()
        return valid(called), valid(embedded), valid(formatted), valid(generated)

    called, embedded, formatted, generated = asyncio.run(main())
    assert called.message.tool_calls[0].function.arguments == {"town": "Bern"}
    assert len(embedded.embedding) == 384
    for text in (formatted.message.content, generated.response):
        assert json.loads(text).keys() <= PERSON["properties"].keys()


def test_an_empty_prompt_loads_the_model(client: ollama.Client) -> None:
    assert valid(client.generate("pebble", "")).done_reason == "load"
    assert valid(client.chat("pebble", [])).done_reason == "load"
    assert valid(client.generate("pebble", "", keep_alive=0)).done_reason == "unload"


def test_options(client: ollama.Client, random_client: ollama.Client) -> None:
    reply = ask(client, "count!", options={"num_predict": 5})
    assert (reply.done_reason, reply.eval_count) == ("length", 5)
    assert ask(client, "count!", options={"stop": [" 7"]}).message.content == "0 1 2 3 4 5 6"
    filters = {"temperature": 1.0, "top_k": 40.0, "top_p": 0.9, "min_p": 0.01, "repeat_penalty": 1.1}
    settings = {**filters, "num_predict": 20, "num_ctx": 4096, "num_gpu": 99, "no_such_option": 1}
    texts = [ask(random_client, options={**settings, "seed": n}).message.content for n in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_how_far_the_repetition_penalty_looks_back(random_client: ollama.Client) -> None:
    def said(**options: Any) -> str:
        return ask(random_client, options={"num_predict": 90, **options}).message.content

    harsh = {"repeat_penalty": 20.0}
    assert said(**harsh, repeat_last_n=0) == said() != said(**harsh)
    assert said(**harsh) == said(**harsh, repeat_last_n=64) != said(**harsh, repeat_last_n=-1)


def test_logprobs(client: ollama.Client) -> None:
    reply = ask(client, logprobs=True, top_logprobs=2)
    assert "".join(p.token for p in reply.logprobs) == "You said: Hello!"
    assert all(len(p.top_logprobs) == 2 for p in reply.logprobs)
    chunks = client.generate("pebble", "Hello!", logprobs=True, stream=True)
    assert "".join(p.token for c in chunks for p in c.logprobs or []) == "You said: Hello!"


def test_old_messages_that_do_not_fit_are_left_out(client: ollama.Client) -> None:
    system = {"role": "system", "content": "Be brief."}
    turns = [{"role": "user", "content": "long ago " * 10}, {"role": "assistant", "content": "I see."}] * 20
    conversation = [system, *turns, *say("Hello!")]
    reply = client.chat("pebble", conversation)
    assert reply.message.content == "You said: Hello!"
    assert 300 < reply.prompt_eval_count < 400
    with pytest.raises(ollama.ResponseError, match="maximum context length is 512"):
        client.chat("pebble", [system, *say("word " * 600)])


def test_a_very_long_conversation_is_not_read_to_its_beginning(scripted_engine: Engine) -> None:
    read = []

    class Counting(Engine):
        def encode(self, task: Task) -> list[int]:
            read.append(len(task.messages))
            return super().encode(task)

    task = Task(messages=[{"role": "user", "content": f"message {n}"} for n in range(2000)])
    kept = shortened(Counting(scripted_engine.model), task).messages
    assert kept == task.messages[-len(kept) :]
    assert 20 < len(kept) < 100
    assert max(read) == len(kept) + 1  # one more would have been too long


# --- tools and JSON ---


def weather(town: str) -> str:
    """weather of a town"""
    return f"rain in {town}"


@pytest.mark.parametrize("tool", [WEATHER, weather])
def test_a_conversation_with_a_tool(client: ollama.Client, tool: Any) -> None:
    reply = ask(client, "weather?", tools=[tool])
    [call] = reply.message.tool_calls
    assert (call.function.name, call.function.arguments) == ("weather", {"town": "Bern"})
    messages = [*say("weather?"), reply.message, {"role": "tool", "content": "rain", "tool_name": "weather"}]
    assert client.chat("pebble", messages, tools=[tool]).message.content == "The tool said: rain"


def test_calls_in_a_stream(client: ollama.Client) -> None:
    chunks = [valid(c) for c in client.chat("pebble", say("twice?"), tools=[WEATHER], stream=True)]
    calls = [call for chunk in chunks for call in chunk.message.tool_calls or []]
    assert [c.function.arguments for c in calls] == [{"town": "Bern"}, {"town": "Basel", "days": 2}]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_even_random_weights_write_what_the_schema_says(random_client: Any, temperature: float) -> None:
    options = {"temperature": temperature, "seed": 1}
    for text in (
        ask(random_client, format=PERSON, options=options).message.content,
        random_client.generate("pebble", "Hello!", format=PERSON, options=options).response,
    ):
        assert json.loads(text)["job"] in ("cook", "smith")


def test_any_json(random_client: ollama.Client) -> None:
    assert ask(random_client, format="json", options={"num_predict": 20}).message.content.startswith("{")


# --- embeddings ---


def test_embeddings(client: ollama.Client) -> None:
    reply = valid(client.embed("all-minilm", ["one", "three"]))
    assert [len(vector) for vector in reply.embeddings] == [384, 384]
    assert reply.prompt_eval_count == 6
    assert client.embed("all-minilm", "word " * 300).prompt_eval_count == 256  # what is beyond is not read
    assert valid(client.embeddings("all-minilm", "one")).embedding == reply.embeddings[0]
    [short] = client.embed("all-minilm", "one", dimensions=8).embeddings
    assert len(short) == 8 and np.linalg.norm(short) == pytest.approx(1)
    assert client.embed("all-minilm", []).embeddings == []


# --- what is refused ---

ERRORS: list[tuple[dict[str, Any], int, str]] = [
    ({"model": "gpt-9"}, 404, "model 'gpt-9' not found"),
    ({"messages": say("word " * 600)}, 400, "maximum context length is 512"),
    ({"think": True}, 400, "does not support thinking"),
    ({"messages": [{"role": "user", "content": "x", "images": ["aGk="]}]}, 400, "does not support images"),
    ({"messages": [{"role": "wizard", "content": "x"}]}, 400, "role"),
    ({"options": {"temperature": "hot"}}, 400, 'option "temperature": Input should be a valid number'),
    ({"options": {"temperature": -1}}, 400, 'option "temperature"'),
    ({"options": {"repeat_penalty": 0.0}}, 400, 'option "repeat_penalty"'),
    ({"options": {"presence_penalty": 1.0}}, 400, 'option "presence_penalty" is not supported'),
    ({"options": {"mirostat": 2}}, 400, 'option "mirostat" is not supported'),
    ({"options": {"stop": "x"}}, 400, 'option "stop"'),
    ({"format": {"type": "objekt"}}, 400, "cannot be enforced"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("change", "status", "message"), ERRORS)
def test_errors(client: Any, change: Any, status: int, message: str, stream: bool) -> None:
    with pytest.raises(ollama.ResponseError, match=message) as caught:
        reply = client.chat(**{"model": "pebble", "messages": say("Hello!"), "stream": stream, **change})
        list(reply)
    assert caught.value.status_code == status


def test_errors_of_generate(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="raw mode does not support template, system, or context"):
        client.generate("pebble", "Hello!", system="Be brief.", raw=True)
    for change in ({"suffix": "x"}, {"template": "x"}, {"context": [1, 2]}, {"images": ["aGk="]}):
        with pytest.raises(ollama.ResponseError, match="support"):
            client.generate("pebble", "Hello!", **change)


def test_errors_of_embed(client: ollama.Client, random_client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="makes no embeddings"):
        client.embed("pebble", "x")
    with pytest.raises(ollama.ResponseError, match="exceeds the context length"):
        client.embed("all-minilm", "word " * 300, truncate=False)
    with pytest.raises(ollama.ResponseError, match="not installed here. To get it: pip install"):
        random_client.embed("all-minilm", "x")


def test_what_ollama_has_and_we_have_not(client: ollama.Client) -> None:
    for attempt in (
        lambda: client.delete("pebble"),
        lambda: client.copy("pebble", "stone"),
        lambda: client.create("stone", from_="pebble"),
        lambda: client.push("pebble"),
    ):
        with pytest.raises(ollama.ResponseError, match="does not offer"):
            attempt()
