"""What the labs promise about bad days, against servers that really have one.

A lab's functions are taken out of its cells, so that what is tested is what the learner reads.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import SimpleNamespace
from typing import Any

import httpx
import ollama
import openai
import pytest

from pebble import server
from pebble.faults import Fault, faulty
from sitekit import notebooks

LLMS = notebooks.ROOT / "labs" / "llms"
OLLAMA, OPENAI = "01-ollama-quickstart.ipynb", "02-openai-api.ipynb"

QUESTION = [{"role": "user", "content": "What is a token?"}]


def functions_of(lab: str, *cells: str, **names: Any) -> SimpleNamespace:
    """The names that the named cells of a lab define, run among `names`."""
    sources = {cell.id: cell.source for cell in notebooks.read(LLMS / lab).cells}
    for cell in cells:
        exec(sources[cell], names)
    return SimpleNamespace(**names)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with server.running() as url:
        yield url


# A token every 0.1 s, so that there is time to kill it between two of them.
SLOW_SERVER = """
import time
from pebble import sample, server
from pebble.model import Model
from pebble.serving.engine import Engine

def slowly(*args, **more):
    for step in sample.generate(*args, **more):
        yield step
        time.sleep(0.1)

with server.running(Engine(Model.load(), slowly)) as url:
    print(url, flush=True)
    input()
"""


@contextmanager
def killable() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Pebble's server as a process of its own, which writes slowly."""
    environment = {**os.environ, "PYTHONPATH": str(notebooks.ROOT)}
    command = [sys.executable, "-c", SLOW_SERVER]
    process = subprocess.Popen(
        command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    try:
        assert process.stdout
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.communicate()


# --- lab 01 ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def advice() -> Any:
    return functions_of(OLLAMA, "advice", ollama=ollama, httpx=httpx).advice


def failure(client: ollama.Client, *, stream: bool, model: str = "pebble") -> Exception:
    """What the client raises for an ordinary question."""
    with client, pytest.raises(Exception) as caught:  # noqa: B017, PT011 - which one is what we ask
        reply = client.chat(model, QUESTION, stream=stream)
        list(reply if stream else [reply])
    return caught.value


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "promised"),
    [
        (401, "Check OLLAMA_API_KEY"),
        (429, "Wait, then try again"),
        (503, "Wait, then try again"),
        ("slow", "Too slow"),
        ("cut", "The connection broke"),
        ("garbage", "is no JSON"),
    ],
)
def test_advice_fits_the_fault(url: str, advice: Any, fault: Fault, promised: str, stream: bool) -> None:
    with faulty(url, [fault], delay=60) as faults:
        patience = 1 if fault == "slow" else 30
        assert promised in advice(failure(ollama.Client(faults.url, timeout=patience), stream=stream))


@pytest.mark.parametrize("stream", [False, True])
def test_advice_fits_what_is_not_there(url: str, advice: Any, stream: bool) -> None:
    nobody, somebody = ollama.Client("http://127.0.0.1:9"), ollama.Client(url)
    assert "ollama serve" in advice(failure(nobody, stream=stream))
    assert "ollama pull" in advice(failure(somebody, stream=stream, model="no-such-model"))


def test_advice_fits_a_prompt_that_is_too_long(url: str, advice: Any) -> None:
    with ollama.Client(url) as client, pytest.raises(ollama.ResponseError) as caught:
        client.chat("pebble", [{"role": "user", "content": "token " * 600}])
    assert "num_ctx" in advice(caught.value)


def test_advice_admits_what_it_does_not_know(advice: Any) -> None:
    assert advice(RuntimeError("?")).startswith("Not foreseen")


def test_a_server_killed_in_mid_stream_is_told_to_ollamas_client(advice: Any) -> None:
    got = ""
    with (
        killable() as (url, process),
        ollama.Client(url) as client,
        pytest.raises(httpx.TransportError) as caught,
    ):
        for chunk in client.chat("pebble", QUESTION, stream=True):
            got += chunk.message.content or ""
            process.kill()
    assert got, "nothing came before the end"
    assert "The connection broke" in advice(caught.value)


# --- lab 02 ----------------------------------------------------------------------------------------


def client_for(url: str, **how: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key="none", **how)


def promised_errors() -> list[tuple[str, str, bool]]:
    """The table in the lab: what happens, the error's name, and whether the client tries again."""
    cells = {cell.id: cell.source for cell in notebooks.read(LLMS / OPENAI).cells}
    advice = "yes|no: |no, though the client does: "
    rows = re.findall(rf"^\| (.+?) \| `(\w+)` \| ({advice})", cells["bad-days"], re.MULTILINE)
    return [(what, name, again != "no: ") for what, name, again in rows]


FAULT_OF: dict[str, Fault] = {
    "400 a wrong request": 400,
    "401 a wrong key": 401,
    "404 no such model": 404,
    "429 too many requests": 429,
    "429 no credit left (`insufficient_quota`)": 429,
    "500 and above": 503,
    "no answer in time": "slow",
    "no connection, or it breaks": "cut",
}


def test_every_row_of_the_table_is_tested() -> None:
    assert [what for what, _, _ in promised_errors()] == list(FAULT_OF)


@pytest.mark.parametrize(("what", "name", "again"), promised_errors())
def test_the_client_raises_what_the_table_says(url: str, what: str, name: str, again: bool) -> None:
    fault = FAULT_OF[what]
    patience = 1 if fault == "slow" else 30
    with faulty(url, [fault] * 2, delay=60) as faults:
        impatient = closing(client_for(faults.url, timeout=patience, max_retries=1))
        with impatient as client, pytest.raises(openai.APIError) as caught:
            client.responses.create(model="pebble", input="Hello!")
        assert type(caught.value).__name__ == name
        assert len(faults.seen) == (2 if again else 1)


@pytest.fixture
def streams() -> SimpleNamespace:
    where = SimpleNamespace(model="pebble")
    names = functions_of(OPENAI, "whole", where=where, question="What is a token?", compare=lambda _: None)
    return SimpleNamespace(whole=names.whole, CutOff=names.CutOff)


def test_a_stream_that_ends_well_is_whole(url: str, streams: SimpleNamespace) -> None:
    with closing(client_for(url)) as client:
        assert "".join(streams.whole(client)) == (
            client.responses.create(model="pebble", input="What is a token?").output_text
        )


@pytest.mark.parametrize("fault", ["short", "garbage"])
def test_a_stream_that_ends_early_is_told(url: str, streams: SimpleNamespace, fault: Fault) -> None:
    with (
        faulty(url, [fault]) as faults,
        closing(client_for(faults.url)) as client,
        pytest.raises(streams.CutOff, match=r"without response\.completed"),
    ):
        list(streams.whole(client))


def test_a_server_killed_in_mid_stream_is_told_to_openais_client(streams: SimpleNamespace) -> None:
    got = ""
    with (
        killable() as (url, process),
        closing(client_for(url, max_retries=0)) as client,
        pytest.raises((openai.APIConnectionError, streams.CutOff)),
    ):
        for piece in streams.whole(client):
            got += piece
            process.kill()
    assert got, "nothing came before the end"


def test_many_questions_survive_a_limit_and_keep_their_order(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    names = {"asyncio": asyncio, "AsyncOpenAI": openai.AsyncOpenAI, "where": SimpleNamespace(model="pebble")}
    cell = next(c.source for c in notebooks.read(LLMS / OPENAI).cells if c.id == "many")
    exec(cell.partition("\nGREETINGS")[0], names)
    with faulty(url, [429, None, 500]) as faults:
        answers = asyncio.run(names["ask_all"](["Hello!", "Thank you!"] * 3, 2, faults.url))
    assert len(faults.seen) == 8
    assert faults.most_at_once <= 2
    assert answers[0] == answers[2] == answers[4] != answers[1]
