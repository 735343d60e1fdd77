"""The server that fails on purpose fails as it says, and leaves nothing running."""

import http.client
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pebble.faults import Server, faulty

WHOLE = json.dumps({"answer": 42}).encode()


@pytest.fixture
def behind() -> Iterator[str]:
    """A server that always answers, with what it was asked and by whom in headers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(WHOLE)
            asked.append((self.path, self.headers["Authorization"]))

        def log_message(self, *_: object) -> None:
            pass

    asked: list[tuple[str, str]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = asked  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/base/"
    server.shutdown()
    server.server_close()
    assert all(path.startswith("/base/v1/") and key == "Bearer k" for path, key in asked)


def ask(url: str, path: str = "/v1/x", timeout: float = 30) -> bytes:
    request = urllib.request.Request(url + path, b"{}", {"Authorization": "Bearer k"})
    with urllib.request.urlopen(request, timeout=timeout) as response:
        return bytes(response.read())


def test_it_follows_its_plan_and_then_passes_everything_on(behind: str) -> None:
    with faulty(behind, [429, None, "garbage", "short"]) as faults:
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask(faults.url)
        with caught.value as error:
            assert (error.code, error.headers["Retry-After"]) == (429, "1")
            assert json.load(error)["error"]["message"] == "a planned 429"
        assert ask(faults.url) == WHOLE
        with pytest.raises(ValueError, match="Expecting value"):
            json.loads(ask(faults.url))
        assert ask(faults.url) == WHOLE[: len(WHOLE) // 2]
        assert ask(faults.url) == WHOLE
        assert [seen.fault for seen in faults.seen] == [429, None, "garbage", "short", None]
        assert faults.seen[0].at == 0 <= faults.seen[-1].at
        assert faults.most_at_once == 1


def test_a_cut_answer_announces_more_than_it_sends(behind: str) -> None:
    with faulty(behind, ["cut"]) as faults, pytest.raises(http.client.IncompleteRead):
        ask(faults.url)


def test_an_error_in_ollamas_protocol_is_a_text(behind: str) -> None:
    with faulty(behind, [500]) as faults, pytest.raises(urllib.error.HTTPError) as caught:
        ask(faults.url, "/api/chat")
    with caught.value as error:
        assert json.load(error) == {"error": "a planned 500"}


def test_a_client_that_gives_up_does_not_keep_it_waiting(behind: str) -> None:
    before, began = threading.active_count(), time.monotonic()
    with faulty(behind, ["slow"], delay=600) as faults, pytest.raises(TimeoutError):
        ask(faults.url, timeout=0.2)
    while threading.active_count() > before and time.monotonic() < began + 60:
        time.sleep(0.01)
    assert threading.active_count() == before
    assert time.monotonic() < began + 60


def test_a_server_behind_that_breaks_off_is_told_to_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    """The client's connection ends without an answer, and the next request is the only one in hand."""
    with socket.create_server(("127.0.0.1", 0)) as behind:

        def answer() -> None:
            for _ in range(3):
                with behind.accept()[0] as connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")

        thread = threading.Thread(target=answer)
        thread.start()
        with faulty(f"http://127.0.0.1:{behind.getsockname()[1]}") as faults:
            for _ in range(3):
                with pytest.raises(http.client.RemoteDisconnected):
                    ask(faults.url)
            assert faults.most_at_once == 1
        thread.join()
    assert capfd.readouterr().err == ""


def test_a_hundred_clients_may_come_in_one_moment() -> None:
    """Nobody is accepted yet, so all of them wait in the queue; who finds no place there gets no connection."""
    with ExitStack() as stack:
        server = stack.enter_context(Server(("127.0.0.1", 0), BaseHTTPRequestHandler))
        for _ in range(100):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.server_port), timeout=0.5))


@pytest.mark.parametrize("fault", ["broken", 200, 999])
def test_a_fault_that_there_is_not_is_refused(behind: str, fault: object) -> None:
    with pytest.raises(ValueError, match="is no fault"), faulty(behind, [fault]):
        pass
