"""Pebble behind the two protocols that programs speak to language models: OpenAI's and Ollama's, on one port.

    pebble serve                       or: python -m pebble.server

    with pebble.server.running() as url:
        client = openai.OpenAI(base_url=f"{url}/v1", api_key="none")
        client = ollama.Client(url)

It answers this machine only, unless told otherwise, and writes nothing down. It is no place for secrets or
crowds: there are no accounts, and one core computes for everybody in turn. Where a request does not say how
to draw, Pebble takes the likeliest token (temperature 0), as a model this small cannot afford chance.
"""

import argparse
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

# Before NumPy is imported: matrices as small as Pebble's are multiplied fastest by one thread. With two, on a
# busy machine, they took three times as much of the processor.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from pebble.mixture import load_model
from pebble.serving import catalogue, embedding, ollama, openai_chat, openai_responses
from pebble.serving.embedding import Embedder
from pebble.serving.engine import Engine
from pebble.serving.http import Handler, Protocol, Slots, as_refusal, endpoint, error_response
from pebble.serving.refusal import Refused
from pebble.tokenizer import WEIGHTS

PORT = 11435  # one above Ollama's
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SLOTS, QUEUE = 8, 256  # answers computed in turn, and requests that may wait


def load(folder: Path | str = WEIGHTS) -> Engine:
    """An engine with the stored weights. Raises FileNotFoundError, with what to do, if there are none."""
    model = load_model(folder)
    return Engine(model, created=(Path(folder) / "model.safetensors").stat().st_mtime)


def app(
    engine: Engine | None = None, embedder: Embedder | None = None, *, slots: int = SLOTS, queue: int = QUEUE
) -> Starlette:
    """The whole server as an ASGI application."""
    engine, embedder, room = engine or load(), embedder or Embedder(), Slots(slots, queue)
    encoders = Slots(1, queue)  # the embedding model already uses a whole core for one request

    def post(path: str, protocol: Protocol, handler: Handler, slots: Slots = room) -> Route:
        return Route(path, endpoint(protocol, handler, slots), methods=["POST"])

    def get(path: str, protocol: Protocol, describe: Any) -> Route:
        async def respond(request: Request) -> Response:
            try:
                return JSONResponse(describe(**request.path_params))
            except Exception as error:
                return error_response(protocol, as_refusal(error))

        return Route(path, respond, methods=["GET"])

    theirs = ollama.PROTOCOL
    routes = [
        Route("/", lambda request: PlainTextResponse("Pebble is running"), methods=["GET"]),
        get("/v1/models", openai_chat.PROTOCOL, partial(catalogue.models, engine, embedder)),
        get("/v1/models/{name:path}", openai_chat.PROTOCOL, partial(catalogue.model, engine)),
        post("/v1/chat/completions", openai_chat.PROTOCOL, partial(openai_chat.handle, engine)),
        post("/v1/responses", openai_responses.PROTOCOL, partial(openai_responses.handle, engine)),
        post("/v1/embeddings", openai_chat.PROTOCOL, partial(embedding.handle_openai, embedder), encoders),
        get("/api/version", theirs, lambda: {"version": catalogue.version()}),
        get("/api/tags", theirs, partial(catalogue.tags, engine, embedder)),
        get("/api/ps", theirs, partial(catalogue.running, engine, embedder)),
        post("/api/show", theirs, partial(catalogue.show, engine)),
        post("/api/pull", theirs, partial(catalogue.pull, embedder)),
        post("/api/chat", theirs, partial(ollama.handle_chat, engine)),
        post("/api/generate", theirs, partial(ollama.handle_generate, engine)),
        post("/api/embed", theirs, partial(embedding.handle_embed, embedder), encoders),
        post("/api/embeddings", theirs, partial(embedding.handle_embeddings, embedder), encoders),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: not_here})


async def not_here(request: Request, error: Exception) -> Response:
    """The reply for a path or method that there is not, in the protocol that was probably meant."""
    assert isinstance(error, HTTPException)
    refused = Refused(
        error.status_code, f"Pebble's server does not offer {request.method} {request.url.path}"
    )
    protocol = openai_chat.PROTOCOL if request.url.path.startswith("/v1") else ollama.PROTOCOL
    return error_response(protocol, refused)


class OnlyForThisMachine:
    """Refuses requests that reached a local server under a foreign name, or from a foreign web page.

    A web page can have its own domain name point to 127.0.0.1 and then talk to us as if we were its own
    server ("DNS rebinding"). The name that it used is in the Host header. Without that it may not read our
    answers, but could still have us compute; browsers name the page in the Origin header.
    """

    def __init__(self, server: ASGIApp) -> None:
        self.server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = {key: value.decode("latin-1").lower() for key, value in scope["headers"]}
            origin = headers.get(b"origin", "").rpartition("://")[2]  # "null" of a page without a home
            if not {name_of(headers.get(b"host", "")), name_of(origin)}.issubset(["", *LOOPBACK]):
                text = "This server answers only requests of localhost. To change that, start it with --host."
                await PlainTextResponse(text, 403)(scope, receive, send)
                return
        await self.server(scope, receive, send)


def name_of(host: str) -> str:
    """A host without its port.

    >>> name_of("localhost:80"), name_of("[::1]:80")
    ('localhost', '::1')
    """
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def configuration(server: ASGIApp, host: str, *, access_log: bool = False) -> uvicorn.Config:
    guarded = OnlyForThisMachine(server) if host in LOOPBACK else server
    quiet: dict[str, Any] = {"log_level": "warning", "server_header": False, "lifespan": "off", "ws": "none"}
    if access_log:
        quiet["log_level"] = "info"
    return uvicorn.Config(guarded, access_log=access_log, timeout_graceful_shutdown=1, **quiet)


@contextmanager
def running(
    engine: Engine | None = None, *, host: str = "127.0.0.1", port: int = 0, **more: Any
) -> Iterator[str]:
    """A server in the background, for as long as the block lasts; gives its URL. Port 0 takes any free one.

    engine: another than the stored weights'. more: embedder, slots, queue, as for `app`.
    """
    listener = listen(host, port)
    server = uvicorn.Server(configuration(app(engine, **more), host))
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, daemon=True, name="pebble server"
    )
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("The server ended before it had begun. Its log says why.")
        time.sleep(0.005)
    try:
        yield address(listener, host)
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()


def listen(host: str, port: int) -> socket.socket:
    """An open socket. Raises OSError if the port is taken or the host is not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol by name: asyncio turns off Nagle's algorithm only where it reads TCP here, and with it on,
    # every answer waits for the client's delayed acknowledgement, 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def address(listener: socket.socket, host: str) -> str:
    """The URL at which an open socket is reached."""
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: `pebble serve`. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="pebble", description="A tiny language model.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    serve = verbs.add_parser("serve", help="serve Pebble over OpenAI's and Ollama's protocols")
    serve.add_argument(
        "--host", default="127.0.0.1", help="0.0.0.0 lets other machines in (default: %(default)s)"
    )
    serve.add_argument("--port", type=int, default=PORT, help="(default: %(default)s)")
    serve.add_argument(
        "--weights", type=Path, default=WEIGHTS, metavar="FOLDER", help="another model's weights"
    )
    serve.add_argument(
        "--slots", type=int, default=SLOTS, help="answers computed in turn (default: %(default)s)"
    )
    serve.add_argument(
        "--queue", type=int, default=QUEUE, help="requests that may wait (default: %(default)s)"
    )
    serve.add_argument("--verbose", action="store_true", help="log every request and the details of errors")
    options = parser.parse_args(arguments)
    if options.slots < 1 or options.queue < 0:
        parser.error("--slots must be at least 1 and --queue at least 0")
    try:
        server = app(load(options.weights), slots=options.slots, queue=options.queue)
        listener = listen(options.host, options.port)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    except (OSError, OverflowError) as error:
        print(f"Cannot listen on {options.host}, port {options.port}: {error}. Try --port.", file=sys.stderr)
        return 1
    logging.basicConfig(level=logging.DEBUG if options.verbose else logging.WARNING, format="%(message)s")
    url = address(listener, options.host)
    print(f"Pebble listens on {url} (OpenAI: {url}/v1, Ollama: {url}). Stop with Ctrl+C.", flush=True)
    uvicorn.Server(configuration(server, options.host, access_log=options.verbose)).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main(["serve", *sys.argv[1:]]))
