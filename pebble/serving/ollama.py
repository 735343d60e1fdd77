"""Ollama's /api/chat and /api/generate: https://docs.ollama.com/api

As Ollama does, we ignore fields that we do not know; those that we know and cannot honour are refused.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pebble import chat
from pebble.serving import openai_shared as shared
from pebble.serving.calls import Schema
from pebble.serving.engine import NAME, Called, Engine, Event, Finished, Said, Settings, Task, joined, tool
from pebble.serving.http import Answer, Protocol, compact
from pebble.serving.refusal import Refused
from pebble.tokenizer import BEGIN, SPECIAL

Object = dict[str, Any]


def error_body(refused: Refused) -> Object:
    return {"error": refused.message}


PROTOCOL = Protocol(
    error_body,
    "application/x-ndjson",
    lambda event: compact(event) + b"\n",
    lambda refused, _: error_body(refused),
)

# JSON does not tell 40 from 40.0, and some clients send the latter
Whole = Annotated[int, BeforeValidator(lambda v: int(v) if isinstance(v, float) and v.is_integer() else v)]


class Options(BaseModel):
    """The options that Pebble knows. Those about memory and hardware mean nothing here, as all others."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, extra="ignore")

    temperature: float | None = Field(None, ge=0)
    top_k: Whole | None = None
    top_p: float | None = Field(None, ge=0)
    min_p: float | None = Field(None, ge=0, le=1)
    repeat_penalty: float | None = Field(None, ge=0.01, le=100)
    repeat_last_n: Whole | None = Field(None, ge=-1)  # tokens that the penalty looks back; -1: all, 0: none
    num_predict: Whole | None = None
    num_ctx: Whole | None = None  # the window is what it is: 512 tokens cannot be made more, or less
    seed: Whole | None = None
    stop: list[str] | None = None

    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    mirostat: Whole | None = None
    typical_p: float | None = None
    tfs_z: float | None = None

    def settings(self) -> Settings:
        for name, neutral in {"presence_penalty": 0, "frequency_penalty": 0, "mirostat": 0}.items():
            if getattr(self, name) not in (None, neutral):
                raise Refused(400, f'option "{name}" is not supported by this model')
        for name in ("typical_p", "tfs_z"):
            if getattr(self, name) not in (None, 1):
                raise Refused(400, f'option "{name}" is not supported by this model')
        given = {name: value for name, value in self.model_dump().items() if value is not None}
        back = given.get("repeat_last_n", 64)
        return Settings(
            max_tokens=given["num_predict"] if given.get("num_predict", 0) > 0 else Settings.max_tokens,
            temperature=given.get("temperature", 0.0),
            top_k=max(0, given.get("top_k", 0)),
            top_p=given.get("top_p", 1.0),
            min_p=given.get("min_p", 0.0),
            repetition_penalty=given.get("repeat_penalty", 1.0) if back else 1.0,
            repetition_window=max(0, back),
            seed=given["seed"] % 2**64 if given.get("seed", -1) >= 0 else None,
            stop=[s for s in given.get("stop", []) if s],
        )


class Base(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False, extra="ignore")


class Function(Base):
    name: str
    arguments: Object


class ToolCall(Base):
    function: Function


class Message(Base):
    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    images: list[Any] | None = None
    tool_calls: list[ToolCall] | None = None


class FunctionDefinition(Base):
    name: str = Field(min_length=1)
    description: str | None = None
    parameters: Object | None = None


class Tool(Base):
    type: str | None = None
    function: FunctionDefinition


class Request(Base):
    """What chat and generate share."""

    model: str
    stream: bool | None = None
    format: Any = None
    options: Object | None = None
    keep_alive: Any = None  # Pebble stays in memory
    think: bool | str | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    truncate: bool | None = None

    def check(self) -> None:
        if self.model not in (NAME, f"{NAME}:latest"):
            raise Refused(404, f"model '{self.model}' not found. This server's language model is '{NAME}'")
        if self.think:
            raise Refused(400, f'"{NAME}" does not support thinking')

    def settings(self) -> Settings:
        try:
            return Options.model_validate(self.options or {}).settings()
        except ValidationError as error:
            first = error.errors()[0]
            raise Refused(400, f'option "{first["loc"][0]}": {first["msg"]}') from error

    def answer_schema(self) -> Schema | None:
        if self.format in (None, "", "null"):
            return None
        if self.format == "json":
            return {"type": "object"}
        if not isinstance(self.format, dict):
            raise Refused(
                400, f'invalid format: {self.format!r}; expected "json" or a valid JSON Schema object'
            )
        return self.format


class ChatRequest(Request):
    messages: list[Message] = Field(default_factory=list)
    tools: list[Tool] | None = None


class GenerateRequest(Request):
    prompt: str | None = None
    suffix: str | None = None
    system: str | None = None
    template: str | None = None
    context: list[int] | None = None
    raw: bool | None = None
    images: list[Any] | None = None


def handle_chat(engine: Engine, body: bytes) -> Answer:
    """Answer /api/chat; raises Refused or pydantic's ValidationError."""
    request = ChatRequest.model_validate_json(body)
    request.check()
    if any(message.images for message in request.messages):
        raise Refused(400, "this model does not support images")
    if not request.messages:
        return loaded(request, {"message": {"role": "assistant", "content": ""}})
    task = Task(
        messages=[read_message(message) for message in request.messages],
        tools=[
            tool(t.function.name, t.function.description, t.function.parameters) for t in request.tools or []
        ],
        schema=request.answer_schema(),
        settings=request.settings(),
        alternatives=request.top_logprobs or 0,
    )
    if request.truncate is not False:
        task = shortened(engine, task)
    return answer(engine, request, engine.answer(task), "message")


def handle_generate(engine: Engine, body: bytes) -> Answer:
    """Answer /api/generate; raises Refused or pydantic's ValidationError."""
    request = GenerateRequest.model_validate_json(body)
    request.check()
    if request.images:
        raise Refused(400, "this model does not support images")
    if request.suffix:
        raise Refused(400, f'"{NAME}" does not support insert')
    if request.raw and (request.template or request.system or request.context):
        raise Refused(400, "raw mode does not support template, system, or context")
    for name in ("template", "context"):
        if getattr(request, name):
            raise Refused(
                400, f"Pebble's server does not support '{name}': use /api/chat, or raw and a whole prompt"
            )
    if not request.prompt:
        return loaded(request, {"response": ""})
    system = [{"role": "system", "content": request.system}] if request.system else []
    task = Task(
        messages=[*system, {"role": "user", "content": request.prompt}],
        schema=request.answer_schema(),
        settings=request.settings(),
        alternatives=request.top_logprobs or 0,
    )
    ids = engine.encode_text(raw(request.prompt)) if request.raw else None
    return answer(engine, request, engine.answer(task, ids), "response")


def raw(prompt: str) -> str:
    """A prompt that is continued as it stands; only the token with which every text begins is added."""
    begin = SPECIAL[BEGIN]
    return prompt if prompt.startswith(begin) else begin + prompt


def read_message(message: Message) -> chat.Message:
    """The message as the chat template reads it."""
    calls = [call.function.model_dump() for call in message.tool_calls or []]
    written = [{"type": "function", "function": function} for function in calls]
    plain = {"role": message.role, "content": message.content or ""}
    return plain | ({"tool_calls": written} if written else {})


def shortened(engine: Engine, task: Task) -> Task:
    """The task without its oldest messages if all do not fit, as Ollama does; system and last one stay.

    Ollama would go on writing beyond its window and forget the beginning. We cannot: an answer gets a quarter
    of the window.
    """
    messages = joined(task.messages)
    system = [message for message in messages if message["role"] == "system"]
    others = messages[len(system) :]
    start = max(len(others) - 1, 0)
    while start > 0:  # from the newest on: of a long conversation most is never looked at
        longer = replace(task, messages=system + others[start - 1 :])
        try:
            if len(engine.encode(longer)) > engine.window * 3 // 4:
                break
        except Refused:
            break
        start -= 1
    return replace(task, messages=system + others[start:])


def loaded(request: Request, empty: Object) -> Answer:
    """The reply to an empty prompt: clients send one to have the model loaded or unloaded. Pebble stays."""
    reason = "unload" if request.keep_alive == 0 else "load"
    done = {"model": request.model, "created_at": now(), **empty, "done": True, "done_reason": reason}
    return Answer(iter([done]), stream=request.stream is not False)


def answer(engine: Engine, request: Request, events: Iterator[Event], field: str) -> Answer:
    replies = chunks(engine, request, events, field)
    if request.stream is False:
        return Answer(merged(replies, field))
    return Answer(replies, stream=True)


def chunks(engine: Engine, request: Request, events: Iterator[Event], field: str) -> Iterator[Object | None]:
    """A chunk for each piece of text, one for each call, and the last with the counts and times."""
    for event in events:
        match event:
            case Said(text):
                part: Object = {}
                if request.logprobs and event.steps:
                    shown = shared.logprobs(event.steps, engine.model.tokenizer, request.top_logprobs or 0)
                    part = {"logprobs": shown}
                yield chunk(request, field, text, **part) if text else None
            case Called(name, arguments):
                call = {"function": {"name": name, "arguments": json.loads(arguments)}}
                yield chunk(request, field, "", calls=[call])
            case Finished():
                yield {**chunk(request, field, ""), **last(event)}


def chunk(request: Request, field: str, text: str, calls: list[Object] | None = None, **more: Any) -> Object:
    body: Any = text
    if field == "message":
        body = {"role": "assistant", "content": text} | ({"tool_calls": calls} if calls else {})
    return {"model": request.model, "created_at": now(), field: body, "done": False, **more}


def last(event: Finished) -> Object:
    """How the answer ended. Ollama knows no reason "tool_calls"."""
    return {
        "done": True,
        "done_reason": "length" if event.reason == "length" else "stop",
        "total_duration": event.prompt_duration + event.duration,
        "load_duration": 0,
        "prompt_eval_count": event.prompt_tokens,
        "prompt_eval_duration": event.prompt_duration,
        "eval_count": event.tokens,
        "eval_duration": event.duration,
    }


def merged(replies: Iterator[Object | None], field: str) -> Iterator[Object | None]:
    """The chunks of a stream in one: None for each token, and in the end the whole."""
    text, calls, shown, final = "", [], [], {}
    for reply in replies:
        if reply is not None:
            body: Mapping[str, Any] = reply[field] if field == "message" else {"content": reply[field]}
            text += body["content"]
            calls += body.get("tool_calls", [])
            shown += reply.get("logprobs", [])
            final = reply
        yield None
    whole: Any = {"role": "assistant", "content": text} | ({"tool_calls": calls} if calls else {})
    yield {**final, field: whole if field == "message" else text} | ({"logprobs": shown} if shown else {})


def now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
