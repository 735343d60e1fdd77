"""Between the wire and the protocols: bodies, slots, streams, hang-ups and errors.

A protocol is plain code: a function from a request's body to an `Answer`, whose events are computed one by
one as somebody asks for them. This module asks, in the server's only event loop: one token, then everybody
else's turn. So answers share the model without threads, locks or races.

One forward pass for all ("continuous batching") was measured and left out: with eight answers at once it
would cut the 1.25 ms that a streamed token costs to about 0.8, for a second forward pass beside model.py.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from pebble.serving.refusal import Refused, refusal

BODY_LIMIT = 4 * 1024 * 1024  # bytes
DRAIN_LIMIT = 64 * 1024 * 1024  # a body too large is read to its end, or the client would not hear our answer
PATIENCE = 30  # seconds that a client may take to make room for a piece of its answer

log = logging.getLogger("pebble")


@dataclass(frozen=True)
class Protocol:
    """How errors look, as JSON values, and how the events of a stream are written.

    stream_error: the event that tells of an error in a stream; its second argument says how many came before.
    """

    error: Callable[[Refused], Any]
    media_type: str
    frame: Callable[[Any], bytes]
    stream_error: Callable[[Refused, int], Any]
    end: bytes = b""


@dataclass(frozen=True)
class Answer:
    """Events, of which None means "no news, but a step was computed". stream: send each; else only the last.

    heavy: a step takes so long that it is computed in a thread.
    """

    events: Iterator[Any]
    stream: bool = False
    heavy: bool = False


Handler = Callable[[bytes], Answer]


class Slots:
    """A fair queue: so many answers are computed in turn, so many more wait, first come first served."""

    def __init__(self, running: int, waiting: int) -> None:
        self.limit = running + waiting
        self.taken = 0
        self._running = asyncio.Semaphore(running)  # first in, first out

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        if self.taken >= self.limit:
            message = "The server is busy: its queue is full. Try again in a second."
            raise Refused(503, message, code="server_busy", retry_after=1)
        self.taken += 1
        try:
            async with self._running:
                yield
        finally:
            self.taken -= 1


class Reply(Response):
    """Computes an answer while it sends it, and stops within a step when the client hangs up."""

    def __init__(self, protocol: Protocol, answer: Answer, slots: Slots) -> None:
        super().__init__()
        self.protocol, self.answer, self.slots = protocol, answer, slots
        self.sent = 0  # events of a stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        work = asyncio.ensure_future(self._work(scope, receive, patient(send)))
        hangup = asyncio.ensure_future(receive())  # the body is read: all that can come is a disconnect
        try:
            await asyncio.wait({work, hangup}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, hangup):
                task.cancel()
            await asyncio.gather(work, hangup, return_exceptions=True)

    async def _work(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with self.slots.one():
                await (self._stream(send) if self.answer.stream else self._whole(scope, receive, send))
        except TimeoutError:
            pass  # who reads nothing will not read an error either
        except Exception as error:
            refused = as_refusal(error)
            if self.sent == 0:
                await error_response(self.protocol, refused)(scope, receive, send)
            else:
                last = self.protocol.frame(self.protocol.stream_error(refused, self.sent))
                await send({"type": "http.response.body", "body": last})

    async def _whole(self, scope: Scope, receive: Receive, send: Send) -> None:
        last = None
        async for event in self._in_turn():
            last = event
        await JSONResponse(last)(scope, receive, send)

    async def _stream(self, send: Send) -> None:
        head = [(b"content-type", self.protocol.media_type.encode()), (b"cache-control", b"no-store")]
        async for event in self._in_turn():
            if event is None:
                continue
            if self.sent == 0:  # only now: what is refused before the first event gets its own status
                await send({"type": "http.response.start", "status": 200, "headers": head})
            self.sent += 1
            body = self.protocol.frame(event)
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": self.protocol.end})

    async def _in_turn(self) -> AsyncIterator[Any]:
        """The events; after each, everything else that is ready in the event loop has its turn."""
        over = object()
        while True:
            if self.answer.heavy:
                event = await to_the_end(asyncio.to_thread(next, self.answer.events, over))
            else:
                event = next(self.answer.events, over)
                await asyncio.sleep(0)
            if event is over:
                return
            yield event


async def to_the_end(step: Awaitable[Any]) -> Any:
    """The step's result. Who is cancelled still awaits it: a thread cannot be stopped, and holds its slot."""
    running = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


def patient(send: Send) -> Send:
    """The same, but raising TimeoutError for a client that does not read: it would hold its slot for ever."""

    async def send_in_time(message: Message) -> None:
        async with asyncio.timeout(PATIENCE):
            await send(message)

    return send_in_time


def endpoint(protocol: Protocol, handler: Handler, slots: Slots) -> Callable[[Request], Any]:
    """A Starlette endpoint of a handler."""

    async def respond(request: Request) -> Response:
        try:
            body = await read(request)
            answer = await asyncio.to_thread(handler, body)  # a long prompt or a schema may take its time
        except ClientDisconnect:
            return Response(status_code=400)  # nobody will read it
        except Exception as error:
            return error_response(protocol, as_refusal(error))
        return Reply(protocol, answer, slots)

    return respond


async def read(request: Request) -> bytes:
    """The request's body. Raises Refused if it is too large."""
    chunks, length = [], 0
    async for chunk in request.stream():
        length += len(chunk)
        if length <= BODY_LIMIT:
            chunks.append(chunk)
        elif length > DRAIN_LIMIT:
            break
    if length > BODY_LIMIT:
        message = f"The body of the request is larger than {BODY_LIMIT // 1024**2} MB. Send less at once."
        raise Refused(413, message, code="request_too_large")
    return b"".join(chunks)


def as_refusal(error: Exception) -> Refused:
    """The error for the client; what we did not foresee is our fault (500), logged without what was said."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, ValidationError):
        return refusal(error)
    log.error("A request failed: %s", type(error).__name__)
    log.debug("Where it failed", exc_info=error)  # may quote the prompt: only with --verbose
    return Refused(500, "The server met an error of its own. Start it with --verbose to see where.")


def error_response(protocol: Protocol, refused: Refused) -> Response:
    headers = {} if refused.retry_after is None else {"retry-after": str(refused.retry_after)}
    return JSONResponse(protocol.error(refused), refused.status, headers)


def compact(value: Any) -> bytes:
    """A JSON value on one line."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
