"""Load, hang-ups, a full queue, and requests that nobody should send."""

import asyncio
import http.client
import json
import logging
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import ollama
import openai
import pytest
from server_fixtures import WEATHER, FakeEncoder

from pebble import sample, server
from pebble.embeddings import SentenceEncoder
from pebble.serving import http as http_module
from pebble.serving.embedding import Embedder
from pebble.serving.engine import Engine
from pebble.serving.http import BODY_LIMIT

POSTS = ["/v1/chat/completions", "/v1/responses", "/v1/embeddings"]
POSTS += [f"/api/{name}" for name in ("chat", "generate", "embed", "embeddings", "show", "pull")]


def say(text: str) -> Any:
    return [{"role": "user", "content": text}]


def slow(*arguments: Any, **settings: Any) -> Iterator[sample.Step]:
    for step in sample.generate(*arguments, **settings):
        time.sleep(0.01)  # as a larger model would
        yield step


def post(url: str, path: str, body: bytes, **headers: str) -> tuple[int, dict[str, str], Any]:
    with closing(http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)) as connection:
        connection.request("POST", path, body, {"content-type": "application/json", **headers})
        response = connection.getresponse()
        return response.status, dict(response.headers), json.loads(response.read())


def message_of(path: str, reply: Any) -> str:
    """The error's message, where the protocol's client looks for it."""
    error = reply["error"]
    return str(error["message"] if path.startswith("/v1") else error)


# --- many at once ---


def test_64_streams_at_once_with_nothing_lost_or_mixed_up(url: str) -> None:
    async def one(client: openai.AsyncOpenAI, n: int) -> None:
        for turn in range(3):
            text = f"I am client {n}, turn {turn}"
            stream = await client.chat.completions.create(model="pebble", messages=say(text), stream=True)
            chunks = [chunk async for chunk in stream]
            assert "".join(c.choices[0].delta.content or "" for c in chunks) == "You said: " + text
            assert chunks[-1].choices[0].finish_reason == "stop"

    async def main() -> None:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
            await asyncio.gather(*(one(client, n) for n in range(64)))

    asyncio.run(main())


def test_a_short_answer_does_not_wait_for_a_long_one(scripted_engine: Engine) -> None:
    with (
        server.running(Engine(scripted_engine.model, slow), slots=2) as url,
        closing(ollama.Client(url)) as client,
    ):
        long = client.chat("pebble", say("count!"), stream=True)
        next(long)
        begin = time.monotonic()
        assert client.chat("pebble", say("Hi")).message.content == "You said: Hi"
        waited = time.monotonic() - begin
        rest = list(long)
        assert time.monotonic() - begin > 1.5 * waited
        assert rest[-1].done_reason == "stop"


def test_a_prompt_that_takes_long_to_prepare_holds_up_nobody(scripted_engine: Engine) -> None:
    class Slow(Engine):
        def answer(self, *arguments: Any) -> Iterator[Any]:
            time.sleep(1)  # as a grammar for a strange schema may take
            return super().answer(*arguments)

    with server.running(Slow(scripted_engine.model)) as url, raw_request(url, "Hi") as other:
        begin = time.monotonic()
        with closing(ollama.Client(url)) as client:
            client.list()
        assert time.monotonic() - begin < 0.8
        assert b"You said: Hi" in read_all(other)


def test_a_full_queue_says_so_and_when_to_come_again(scripted_engine: Engine) -> None:
    engine = Engine(scripted_engine.model, slow)
    with server.running(engine, slots=1, queue=1) as url, closing(ollama.Client(url)) as theirs:
        ours = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
        first = theirs.chat("pebble", say("count!"), stream=True)
        next(first)
        second = raw_request(url, "Hi")
        with ours, second:
            with pytest.raises(openai.InternalServerError, match="queue is full") as caught:
                ours.chat.completions.create(model="pebble", messages=say("Hi"))
            assert caught.value.status_code == 503
            assert caught.value.response.headers["retry-after"] == "1"
            with pytest.raises(ollama.ResponseError, match="queue is full") as refused:
                theirs.generate("pebble", "Hi")
            assert refused.value.status_code == 503
            assert len(list(first)) > 50  # the one that is served notices nothing
            assert b"You said: Hi" in read_all(second)  # nor does the one that waited


def raw_request(
    url: str, text: str, stream: bool = False, path: str = "/api/chat", **more: Any
) -> socket.socket:
    """A request on the wire, whose answer nobody has read yet."""
    host, _, port = url.removeprefix("http://").partition(":")
    body = json.dumps({"model": "pebble", "messages": say(text), "stream": stream, **more}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    head += "Connection: close\r\n\r\n"
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # keeps little that is not read
    connection.connect((host, int(port)))
    connection.sendall(head.encode() + body)
    time.sleep(0.1)  # until it is in the queue
    return connection


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("stream", [False, True])
def test_who_hangs_up_frees_the_slot_within_a_second(scripted_engine: Engine, stream: bool) -> None:
    with server.running(Engine(scripted_engine.model, slow), slots=1, queue=1) as url:
        working, waiting = raw_request(url, "count!", stream), raw_request(url, "count!", stream)
        with closing(ollama.Client(url)) as client:
            with pytest.raises(ollama.ResponseError, match="queue is full"):
                client.chat("pebble", say("Hi"))
            for gone in (working, waiting):  # the one that is served, and the one in the queue
                gone.close()
            time.sleep(1)
            begin = time.monotonic()
            assert client.chat("pebble", say("Hi")).message.content == "You said: Hi"
            # a whole answer to "count!" takes about three seconds, and nobody computed it
            assert time.monotonic() - begin < 2


def test_an_encoder_whose_client_hung_up_is_awaited(scripted_engine: Engine) -> None:
    """Its thread cannot be stopped, and another one beside it would make both slower."""
    working: list[int] = []
    at_once: list[int] = []

    class SlowEncoder(FakeEncoder):
        def encode(self, texts: Sequence[str]) -> np.ndarray:
            working.append(1)
            at_once.append(len(working))
            time.sleep(0.6)
            working.pop()
            return super().encode(texts)

    body = json.dumps({"model": "all-minilm", "input": "x"}).encode()
    embedder = Embedder(lambda: None, SlowEncoder)
    with server.running(scripted_engine, embedder=embedder) as url:
        for _ in range(2):
            with closing(http.client.HTTPConnection(url.removeprefix("http://"), timeout=0.2)) as gone:
                gone.request("POST", "/v1/embeddings", body)
                with pytest.raises(TimeoutError):
                    gone.getresponse()
        assert post(url, "/v1/embeddings", body)[0] == 200
    assert at_once == [1, 1]  # the first one's, and ours: the second left while it waited


def test_an_encoder_with_many_texts_is_free_soon_after_a_hangup(scripted_engine: Engine) -> None:
    class SlowEncoder(FakeEncoder):
        def encode(self, texts: Sequence[str]) -> np.ndarray:
            time.sleep(0.2 * len(texts))  # as all-MiniLM-L6-v2 needs for as many long texts
            return super().encode(texts)

    def body(count: int) -> bytes:
        return json.dumps({"model": "all-minilm", "input": ["x"] * count}).encode()

    with server.running(scripted_engine, embedder=Embedder(lambda: None, SlowEncoder)) as url:
        with closing(http.client.HTTPConnection(url.removeprefix("http://"), timeout=0.3)) as gone:
            gone.request("POST", "/v1/embeddings", body(64))
            with pytest.raises(TimeoutError):
                gone.getresponse()
        begin = time.monotonic()
        assert post(url, "/v1/embeddings", body(1))[0] == 200
        assert time.monotonic() - begin < 1.5  # the batch in work, and ours; sixteen texts would take 3.2


def test_of_a_book_only_the_beginning_is_cut_into_pieces() -> None:
    class Reader(FakeEncoder):
        longest = 0

        def tokenize(self, text: str) -> list[str]:
            self.longest = max(self.longest, len(text))
            return super().tokenize(text)

    reader = Reader()
    embedder = Embedder(lambda: None, lambda: reader)
    [(read, _)] = embedder.batches(["word " * 700_000])
    assert (read, reader.longest) == (256, 4096)


@pytest.mark.parametrize(
    "text", ["word " * 5000, " " * 20_000 + "late " * 300, "x" * 9000 + " y" * 400, "é" * 9000]
)
def test_the_beginning_of_a_text_has_the_vector_of_the_whole(text: str) -> None:
    encoder = SentenceEncoder.load()
    embedder = Embedder(lambda: None, lambda: encoder)
    [(_, vectors)] = embedder.batches([text])
    np.testing.assert_array_equal(vectors, encoder.encode([text]))


def test_who_reads_nothing_at_all_is_given_up(
    scripted_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_module, "PATIENCE", 0.3)
    much = {"n": 16, "logprobs": True, "top_logprobs": 20}  # megabytes: more than the sockets take in
    with (
        server.running(scripted_engine, slots=1) as url,
        raw_request(url, "count!", stream=True, path="/v1/chat/completions", **much),
        closing(ollama.Client(url, timeout=20)) as client,
    ):
        assert client.chat("pebble", say("Hi")).message.content == "You said: Hi"


# --- requests that nobody should send ---

BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"{}",
    b'{"model": 5}',
    b'{"model": "pebble", "stream": "yes"}',
    b"\xff\xfe",
    b'{"model": "\\ud800"}',
    b"[" * 100_000,
    b'{"model": ' + b"9" * 5000 + b"}",
    b'{"model": NaN}',
]


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:12]))
def test_bodies_that_make_no_sense(url: str, path: str, body: bytes) -> None:
    status, _, reply = post(url, path, body)
    assert status in (400, 404)
    assert message_of(path, reply)


@pytest.mark.parametrize("path", POSTS)
def test_a_body_of_10_megabytes(url: str, path: str) -> None:
    body = json.dumps({"model": "pebble", "prompt": "x" * 10_000_000}).encode()
    status, _, reply = post(url, path, body)
    assert status == 413
    assert f"larger than {BODY_LIMIT // 1024**2} MB" in message_of(path, reply)


def test_a_number_that_json_cannot_say_again(url: str) -> None:
    """1e999 is JSON, and infinite. Answers repeat the tools, and Python would write Infinity, which is none."""
    parameters = b'{"properties": {"x": {"maximum": 1e999}}}'
    tools = b'[{"type": "function", "name": "f", "parameters": ' + parameters + b"}]"
    body = b'{"model": "pebble", "input": "Hello!", "tools": ' + tools + b"}"
    status, _, reply = post(url, "/v1/responses", body)
    assert (status, reply["error"]["param"]) == (400, "tools.0.parameters")


def test_clients_understand_that_a_body_is_too_large(url: str) -> None:
    with (
        openai.OpenAI(base_url=f"{url}/v1", api_key="none") as client,
        pytest.raises(openai.APIStatusError) as ours,
    ):
        client.chat.completions.create(model="pebble", messages=say("x" * 10_000_000))
    with closing(ollama.Client(url)) as other, pytest.raises(ollama.ResponseError) as theirs:
        other.chat("pebble", say("x" * 10_000_000))
    assert ours.value.status_code == theirs.value.status_code == 413


def test_paths_and_methods_that_there_are_not(url: str) -> None:
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    with client, pytest.raises(openai.NotFoundError, match="does not offer POST /v1/completions"):
        client.completions.create(model="pebble", prompt="Hello")
    status, _, reply = post(url, "/api/tags", b"")
    assert (status, reply) == (405, {"error": "Pebble's server does not offer POST /api/tags"})


def test_other_web_pages_get_nothing(url: str) -> None:
    body = json.dumps({"model": "pebble", "prompt": "Hello", "stream": False}).encode()
    for origin in ("https://example.org", "http://127.0.0.1.example.org", "null"):
        with closing(http.client.HTTPConnection(url.removeprefix("http://"))) as connection:
            connection.request("POST", "/api/generate", body, {"origin": origin})
            response = connection.getresponse()
            assert response.status == 403 and b"only requests of localhost" in response.read()
    status, headers, _ = post(url, "/api/generate", body, origin="http://localhost:8888")  # a notebook's page
    assert status == 200 and not [name for name in headers if name.lower().startswith("access-control")]
    for host, expected in (("rebound.example", 403), ("localhost:1234", 200), ("[::1]:80", 200)):
        with closing(http.client.HTTPConnection(url.removeprefix("http://"))) as connection:
            connection.request("GET", "/api/version", headers={"host": host})
            assert connection.getresponse().status == expected


# --- our own errors ---


@pytest.mark.parametrize("after", [0, 5])
def test_an_error_of_ours_is_told_without_what_was_said(
    scripted_engine: Engine, caplog: pytest.LogCaptureFixture, after: int
) -> None:
    def broken(*arguments: Any, **settings: Any) -> Iterator[sample.Step]:
        yield from islice(sample.generate(*arguments, **settings), after)
        raise RuntimeError("in the middle of the SECRET")

    caplog.set_level(logging.INFO)
    with server.running(Engine(scripted_engine.model, broken)) as url, closing(ollama.Client(url)) as theirs:
        ours = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
        for stream in (False, True):
            with pytest.raises(openai.APIError, match="an error of its own"):
                list(ours.chat.completions.create(model="pebble", messages=say("SECRET"), stream=stream))
            with pytest.raises(ollama.ResponseError, match="an error of its own"):
                list(theirs.chat("pebble", say("SECRET"), stream=stream))
        if after:  # in this protocol the error is an event, and the client hands it on
            last = list(ours.responses.create(model="pebble", input="SECRET", stream=True))[-1]
            assert (last.type, last.code) == ("error", "server_error")
        else:
            with pytest.raises(openai.InternalServerError, match="an error of its own"):
                ours.responses.create(model="pebble", input="SECRET", stream=True)
        ours.close()
    ourselves = [record for record in caplog.records if record.name == "pebble" or "uvicorn" in record.name]
    assert {record.getMessage() for record in ourselves} == {"A request failed: RuntimeError"}
    assert not any(record.exc_info for record in ourselves)


# --- the command line ---


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pebble.server", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_missing_model_and_a_taken_port(tmp_path: Path, folder: Path) -> None:
    missing = run("--weights", str(tmp_path / "nowhere"))
    assert missing.returncode == 1
    assert "is missing" in missing.stderr and "Traceback" not in missing.stderr
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = run("--weights", str(folder), "--port", str(other.getsockname()[1]))
    assert taken.returncode == 1
    assert "Cannot listen on 127.0.0.1" in taken.stderr and "Try --port" in taken.stderr


def test_the_command_line_serves_in_little_memory_and_writes_down_nothing() -> None:
    command = [sys.executable, "-m", "pebble.server", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, line
        with closing(ollama.Client(found[0])) as client:
            client.generate("pebble", "SECRET", options={"num_predict": 3})
            client.chat("pebble", say("SECRET"), tools=[WEATHER])  # for grammars another library is loaded
            with pytest.raises(ollama.ResponseError):
                client.generate("SECRET", "SECRET")
        memory = Path(f"/proc/{process.pid}/status")
        if memory.exists():
            resident = re.search(r"VmHWM:\s+(\d+) kB", memory.read_text())
            assert resident and int(resident[1]) < 150_000
        process.terminate()
        rest = process.stdout.read()
    assert rest == ""


def test_a_server_that_ends_in_the_middle_of_an_answer(scripted_engine: Engine) -> None:
    with server.running(Engine(scripted_engine.model, slow)) as url:
        begin = time.monotonic()
        unfinished = raw_request(url, "count!", stream=True)
    unfinished.close()
    assert time.monotonic() - begin < 5  # the whole answer is not awaited


def test_answers_leave_at_once() -> None:
    """With Nagle's algorithm on, each would wait 40 ms until the client acknowledges its head."""

    async def nagle_is_off() -> bool:
        off = asyncio.get_running_loop().create_future()

        def look(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = writer.get_extra_info("socket")
            off.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listener = server.listen("127.0.0.1", 0)
        async with await asyncio.start_server(look, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            writer.close()
            return bool(await off)

    assert asyncio.run(nagle_is_off())


def test_ipv6(scripted_engine: Engine) -> None:
    try:
        server.listen("::1", 0).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server.running(scripted_engine, host="::1") as url, closing(ollama.Client(url)) as client:
        assert client.chat("pebble", say("Hi")).message.content == "You said: Hi"


def test_a_server_for_a_notebook_ends_with_its_block(scripted_engine: Engine) -> None:
    with server.running(scripted_engine, embedder=Embedder(lambda: None, FakeEncoder)) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        assert host == "127.0.0.1"
        socket.create_connection((host, int(port))).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))
