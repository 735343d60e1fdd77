"""Who answers a lab, told by planted servers: an Ollama, an API, a Pebble of random weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import ollama
import openai
import pytest
from building import ROOT
from ollama._client import _parse_host

from pebble import connect as module
from pebble import server
from pebble.connect import NoConnection, connect
from pebble.model import Model
from pebble.serving.engine import Engine

CLOSED = "http://127.0.0.1:9"  # the discard port: nobody listens there
VARIABLES = (
    "LAB_SERVICE",
    "LAB_MODEL",
    "LAB_EMBEDDING_MODEL",
    "OPENAI_BASE_URL",
    "OPENAI_API_KEY",
    "no_proxy",
)

Plant = Callable[[dict[str, Any]], str]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, model: Model) -> Iterator[None]:
    """No variables, no Ollama, and a small Pebble; afterwards no connection."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OLLAMA_HOST", CLOSED)
    monkeypatch.setattr(server, "load", lambda: Engine(model))
    yield
    if module._last:
        module._last.close()


@pytest.fixture
def plant() -> Iterator[Plant]:
    """Start a server that answers paths with (status, JSON or text); gives its URL."""
    started: list[ThreadingHTTPServer] = []

    def start(replies: dict[str, Any]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, reply = replies.get(self.path, (404, {}))
                if status == 200 and "key" in replies and self.headers["Authorization"] != replies["key"]:
                    status, reply = 401, {}
                self.send_response(status)
                self.end_headers()
                self.wfile.write((reply if isinstance(reply, str) else json.dumps(reply)).encode())

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=made.serve_forever, daemon=True).start()
        started.append(made)
        return f"http://127.0.0.1:{made.server_port}"

    yield start
    for made in started:
        made.shutdown()
        made.server_close()


def tags(*names: str) -> dict[str, Any]:
    return {"/api/tags": (200, {"models": [{"model": name} for name in names]})}


def models(*names: str, key: str = "Bearer sk-right") -> dict[str, Any]:
    return {"/v1/models": (200, {"data": [{"id": name} for name in names]}), "key": key}


def models_by_openai(**how: Any) -> list[str]:
    """What OpenAI's client finds, with or without being told where."""
    with openai.OpenAI(max_retries=0, **how) as client:
        return [entry.id for entry in client.models.list().data]


# --- Pebble ----------------------------------------------------------------------------------------


def test_without_anything_pebble_answers_both_clients(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("OLLAMA_HOST")
    monkeypatch.setattr(module, "_ollama_url", lambda: CLOSED)  # should an Ollama run here
    with connect() as where:
        assert where.is_pebble
        with ollama.Client() as client:
            assert client.list().models[0].model == "pebble:latest"
        assert models_by_openai()[0] == where.model == "pebble"
    said = capsys.readouterr().out
    assert said.startswith("Pebble answers: ")
    assert "ollama pull gemma4:e2b" in said
    assert not any(name in os.environ for name in ("OLLAMA_HOST", *VARIABLES))


def test_closing_stops_the_server_and_puts_the_variables_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    monkeypatch.setenv("LAB_SERVICE", "pebble")
    before = servers()
    where = connect()
    assert os.environ["OPENAI_API_KEY"] == "none", "a real key must not be sent to a toy"
    where.close()
    where.close()
    assert os.environ["OPENAI_API_KEY"] == "sk-mine"
    assert os.environ["OLLAMA_HOST"] == CLOSED
    with pytest.raises(openai.APIConnectionError):
        models_by_openai(base_url=f"{where.url}/v1", api_key="none")
    assert servers() == before


def servers() -> set[threading.Thread]:
    """Pebble's servers in this process; another test's may still be about to end."""
    return {thread for thread in threading.enumerate() if thread.name == "pebble server"}


def test_a_cell_that_is_run_again_begins_anew() -> None:
    before = servers()
    first = connect("pebble")
    second = connect("pebble")
    assert first.url != second.url
    assert os.environ["OLLAMA_HOST"] == second.url
    assert len(servers() - before) == 1
    second.close()
    assert os.environ["OLLAMA_HOST"] == CLOSED


def test_pinned_pebble_looks_for_nobody_else(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", plant(tags(module.OLLAMA_MODEL)))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-right")
    monkeypatch.setenv("LAB_SERVICE", "pebble")
    with connect() as where:
        assert where.is_pebble


def test_a_companys_proxy_is_not_asked_for_this_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", CLOSED)
    monkeypatch.setenv("no_proxy", "intranet")
    with connect("pebble") as where:
        assert os.environ["no_proxy"] == "intranet,127.0.0.1,localhost"
        assert models_by_openai()[0] == where.model


def test_a_notebook_that_just_ends_leaves_no_server() -> None:
    code = "from pebble.connect import connect; print(connect('pebble').url)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert module._ask(f"{ended.stdout.split()[-1]}/v1/models", lambda reply: []) is None


# --- Ollama ----------------------------------------------------------------------------------------


def test_a_running_ollama_with_the_model_answers(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = plant(tags("gemma4:e2b", "all-minilm:latest"))
    monkeypatch.setenv("OLLAMA_HOST", url.removeprefix("http://"))
    with connect() as where:
        assert (where.service, where.url, where.model) == ("ollama", url, "gemma4:e2b")
        assert where.embedding_model == "all-minilm"
        assert os.environ["OPENAI_BASE_URL"] == f"{url}/v1"
        assert os.environ["OPENAI_API_KEY"] == "ollama"
    said = capsys.readouterr().out
    assert said.startswith(f"Ollama at {url} answers with gemma4:e2b.")
    assert "pull" not in said


def test_a_missing_model_gets_its_pull_line_and_pebble_answers(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", plant(tags("llama3.2:latest")))
    monkeypatch.setenv("LAB_MODEL", "qwen3:8b")
    with connect() as where:
        assert where.is_pebble
    said = capsys.readouterr().out
    assert "Ollama has no model qwen3:8b. Fetch it: ollama pull qwen3:8b\n" in said
    assert "LAB_MODEL to one that it has: llama3.2:latest" in said


def test_a_missing_embedding_model_gets_its_pull_line(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", plant(tags("llama3.2:latest")))
    with connect(model="llama3.2", embedding_model="embeddinggemma") as where:
        assert (where.service, where.embedding_model) == ("ollama", "embeddinggemma")
    assert "ollama pull embeddinggemma" in capsys.readouterr().out


def test_an_ollama_that_was_chosen_is_not_replaced(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoConnection, match="No Ollama answers at http://127.0.0.1:9.*ollama serve"):
        connect("ollama")
    monkeypatch.setenv("OLLAMA_HOST", plant(tags()))
    with pytest.raises(NoConnection, match="ollama pull gemma4:e2b"):
        connect("ollama")


def test_an_ollama_that_was_named_and_is_silent_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with connect() as where:
        assert where.is_pebble
    assert "No Ollama answers at http://127.0.0.1:9" in capsys.readouterr().out


@pytest.mark.parametrize("reply", [(200, "<html>"), (200, []), (200, {"models": [3]}), (500, "")])
def test_what_is_no_ollama_is_not_taken_for_one(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, reply: tuple[int, Any]
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", plant({"/api/tags": reply}))
    with pytest.raises(NoConnection, match="No Ollama answers"):
        connect("ollama")


@pytest.mark.parametrize(
    "host",
    [
        "",
        "1.2.3.4",
        ":56789",
        "1.2.3.4:5",
        "http://1.2.3.4",
        "https://1.2.3.4",
        "https://h.org:5/a/",
        "[::1]:5",
    ],
)
def test_the_host_is_read_as_ollamas_client_reads_it(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("OLLAMA_HOST", host)
    assert module._ollama_url() == _parse_host(host)


def test_a_listening_address_is_turned_into_one_to_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "0.0.0.0:11434")
    assert module._ollama_url() == "http://127.0.0.1:11434"


# --- an API ----------------------------------------------------------------------------------------


def test_a_key_alone_chooses_nothing(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-right")
    monkeypatch.setenv("OPENAI_BASE_URL", plant(models("large")) + "/v1")
    with connect() as where:
        assert where.is_pebble


def test_a_chosen_api_answers_with_the_model_that_it_serves(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = plant(models("large", "small"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-right")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v1/")
    monkeypatch.setenv("LAB_SERVICE", "openai")
    with connect() as where:
        assert (where.service, where.url, where.model) == ("openai", url, "large")
        assert models_by_openai() == ["large", "small"]
    assert "cost money" not in capsys.readouterr().out  # it runs on this computer
    with connect(model="small") as where:
        assert where.model == "small"


@pytest.mark.parametrize(
    ("key", "base", "said"),
    [
        ("", "{url}/v1", "OPENAI_API_KEY is not set.*never in a notebook"),
        ("sk-wrong", "{url}/v1", "refuses the key in OPENAI_API_KEY"),
        ("sk-right", CLOSED, "Nothing answers at http://127.0.0.1:9.*OPENAI_BASE_URL"),
    ],
)
def test_an_api_that_cannot_answer_says_why(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, key: str, base: str, said: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    monkeypatch.setenv("OPENAI_BASE_URL", base.format(url=plant(models("large"))))
    with pytest.raises(NoConnection, match=said):
        connect("openai")
    assert os.environ["OPENAI_API_KEY"] == key


def test_a_key_that_may_not_list_models_may_still_answer(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-right")
    monkeypatch.setenv("OPENAI_BASE_URL", plant({"/v1/models": (403, {})}) + "/v1")
    with connect("openai") as where:
        assert where.model == module.OPENAI_MODEL


def test_an_api_elsewhere_may_cost_money(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-right")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://models.example/v1")
    monkeypatch.setattr(module, "_ask", lambda *_: ["large"])
    connect("openai")
    assert "may cost money" in capsys.readouterr().out


@pytest.mark.parametrize(("service", "rest"), [("openai", models("large")), ("ollama", tags("large"))])
def test_a_lab_with_responses_needs_a_server_that_has_them(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, service: str, rest: dict[str, Any]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-right")
    for status in (400, 404):
        url = plant({**rest, "/v1/responses": (status, {})})
        monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v1")
        monkeypatch.setenv("OLLAMA_HOST", url)
        if status == 400:  # it knows them, and misses something to answer
            with connect(service, "large", protocol="responses") as where:
                assert where.service == service
        else:
            with pytest.raises(NoConnection, match=r"(?s)not Responses \(404\).*LAB_SERVICE=pebble"):
                connect(service, "large", protocol="responses")
            with connect(service, "large") as where:  # other labs do without
                assert where.service == service


@pytest.mark.parametrize("status", [200, 404, 501])
def test_who_gives_no_embeddings_is_helped_out(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    url = plant({**models("large"), "/v1/embeddings": (status, {})})
    monkeypatch.setenv("OPENAI_API_KEY", "sk-right")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v1")
    with connect("openai", embeddings=True) as where:
        said = capsys.readouterr().out
        if status == 200:
            assert (where.embedding_model, where.embedding_base_url) == ("text-embedding-3-small", None)
            assert "embeddings" not in said
            return
        assert "no embeddings by text-embedding-3-small" in said
        with openai.OpenAI(base_url=where.embedding_base_url) as embedder:
            reply = embedder.embeddings.create(model=where.embedding_model, input="Hello!")
        assert len(reply.data[0].embedding) == 384
        assert models_by_openai() == ["large"]  # all else is asked where it was
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(str(where.embedding_base_url))


def test_a_lab_in_ollamas_protocol_says_so_to_an_api() -> None:
    with pytest.raises(NoConnection, match="Ollama's protocol"):
        connect("openai", protocol="ollama")


def test_a_service_that_there_is_not_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SERVICE", "opanai")
    with pytest.raises(NoConnection, match='"opanai".*pebble, ollama or openai'):
        connect()


def test_a_notebook_shows_the_reason_without_a_traceback() -> None:
    assert NoConnection("why")._render_traceback_() == ["NoConnection: why"]
