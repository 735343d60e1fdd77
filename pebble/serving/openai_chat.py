"""OpenAI's /v1/chat/completions: https://developers.openai.com/api/reference/resources/chat"""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from pebble import chat
from pebble.sample import Step
from pebble.serving import openai_shared as shared
from pebble.serving.engine import NAME, Called, Engine, Event, Finished, Said, Task, tool
from pebble.serving.http import Answer, Protocol
from pebble.serving.openai_shared import Content, Object, Strict, text_of
from pebble.serving.refusal import Refused

PROTOCOL = Protocol(
    shared.error_body,
    "text/event-stream; charset=utf-8",
    shared.sse,
    lambda refused, _: shared.error_body(refused),
    end=b"data: [DONE]\n\n",
)


class Function(Strict):
    name: str
    arguments: str


class ToolCall(Strict):
    id: str
    type: Literal["function"] = "function"
    function: Function


class Message(Strict):
    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Content = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    function_call: Any = None  # replaced by tool_calls in 2023


class FunctionDefinition(Strict):
    name: shared.ToolName
    description: str | None = None
    parameters: Object | None = None
    strict: bool | None = None


class Tool(Strict):
    type: Literal["function"]
    function: FunctionDefinition


class NamedFunction(Strict):
    name: str


class NamedTool(Strict):
    type: Literal["function"]
    function: NamedFunction


class ResponseFormat(Strict):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: shared.JsonSchema | None = None


class StreamOptions(Strict):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class Request(shared.Sampling):
    messages: list[Message] = Field(min_length=1)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    n: int | None = Field(None, ge=1, le=128)
    stop: str | list[str] | None = None
    seed: int | None = None
    logprobs: bool | None = None
    tools: list[Tool] | None = None
    tool_choice: shared.Mode | NamedTool | None = None
    response_format: ResponseFormat | None = None
    stream_options: StreamOptions | None = None
    prediction: Any = None  # a hint for speed

    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: Any = None
    modalities: Any = None
    audio: Any = None
    moderation: Any = None
    web_search_options: Any = None
    functions: Any = None
    function_call: Any = None
    reasoning_effort: Any = None
    verbosity: Any = None

    NEUTRAL: ClassVar = {
        "frequency_penalty": [0],
        "presence_penalty": [0],
        "logit_bias": [{}],
        "modalities": [["text"]],
        "reasoning_effort": ["none"],  # Pebble never thinks
        "verbosity": ["medium"],
        **dict.fromkeys(("audio", "moderation", "web_search_options"), ()),
        **dict.fromkeys(("functions", "function_call"), ()),  # replaced by tools in 2023
    }


def handle(engine: Engine, body: bytes) -> Answer:
    """Answer a request; raises Refused or pydantic's ValidationError."""
    request = Request.model_validate_json(body)
    task = task_of(request)
    answers = engine.answers(task, count=request.n or 1)
    if request.stream:
        return Answer(stream(engine, request, answers), stream=True)
    return Answer(whole(engine, request, answers))


def task_of(request: Request) -> Task:
    """What the request asks for, in the engine's terms."""
    request.refuse_unsupported()
    if request.top_logprobs is not None and not request.logprobs:
        message = "'top_logprobs' is only allowed when 'logprobs' is enabled."
        raise Refused(400, message, param="top_logprobs")
    if request.stream_options and not request.stream:
        message = "'stream_options' is only allowed when 'stream' is enabled."
        raise Refused(400, message, param="stream_options")
    if request.max_tokens is not None and request.max_completion_tokens is not None:
        message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise Refused(400, message, param="max_tokens", code="invalid_parameter_combination")
    stop = [request.stop] if isinstance(request.stop, str) else request.stop or []
    if len(stop) > 4:
        raise Refused(400, "At most 4 stop strings are allowed.", param="stop")
    tools = [
        tool(t.function.name, t.function.description, t.function.parameters, bool(t.function.strict))
        for t in request.tools or []
    ]
    wanted = request.tool_choice or "auto"
    choice = wanted if isinstance(wanted, str) else wanted.function.name
    messages = list(messages_of(request.messages))
    if request.response_format and request.response_format.type == "json_object":
        shared.check_json_is_named(messages, "messages", "response_format")
    return Task(
        messages=messages,
        tools=tools,
        choice=shared.check_choice(choice, tools, given=request.tool_choice is not None),
        many=request.parallel_tool_calls is not False,
        schema=schema_of(request.response_format),
        settings=request.settings(request.max_completion_tokens or request.max_tokens, request.seed, stop),
        alternatives=request.top_logprobs or 0,
    )


def messages_of(messages: list[Message]) -> Iterator[chat.Message]:
    """The messages for the chat template. Raises Refused for a call without a result, and the reverse."""
    open_calls: list[str] = []
    for n, message in enumerate(messages):
        role = "system" if message.role == "developer" else message.role
        if role == "tool":
            if message.tool_call_id not in open_calls:
                text = f"messages[{n}]: 'tool_call_id' does not name a tool call that waits for its result."
                raise Refused(400, text, param=f"messages.{n}.tool_call_id")
            open_calls.remove(message.tool_call_id)
        elif open_calls:
            raise unanswered(open_calls, n)
        if message.content is None and role != "assistant":
            raise shared.missing(f"messages.{n}.content")
        if message.function_call is not None:
            raise shared.unsupported(f"messages.{n}.function_call")
        calls = message.tool_calls or []
        open_calls += [call.id for call in calls]
        written = [shared.called(call.function.name, call.function.arguments) for call in calls]
        content = text_of(message.content, f"messages.{n}.content")
        yield {"role": role, "content": content} | ({"tool_calls": written} if written else {})
    if open_calls:
        raise unanswered(open_calls, len(messages))


def unanswered(calls: Sequence[str], n: int) -> Refused:
    text = "An assistant message with 'tool_calls' must be followed by tool messages that answer each."
    return Refused(400, f"{text} Not answered: {', '.join(calls)}", param=f"messages.{n}")


def schema_of(wanted: ResponseFormat | None) -> Object | None:
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return {"type": "object"}
    if wanted.json_schema is None:
        raise shared.missing("response_format.json_schema")
    return wanted.json_schema.schema_


def whole(engine: Engine, request: Request, answers: Iterable[Iterator[Event]]) -> Iterator[Object | None]:
    """None for each token, and in the end the completion."""
    choices, finished = [], []
    for index, events in enumerate(answers):
        text = ""
        steps: list[Step] = []
        calls: list[Object] = []
        for event in events:
            match event:
                case Said():
                    text += event.text
                    steps += event.steps
                    yield None
                case Called():
                    calls.append(call_of(event))
                    yield None
                case Finished():
                    finished.append(event)
        message: Object = {"role": "assistant", "content": text or (None if calls else ""), "refusal": None}
        message |= {"annotations": []} | ({"tool_calls": calls} if calls else {})
        choice: Object = {"index": index, "message": message, "logprobs": likely(engine, request, steps)}
        choices.append(choice | {"finish_reason": finished[-1].reason})
    yield {**head(engine, "chat.completion"), "choices": choices, "usage": usage(finished)}


def stream(engine: Engine, request: Request, answers: Iterable[Iterator[Event]]) -> Iterator[Object | None]:
    """A chunk for each piece of text and each call, None for a token that shows nothing."""
    counted = bool(request.stream_options and request.stream_options.include_usage)
    common = head(engine, "chat.completion.chunk") | ({"usage": None} if counted else {})
    finished = []
    for index, events in enumerate(answers):

        def chunk(delta: Object, reason: str | None = None, index: int = index, **more: Any) -> Object:
            choice = {"index": index, "delta": delta, "logprobs": None, **more, "finish_reason": reason}
            return {**common, "choices": [choice]}

        calls = 0
        first: Object | None = chunk({"role": "assistant", "content": "", "refusal": None})
        for event in events:
            if first:  # after the first token: an error in it can still be told by the status
                yield first
                first = None
            match event:
                case Said(""):
                    yield None
                case Said(text, steps):
                    yield chunk({"content": text}, logprobs=likely(engine, request, steps))
                case Called():
                    call = {"index": calls, **call_of(event)}
                    yield chunk({"tool_calls": [{**call, "function": {"name": event.name, "arguments": ""}}]})
                    rest = {"index": calls, "function": {"arguments": event.arguments}}
                    yield chunk({"tool_calls": [rest]})
                    calls += 1
                case Finished():
                    finished.append(event)
                    yield chunk({}, event.reason)
    if counted:
        yield {**common, "choices": [], "usage": usage(finished)}


def head(engine: Engine, kind: str) -> Object:
    """What a completion and each of its chunks begin with."""
    begin = {"id": shared.new_id("chatcmpl-"), "object": kind, "created": int(time.time()), "model": NAME}
    return {**begin, "service_tier": "default", "system_fingerprint": fingerprint(engine)}


def likely(engine: Engine, request: Request, steps: Sequence[Step]) -> Object | None:
    """The tokens' probabilities, if they were asked for."""
    if not request.logprobs:
        return None
    shown = shared.logprobs(steps, engine.model.tokenizer, request.top_logprobs or 0)
    return {"content": shown, "refusal": None}


def call_of(event: Called) -> Object:
    return {"id": shared.new_id("call_"), **shared.called(event.name, event.arguments)}


def usage(finished: list[Finished]) -> Object:
    tokens = sum(event.tokens for event in finished)
    prompt = finished[0].prompt_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": tokens,
        "total_tokens": prompt + tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def fingerprint(engine: Engine) -> str:
    """With the same fingerprint and seed the same text comes out."""
    return "fp_" + engine.digest[:10]
