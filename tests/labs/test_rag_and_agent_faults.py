"""Labs 04 and 06 when something breaks: each fault gets the message that the lab promises.

The functions are taken out of the notebooks' cells, so that what is tested is what the learner reads.
"""

import gc
import hashlib
import json
import logging
import re
import shutil
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import openai
import psutil
import pytest
from colab_setup import commands_on_colab

from sitekit import notebooks

LLMS = notebooks.ROOT / "labs" / "llms"
RAG, AGENTS = LLMS / "04-rag-basics.ipynb", LLMS / "06-agents-intro.ipynb"

# qdrant-client leaves it to the garbage collector to close what a failed write has opened.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def cell(path: Path, cell_id: str, before: str = "") -> str:
    """The source of a cell, up to the line that begins with `before`."""
    (source,) = (cell.source for cell in notebooks.read(path).cells if cell.id == cell_id)
    return str(
        re.split(rf"^{re.escape(before)}", source, maxsplit=1, flags=re.MULTILINE)[0] if before else source
    )


class FakeEmbeddings:
    """Answers embeddings.create with a vector made from the text's digest. `fails` may stop it."""

    def __init__(self) -> None:
        self.fails: Callable[[list[str]], None] = lambda texts: None

    def create(self, model: str, input: list[str]) -> Any:
        self.fails(input)
        digests = [hashlib.sha256(text.encode()).digest() for text in input]
        return SimpleNamespace(data=[SimpleNamespace(embedding=[float(x) for x in d[:8]]) for d in digests])


@pytest.fixture
def rag() -> Iterator[dict[str, Any]]:
    """The names that lab 04 defines for its index and its answers, with a fake embedding model."""
    names: dict[str, Any] = {}
    exec(cell(RAG, "setup", before="where = connect()"), names)
    names["embedder"] = SimpleNamespace(embeddings=FakeEmbeddings())
    names["where"] = SimpleNamespace(model="m", embedding_model="e", is_pebble=True)
    names["SETTINGS"] = {"temperature": 0}
    # Dataclasses look their module up.
    names["__name__"] = __name__
    exec(cell(RAG, "load", before="DROPPED = ").partition("PAGES = ")[0], names)
    exec("@dataclass(frozen=True)\nclass Chunk:\n    page: str\n    heading: str\n    text: str", names)
    exec(cell(RAG, "chunk", before="STRATEGIES = "), names)
    exec(cell(RAG, "store", before="build(workspace"), names)
    exec(cell(RAG, "answer", before="sources = ["), names)
    yield names
    names["temporary"].cleanup()
    gc.collect()  # here, where its warnings are expected, and not in the middle of another test


def chunks(names: dict[str, Any], page: str, count: int) -> list[Any]:
    return [names["Chunk"](page, "Heading", f"Sentence {n} of {page} {'long ' * 40}") for n in range(count)]


@pytest.fixture
def old_index(rag: dict[str, Any], tmp_path: Path) -> Path:
    """A whole index with three chunks, from before the fault."""
    folder = tmp_path / "index"
    rag["build"](folder, {"old": chunks(rag, "old.md", 3)})
    return folder


def assert_untouched(rag: dict[str, Any], folder: Path) -> None:
    with closing(rag["open_index"](folder)) as db:
        assert db.count("old").count == 3


# --- lab 04: the index -----------------------------------------------------------------------------


def full_after(pages: int) -> Callable[..., sqlite3.Connection]:
    """sqlite3.connect for a disk with room for so many pages of 4 kB, then full."""
    connect = sqlite3.connect

    def limited(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    return limited


def test_a_full_disk_leaves_the_old_index(
    rag: dict[str, Any], old_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qdrant_client.local.persistence.sqlite3.connect", full_after(8))
    with pytest.raises(rag["IndexFault"]) as fault:
        rag["build"](old_index, {"new": chunks(rag, "new.md", 60)})
    monkeypatch.undo()
    assert str(fault.value).startswith("No index was written to index: database or disk is full. Make room")
    assert [path.name for path in old_index.parent.iterdir()] == ["index"]  # nothing half-written is left
    assert_untouched(rag, old_index)


def test_a_write_that_the_system_refuses_leaves_the_old_index(rag: dict[str, Any], old_index: Path) -> None:
    """A real failed write: files may not grow beyond 60 kB."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
    try:
        with pytest.raises(rag["IndexFault"], match="No index was written to index: .*Make room on the disk"):
            rag["build"](old_index, {"new": chunks(rag, "new.md", 200)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert_untouched(rag, old_index)


def test_an_interrupted_build_leaves_the_old_index_and_does_not_hinder_the_next(
    rag: dict[str, Any], old_index: Path
) -> None:
    def stop(texts: list[str]) -> None:
        if any("second.md" in text for text in texts):
            raise KeyboardInterrupt

    rag["embedder"].embeddings.fails = stop
    new = {"first": chunks(rag, "first.md", 2), "second": chunks(rag, "second.md", 2)}
    with pytest.raises(KeyboardInterrupt):
        rag["build"](old_index, new)
    assert_untouched(rag, old_index)

    rag["embedder"].embeddings.fails = lambda texts: None
    rag["build"](old_index, new)
    with closing(rag["open_index"](old_index)) as db:
        assert [db.count(name).count for name in new] == [2, 2]
    assert [path.name for path in old_index.parent.iterdir()] == ["index"]


def names_beside(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.parent.iterdir())


@pytest.mark.parametrize("failing", [OSError("in use"), KeyboardInterrupt()])
@pytest.mark.parametrize("number", [1, 2])
def test_a_swap_that_fails_or_is_cut_off_loses_no_index(
    rag: dict[str, Any], old_index: Path, number: int, failing: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the two renames fails, or is where the program is killed."""
    rename, renames = Path.rename, []

    def limited(path: Path, target: Path) -> Path:
        renames.append(path)
        if len(renames) == number:
            raise failing
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", limited)
    with pytest.raises(rag["IndexFault"] if isinstance(failing, OSError) else KeyboardInterrupt):
        rag["build"](old_index, {"new": chunks(rag, "new.md", 2)})
    monkeypatch.undo()
    if isinstance(failing, OSError):
        assert names_beside(old_index) == ["index"]
        assert_untouched(rag, old_index)
    elif number == 2:  # as the lab says
        assert names_beside(old_index) == ["index.old", "index.part"]
        with pytest.raises(rag["IndexFault"], match="holds no complete index"):
            rag["open_index"](old_index)

    # The next build puts the old index back even if it fails itself.
    with gone() as url, client_of(url) as rag["embedder"], pytest.raises(ConnectionError):
        rag["build"](old_index, {"new": chunks(rag, "new.md", 2)})
    rag["embedder"] = SimpleNamespace(embeddings=FakeEmbeddings())
    assert names_beside(old_index) == ["index"]
    assert_untouched(rag, old_index)


def lose_the_mark(folder: Path) -> None:
    (folder / "complete").unlink()


def cut_the_points(folder: Path) -> None:
    file = folder / "collection" / "old" / "storage.sqlite"
    file.write_bytes(file.read_bytes()[:3000])


def empty_the_points(folder: Path) -> None:
    (folder / "collection" / "old" / "storage.sqlite").write_bytes(b"")


def cut_the_list(folder: Path) -> None:
    file = folder / "meta.json"
    file.write_text(file.read_text()[:40])


def spoil_a_point(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "collection" / "old" / "storage.sqlite")) as connection:
        connection.execute("UPDATE points SET point = x'80'")
        connection.commit()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lose_the_mark, r"index holds no complete index. Build it: build\(folder, …\)."),
        (cut_the_points, r"The index in index is damaged \(.+\). Delete the folder, and build it again."),
        (empty_the_points, r"The index in index is damaged \(points are missing in old\). Delete"),
        (cut_the_list, r"The index in index is damaged \(.+\). Delete the folder, and build it again."),
        (spoil_a_point, r"The index in index is damaged \(.+\). Delete the folder, and build it again."),
    ],
)
def test_a_half_written_index_is_told(
    rag: dict[str, Any], old_index: Path, damage: Callable[[Path], None], said: str
) -> None:
    damage(old_index)
    with pytest.raises(rag["IndexFault"], match=said):
        rag["open_index"](old_index)
    shutil.rmtree(old_index)  # as the message says
    rag["build"](old_index, {"old": chunks(rag, "old.md", 3)})
    assert_untouched(rag, old_index)


def test_no_index_at_all_is_told(rag: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(rag["IndexFault"], match="nowhere holds no complete index"):
        rag["open_index"](tmp_path / "nowhere")


# --- lab 04: changed and deleted pages ---------------------------------------------------------------


@pytest.fixture
def synced(rag: dict[str, Any], old_index: Path) -> Iterator[Any]:
    """The database of the old index; `sync` makes each line of a page a chunk."""
    exec(cell(RAG, "sync", before="def in_files"), rag)
    rag["page_chunks"] = lambda page, text: [rag["Chunk"](page, "", line) for line in text.splitlines()]
    with closing(rag["open_index"](old_index)) as db:
        yield db


def test_an_index_with_a_page_deleted_on_purpose_opens(
    rag: dict[str, Any], old_index: Path, synced: Any
) -> None:
    done = rag["sync"](synced, "old", {"new.md": "One line."}, old_index)
    assert done == {"new.md": "added", "old.md": "deleted"}
    synced.close()
    with closing(rag["open_index"](old_index)) as db:
        assert db.count("old").count == 1
    empty_the_points(old_index)  # and what is lost by accident is still told
    with pytest.raises(rag["IndexFault"], match="points are missing in old"):
        rag["open_index"](old_index)


def test_an_index_whose_sync_was_cut_off_is_told(rag: dict[str, Any], old_index: Path, synced: Any) -> None:
    with gone() as url, client_of(url) as rag["embedder"], pytest.raises(ConnectionError):
        rag["sync"](synced, "old", {"old.md": "Another line."}, old_index)
    synced.close()
    with pytest.raises(rag["IndexFault"], match="holds no complete index"):
        rag["open_index"](old_index)


def test_a_page_without_text_is_no_fault(rag: dict[str, Any], old_index: Path, synced: Any) -> None:
    assert rag["sync"](synced, "fresh", {"pictures.md": ""}) == {"pictures.md": "added"}
    done = rag["sync"](synced, "old", {"old.md": ""}, old_index)
    assert done == {"old.md": "replaced"}
    synced.close()
    with closing(rag["open_index"](old_index)) as db:
        assert db.count("old").count == 0


def test_sync_sees_the_pages_beyond_the_first_thousand_points(
    rag: dict[str, Any], synced: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scroll = synced.scroll
    monkeypatch.setattr(synced, "scroll", lambda *args, limit, **options: scroll(*args, limit=2, **options))
    pages = {f"{n}.md": f"Line {n}." for n in range(5)}
    rag["sync"](synced, "many", pages)
    assert set(rag["sync"](synced, "many", pages).values()) == {"as it was"}
    assert rag["sync"](synced, "many", {"4.md": "Line 4."}) == {f"{n}.md": "deleted" for n in range(4)} | {
        "4.md": "as it was"
    }


# --- both labs: the model's server -----------------------------------------------------------------


@contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does with each connection what `answer` says; gives its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                kept.append(connection)
                answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        for connection in kept:
            connection.close()


@contextmanager
def refusing(status: int, message: str) -> Iterator[str]:
    """A server that answers every request with an error in OpenAI's form; gives its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps({"error": {"message": message}}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


@contextmanager
def gone() -> Iterator[str]:
    """The URL of a server that has ended."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    yield f"http://127.0.0.1:{port}/v1"


def killed() -> Any:
    """A server that is killed while it answers."""
    half = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"

    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(half)
        connection.close()

    return listening(answer)


def slow() -> Any:
    """A server that takes the request and never answers."""
    return listening(lambda connection: None)


NOBODY = r"No model answers at http://127\.\S+\. Run the first cell again: it finds who is there\.$"
TOO_LONG = r"The model at http://127\.\S+ took too long\. Give the client a longer timeout\.$"
OUT_OF_REACH = [(gone, NOBODY), (killed, NOBODY), (slow, TOO_LONG)]


def client_of(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=url, api_key="none", max_retries=0, timeout=0.5)


@pytest.mark.parametrize(("server", "said"), OUT_OF_REACH)
def test_a_reader_out_of_reach_is_told(rag: dict[str, Any], server: Callable[[], Any], said: str) -> None:
    with server() as url, client_of(url) as rag["client"], pytest.raises(ConnectionError, match=said):
        rag["read"]("What?", ["A sentence."])


@pytest.mark.parametrize(("server", "said"), OUT_OF_REACH)
def test_an_embedder_out_of_reach_is_told_and_leaves_the_old_index(
    rag: dict[str, Any], old_index: Path, server: Callable[[], Any], said: str
) -> None:
    exec(cell(RAG, "search", before="def fuse"), rag)
    with server() as url, client_of(url) as rag["embedder"]:
        with pytest.raises(ConnectionError, match=said):
            rag["search"]("What?")
        with pytest.raises(ConnectionError, match=said):
            rag["build"](old_index, {"new": chunks(rag, "new.md", 2)})
    assert names_beside(old_index) == ["index"]
    assert_untouched(rag, old_index)


def test_an_embedder_that_refuses_is_told(rag: dict[str, Any]) -> None:
    server = refusing(404, "model 'e' not found")
    said = r"The server at http://127.* refused: .*model 'e' not found"
    with server as url, client_of(url) as rag["embedder"], pytest.raises(ConnectionError, match=said):
        rag["embed"](["A text."])


@pytest.mark.parametrize(
    ("status", "message"), [(401, "Incorrect API key"), (404, "model 'm' not found"), (400, "too long")]
)
def test_a_reader_that_refuses_is_told(rag: dict[str, Any], status: int, message: str) -> None:
    said = rf"The server at http://127.* refused: .*{message}"
    server = refusing(status, message)
    with server as url, client_of(url) as rag["client"], pytest.raises(ConnectionError, match=said):
        rag["read"]("What?", ["A sentence."])


@pytest.fixture
def agents() -> dict[str, Any]:
    """The names that lab 06 defines for its agent."""
    names: dict[str, Any] = {"__name__": __name__}
    exec(cell(AGENTS, "setup", before="where = connect()"), names)
    names["where"] = SimpleNamespace(model="m", is_pebble=True)
    names["SETTINGS"] = {"temperature": 0}
    exec(cell(AGENTS, "tools", before="SECTIONS = "), names)
    names["TOOLS"] = {"calculate": names["calculate"]}
    exec(cell(AGENTS, "api", before="question = "), names)
    exec(cell(AGENTS, "agent", before="for question in"), names)
    exec(cell(AGENTS, "script", before="BEGAN_AND_ENDED = "), names)
    return names


NO_MODEL = "no model answers at {}/: run the first cell again"


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (gone, NO_MODEL),
        (killed, NO_MODEL),
        (slow, "the model took too long: give the client a longer timeout"),
    ],
)
def test_an_agent_whose_model_is_out_of_reach_stops_and_says_so(
    agents: dict[str, Any], server: Callable[[], Any], said: str
) -> None:
    with server() as url, client_of(url) as agents["client"]:
        run = agents["agent"]("What is 6 times 7?")
    assert run.answer is None
    assert run.stopped == said.format(url)


def test_an_agent_whose_model_ends_midway_keeps_its_trace(agents: dict[str, Any]) -> None:
    first = agents["script"]([agents["call"]("calculate", {"expression": "6 * 7"})])
    with gone() as url, client_of(url) as agents["client"]:

        def model(messages: list[Any], schemas: list[Any]) -> Any:
            return (first if len(messages) == 1 else agents["ask_model"])(messages, schemas)

        run = agents["agent"]("What is 6 times 7?", model=model)
    assert run.stopped.startswith("no model answers")
    assert [(kind, text) for kind, text, *_ in run.events][-1] == ("result", "42")


@pytest.mark.parametrize(("reason", "said"), [("stop", "It is 4"), ("length", "It is 4 [cut off]")])
def test_an_agent_marks_an_answer_that_was_cut_off(agents: dict[str, Any], reason: str, said: str) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "It is 4"}, "finish_reason": reason}
    used = {"prompt_tokens": 5, "completion_tokens": 200, "total_tokens": 205}
    body = {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [choice],
        "usage": used,
    }
    reply = openai.types.chat.ChatCompletion.model_validate(body)
    completions = SimpleNamespace(create=lambda **given: reply)
    agents["client"] = SimpleNamespace(chat=SimpleNamespace(completions=completions), base_url="http://x")
    assert agents["agent"]("What is 42?").answer == said


@pytest.mark.parametrize(
    ("status", "message"), [(401, "Incorrect API key"), (404, "model 'm' not found"), (400, "too long")]
)
def test_an_agent_whose_server_refuses_stops_and_says_so(
    agents: dict[str, Any], status: int, message: str
) -> None:
    with refusing(status, message) as url, client_of(url) as agents["client"]:
        run = agents["agent"]("What is 6 times 7?")
    assert run.answer is None
    assert run.stopped.startswith("the model's server refused: ") and message in run.stopped


@pytest.mark.parametrize("arguments", ["", None, "{}"])
def test_no_arguments_are_an_empty_object(agents: dict[str, Any], arguments: str | None) -> None:
    """As some models and servers write them, for a tool without parameters."""
    call, calculate = agents["call"]("now", {}), agents["call"]("calculate", {})
    call["function"]["arguments"] = calculate["function"]["arguments"] = arguments
    tools = {"now": lambda: "noon", **agents["TOOLS"]}
    assert agents["execute"](call, tools, None, ()) == "noon"
    assert agents["execute"](calculate, tools, None, ()) == "Error: missing a required argument: 'expression'"


@pytest.mark.parametrize("arguments", ['{"expression": ', '["6 * 7"]', "null"])
def test_malformed_arguments_come_back_as_a_result(agents: dict[str, Any], arguments: str) -> None:
    call = agents["call"]("calculate", arguments)
    assert agents["execute"](call, agents["TOOLS"], None, ()) == "Error: the arguments are not a JSON object"


@pytest.mark.parametrize("expression", ["(" * 150 + ")" * 150, "1 / 0", "9" * 150 + " * 9", "", "a", "f(1)", "1 if 1 else 2", "'a' * 9"])  # fmt: skip
def test_no_sum_breaks_the_calculator(agents: dict[str, Any], expression: str) -> None:
    said = agents["execute"](
        agents["call"]("calculate", {"expression": expression}), agents["TOOLS"], None, ()
    )
    assert said.startswith("Error: ") or re.fullmatch(r"[\d.e+]+", said)


@pytest.mark.parametrize(
    ("expression", "right"),
    [("99999 * 999999", "99998900001"), ("84 / 2", "42"), ("1 / 3", "0.3333333333"), ("0.1 + 0.2", "0.3")],
)
def test_a_whole_number_keeps_all_its_digits(agents: dict[str, Any], expression: str, right: str) -> None:
    assert agents["calculate"](expression) == right


@pytest.mark.parametrize(
    ("quantity", "unit", "right"),
    [
        ("12345 m", "cm", "1234000 cm"),
        ("123456789 km", "cm", "12350000000000 cm"),
        ("0.1 in", "miles", "0.000001578 miles"),
        ("42 km", "miles", "26.1 miles"),
        ("0 m", "cm", "0 cm"),
    ],
)
def test_a_converted_quantity_has_no_exponent(
    agents: dict[str, Any], quantity: str, unit: str, right: str
) -> None:
    assert agents["convert"](quantity, unit) == right


def test_what_a_tool_did_not_mean_to_say_stays_in_the_log(
    agents: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    def look_up(item: str) -> str:
        raise KeyError("/srv/secret path")

    said = agents["execute"](agents["call"]("look_up", {"item": "cup"}), {"look_up": look_up}, None, ())
    assert said == "Error: look_up failed"
    assert "secret path" in caplog.text


@pytest.mark.parametrize("to", [["a@shop.example"], {"a": 1}, None, 7])
def test_a_rule_that_breaks_refuses(
    agents: dict[str, Any], caplog: pytest.LogCaptureFixture, to: object
) -> None:
    sent = []

    def send_message(to: str, body: str) -> None:
        sent.append(to)

    turn = [agents["call"]("send_message", {"to": to, "body": "20"})]
    run = agents["agent"](
        "?",
        {"send_message": send_message},
        agents["script"](turn, "Done."),
        confirm=lambda name, arguments: re.fullmatch(r"[\w.-]+@shop\.example", arguments["to"]),
        ask_first={"send_message"},
    )
    assert [text for kind, text, *_ in run.events if kind == "result"] == [
        "Error: the user did not allow send_message"
    ]
    assert run.answer == "Done." and sent == []
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@pytest.mark.parametrize("answer", ["no", re.match("n", "no"), 1, None])
def test_only_true_allows(agents: dict[str, Any], answer: object) -> None:
    call, tools = agents["call"]("delete_all", {}), {"delete_all": lambda: "deleted"}
    run = agents["execute"]
    assert run(call, tools, lambda *_: answer, {"delete_all"}) == "Error: the user did not allow delete_all"
    assert run(call, tools, lambda *_: True, {"delete_all"}) == "deleted"


def test_a_message_whose_sending_failed_is_not_sent_again(agents: dict[str, Any]) -> None:
    class Late(list[Any]):
        def append(self, message: Any) -> None:
            super().append(message)
            raise TimeoutError  # it arrived, and nobody said so

    agents["OUTBOX"] = Late()
    exec(cell(AGENTS, "less-power", before="OUTBOX.clear"), agents)
    tools = {"message_me": agents["mailbox_of"]("me@shop.example")}
    call = agents["call"]("message_me", {"body": "20"})
    said = [agents["execute"](call, tools, None, ()) for _ in range(2)]
    assert said == ["Error: message_me failed", "already sent"]
    assert len(agents["OUTBOX"]) == 1


def test_one_text_is_sent_once_by_calls_at_the_same_time(agents: dict[str, Any]) -> None:
    class Slow(str):
        """A text that lets another thread run while it is looked up."""

        def __hash__(self) -> int:
            time.sleep(0.05)
            return super().__hash__()

    agents["OUTBOX"] = []
    exec(cell(AGENTS, "less-power", before="OUTBOX.clear"), agents)
    message_me = agents["mailbox_of"]("me@shop.example")
    said = []
    threads = [threading.Thread(target=lambda: said.append(message_me(Slow("20")))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["already sent", "already sent", "sent"]
    assert agents["OUTBOX"] == [("me@shop.example", "20")]


# --- lab 06: the judge of a run, and its picture ---------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "tools", "used", "answer", "right"),
    [
        ("40", ["calculate"], ["calculate"], "6 * 7 - 2 = 40.", True),  # one call in place of two
        ("40", ["calculate"], ["calculate"] * 3, "40", True),  # an error, and mended
        ("40", ["calculate"], [], "40", False),  # luck
        ("120", ["get_price", "calculate"], ["calculate", "get_price"], "120", True),
        ("120", ["get_price", "calculate"], ["get_price"], "120", False),
        ("2268", ["convert"], ["convert"], "5 pounds are 2,268 grams.", True),
        ("2268", ["convert"], ["convert"], "They are 12,268 grams.", False),
        ("268", ["convert"], ["convert"], "They are 2,268 grams.", False),
        ("31", ["days_between"], ["days_between"], "There are -31 days.", False),
        ("31", ["days_between"], ["days_between"], "There are 31.5 days.", False),
        ("31", ["days_between"], ["days_between"], "There are 310 days.", False),
        ("31", ["days_between"], ["days_between"], None, False),
        ("", [], [], "Hello", True),
        ("", [], [], " ", False),
        ("", [], [], None, False),
        ("", [], ["calculate"], "Hello!", False),
    ],
)
def test_a_run_is_judged(
    agents: dict[str, Any], expected: str, tools: list[str], used: list[str], answer: str | None, right: bool
) -> None:
    exec(cell(AGENTS, "evaluation", before="def evaluate"), agents)
    run = agents["Run"]("?", answer)
    for name in used:
        run.note("call", f"{name} {{}}")
    assert agents["succeeded"](run, expected, tools) is right


def test_a_bar_names_all_calls_of_its_message(
    agents: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    plt = agents["plt"]
    plt.switch_backend("agg")
    monkeypatch.setattr(plt, "show", lambda: None)
    exec("def draw" + cell(AGENTS, "trace", before="chain = ").partition("def draw")[2], agents)
    both = [agents["call"]("calculate", {"expression": sum}) for sum in ("1+1", "2+2")]
    agents["draw"](agents["agent"]("?", model=agents["script"](both, both[:1], "4")))
    one, two = ('calculate {"expression": "1+1"}', 'calculate {"expression": "2+2"}')
    labels = [text.get_text() for text in plt.gca().texts]
    plt.close()
    assert labels[0].startswith(f"{one}; ") and len(f"{one}; {two}") > 52  # and is cut to the bar
    assert labels[1:] == [one, "answer: 4"]


# --- lab 06: an MCP server -------------------------------------------------------------------------

SERVER = """
import os
from mcp.server.mcpserver import MCPServer
server = MCPServer("shop", log_level="WARNING")

@server.tool()
def get_stock(item: str) -> str:
    "the stock of an item"
    if item == "bomb":
        os._exit(3)
    return {"kettle": "12"}[item]

@server.tool()
def list_items() -> str:
    return "kettle"

@server.tool()
def find(count: int, word: str = "any") -> str:
    "items with a word"
    return f"{count} {word}"

@server.tool()
def wait() -> str:
    "an answer, much later"
    import time
    time.sleep(60)
    return "late"

server.run()
"""


@pytest.fixture
def mcp(agents: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """Lab 06's names for MCP, with a folder of the test's."""
    source = cell(AGENTS, "mcp-server", before="def visit")
    definitions = "class McpTools" + source.partition("class McpTools")[2]
    agents["folder"] = SimpleNamespace(name=str(tmp_path))
    exec(definitions, agents)
    (tmp_path / "server.py").write_text(SERVER)
    return agents


def running_in(folder: Path) -> list[psutil.Process]:
    """The processes whose command names a file in the folder."""
    processes = psutil.process_iter(["cmdline"])
    return [
        process for process in processes if any(str(folder) in part for part in process.info["cmdline"] or [])
    ]


def test_an_mcp_server_that_dies_in_a_call_is_a_result(mcp: dict[str, Any], tmp_path: Path) -> None:
    turns = [[mcp["call"]("get_stock", {"item": item})] for item in ("kettle", "bomb")]

    def visit(tools: Any, server: Any) -> Any:
        assert running_in(tmp_path)
        return mcp["agent"]("?", tools.functions(), mcp["script"](*turns, "It is gone."))

    run = mcp["with_server"](tmp_path / "server.py", visit)
    results = [text for kind, text, *_ in run.events if kind == "result"]
    assert results == ["12", "Error: the server of get_stock failed: Connection closed"]
    assert run.answer == "It is gone."
    assert not running_in(tmp_path)


def test_what_an_mcp_tool_did_not_mean_to_say_stays_in_its_log(mcp: dict[str, Any], tmp_path: Path) -> None:
    call = mcp["call"]("get_stock", {"item": "secret path"})

    def visit(tools: Any, server: Any) -> str:
        return str(mcp["execute"](call, tools.functions(), None, ()))

    said = mcp["with_server"](tmp_path / "server.py", visit)
    assert said == "Error: Error executing tool get_stock"
    assert "secret path" in (tmp_path / "server.log").read_text()


def test_an_mcp_tool_is_described_by_its_own_schema(mcp: dict[str, Any], tmp_path: Path) -> None:
    def visit(tools: Any, server: Any) -> tuple[Any, list[str]]:
        functions = tools.functions()
        described = {name: mcp["schema"](name, tool)["function"] for name, tool in functions.items()}
        calls = [{"count": 3}, {"count": 3, "word": None}, {"count": 3, "word": "cup"}, {"word": "cup"}]
        said = [mcp["execute"](mcp["call"]("find", given), functions, None, ()) for given in calls]
        return described, [*said, mcp["execute"](mcp["call"]("list_items", {}), functions, None, ())]

    described, said = mcp["with_server"](tmp_path / "server.py", visit)
    parameters = described["find"]["parameters"]
    assert parameters["required"] == ["count"]
    assert [parameters["properties"][name]["type"] for name in ("count", "word")] == ["integer", "string"]
    assert described["list_items"]["parameters"]["properties"] == {}
    assert described["list_items"]["description"] == ""
    assert said[:3] == ["3 any", "3 any", "3 cup"] and said[4] == "kettle"
    assert said[3].startswith("Error: ") and "count" in said[3] and "required" in said[3]


def test_an_mcp_server_that_hangs_is_a_result(mcp: dict[str, Any], tmp_path: Path) -> None:
    def visit(tools: Any, server: Any) -> str:
        tools.patience = 1
        return str(mcp["execute"](mcp["call"]("wait", {}), tools.functions(), None, ()))

    said = mcp["with_server"](tmp_path / "server.py", visit)
    assert said.startswith("Error: the server of wait failed: ") and "imed out" in said
    assert not running_in(tmp_path)


def test_a_program_that_is_no_mcp_server_is_told(mcp: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text("raise SystemExit('no module for this')")
    with pytest.raises(RuntimeError) as fault:
        mcp["with_server"](tmp_path / "server.py", lambda tools, server: None)
    expected = "server.py is no MCP server that runs. Its last words: no module for this"
    assert str(fault.value) == expected
    assert not running_in(tmp_path)


# --- both labs: Colab ------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "package"), [(RAG, "qdrant-client>=1.20"), (AGENTS, "mcp>=2")])
def test_on_colab_a_lab_installs_itself_or_says_what_it_needs(
    path: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_colab = cell(path, "setup", before="import ast" if path == AGENTS else "import hashlib")
    commands = commands_on_colab(on_colab, monkeypatch)
    assert commands[0][-2:] == ["https://example.org/them/project", "project"]
    assert any(package in command for command in commands)
    # Our exact versions would replace what Colab's notebook has loaded already, such as NumPy.
    assert not any("constraint" in part for command in commands for part in command)
    assert commands[-1] == ["project/labs/llms"]


# --- both labs: nothing is left behind ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        (RAG, ["setup", "load", "chunk", "few", "store"]),
        (AGENTS, ["setup", "tools", "api", "agent", "mcp-server"]),
    ],
)
@pytest.mark.parametrize("fails", [False, True])
def test_no_process_and_no_file_is_left(
    path: Path, ids: list[str], fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = nbformat.v4.new_code_cell("STRATEGIES = {'few': blocks[:2]}", id="few")
    cells = {c.id: c for c in [*notebooks.read(path).cells, few]}
    picked = [cells[cell_id] for cell_id in ids]
    if fails:
        picked.append(nbformat.v4.new_code_cell("1 / 0"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    made = nbformat.v4.new_notebook(cells=picked)
    beside = sorted(LLMS.rglob("*"))
    if fails:
        with pytest.raises(notebooks.NotebookError, match="ZeroDivisionError"):
            notebooks.execute(made, path)
    else:
        notebooks.execute(made, path)
    assert list(tmp_path.glob("lab-*")) == []
    assert sorted(LLMS.rglob("*")) == beside
    assert not running_in(tmp_path)
