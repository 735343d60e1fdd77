"""A server that fails on purpose, in front of one that works: to see what a client makes of it.

    with faulty(where.url, [429, 500]) as faults:
        client = openai.OpenAI(base_url=f"{faults.url}/v1")
        client.responses.create(...)  # two refusals, then an answer
    faults.seen                       # what came of each request, and when

What a request gets is planned, one entry each; when the plan is used up, every request is passed on.

    None        the answer of the server behind
    429, 500    an error with that status; 429 asks to wait for a second
    "slow"      the answer, but late
    "cut"       half of the answer, then the connection breaks
    "short"     half of the answer, and an orderly end, as if that were all
    "garbage"   what is no JSON
"""

import http.client
import json
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Fault = int | str | None
PATIENCE = 600  # seconds for the server behind, as long as OpenAI's client has: a real model may think

HALVES = ("cut", "short")
KNOWN = (None, "slow", "garbage", *HALVES)


@dataclass(frozen=True)
class Seen:
    """One request: what it got, and the seconds since the first one came."""

    fault: Fault
    at: float


@dataclass
class Faults:
    """A running server. seen: every request so far. most_at_once: of all requests that it had in hand."""

    url: str
    seen: list[Seen] = field(default_factory=list)
    most_at_once: int = 0


class Server(ThreadingHTTPServer):
    daemon_threads = True
    # Its default of 5 refuses most of a dozen clients that come in one moment, and TCP lets them
    # knock again only a second later: that second would be in the lab's measurements.
    request_queue_size = 128


@contextmanager
def faulty(
    behind: str, plan: Iterable[Fault] = (), *, delay: float = 2.0, latency: float = 0.0
) -> Iterator[Faults]:
    """A failing server in front of the one at `behind`, for as long as the block lasts.

    delay: seconds that a "slow" answer takes. latency: seconds that every request takes, as on a long way.
    Raises ValueError for a fault that there is not.
    """
    planned = deque(plan)
    for fault in planned:
        if fault not in KNOWN and not (isinstance(fault, int) and 400 <= fault < 600):
            raise ValueError(f"{fault!r} is no fault; there are 4xx, 5xx and {KNOWN}")
    lock, closing = threading.Lock(), threading.Event()
    at_once = 0

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            nonlocal at_once
            with lock:
                now, at_once = time.monotonic(), at_once + 1
                fault = planned.popleft() if planned else None
                faults.seen.append(Seen(fault, now - started.setdefault("at", now)))
                faults.most_at_once = max(faults.most_at_once, at_once)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            closing.wait(latency + (delay if fault == "slow" else 0))
            # A client that gave up waiting listens no more, and the server behind may break off as well.
            try:
                with suppress(OSError, http.client.HTTPException):
                    self.answer(fault, body)
            finally:
                with lock:
                    at_once -= 1

        do_GET = do_POST

        def answer(self, fault: Fault, body: bytes) -> None:
            if isinstance(fault, int):
                error: object = f"a planned {fault}"
                if not self.path.startswith("/api/"):  # OpenAI's errors are objects, Ollama's only texts
                    error = {"message": error, "type": "planned", "param": None, "code": None}
                return self.send(fault, "application/json", json.dumps({"error": error}).encode())
            key = self.headers.get("Authorization", "")
            status, kind, content = forward(behind, self.command, self.path, body, key)
            if fault == "garbage":
                return self.send(status, kind, b"<html>a proxy in between says that it is sorry</html>")
            half = content[: len(content) // 2] if fault in HALVES else content
            return self.send(status, kind, half, len(content) if fault == "cut" else len(half))

        def send(self, status: int, kind: str, content: bytes, announced: int | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content) if announced is None else announced))
            if status == 429:
                self.send_header("Retry-After", "1")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass  # the learner looks at `seen`

    started: dict[str, float] = {}
    server = Server(("127.0.0.1", 0), Handler)
    faults = Faults(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="faults")
    thread.start()
    try:
        yield faults
    finally:
        closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def forward(behind: str, method: str, path: str, body: bytes, key: str) -> tuple[int, str, bytes]:
    """Ask the server behind, and give its whole answer: status, content type, content."""
    there = urlsplit(behind)
    secure = there.scheme == "https"
    connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = connect(there.netloc, timeout=PATIENCE)
    try:
        headers = {"Content-Type": "application/json", "Authorization": key}
        connection.request(method, there.path.rstrip("/") + path, body, headers)
        response = connection.getresponse()
        return response.status, response.headers["Content-Type"], response.read()
    finally:
        connection.close()
