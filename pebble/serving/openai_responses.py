"""OpenAI's /v1/responses: https://developers.openai.com/api/reference/resources/responses"""

import time
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from pebble import chat
from pebble.serving import openai_shared as shared
from pebble.serving.engine import NAME, Engine, Task, tool
from pebble.serving.http import Answer, Protocol, compact
from pebble.serving.openai_events import Progress
from pebble.serving.openai_shared import Content, Object, Strict, text_of
from pebble.serving.refusal import Refused


def frame(event: Object) -> bytes:
    """A server-sent event, named by its type."""
    return f"event: {event['type']}\n".encode() + b"data: " + compact(event) + b"\n\n"


def stream_error(refused: Refused, number: int) -> Object:
    error = {"code": refused.code or "server_error", "message": refused.message, "param": refused.param}
    return {"type": "error", **error, "sequence_number": number}


PROTOCOL = Protocol(shared.error_body, "text/event-stream; charset=utf-8", frame, stream_error)


class Item(Strict):
    """A message, a tool call, a tool's result; which fields it needs depends on its type."""

    model_config = ConfigDict(extra="ignore")

    type: str = "message"
    role: Literal["system", "developer", "user", "assistant"] | None = None
    content: Content = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: Content = None


class FunctionTool(Strict):
    type: Literal["function"]
    name: shared.ToolName
    description: str | None = None
    parameters: Object | None = None
    strict: bool | None = None


class NamedTool(Strict):
    type: Literal["function"]
    name: str


class Format(Strict):
    type: Literal["text", "json_object", "json_schema"]
    name: shared.ToolName | None = None
    schema_: Object | None = Field(None, alias="schema")
    description: str | None = None
    strict: bool | None = None


class TextConfig(Strict):
    format: Format | None = None
    verbosity: Literal["medium"] | None = None


class Request(shared.Sampling):
    input: str | list[Item]
    instructions: str | None = None
    max_output_tokens: int | None = Field(None, ge=1)
    text: TextConfig | None = None
    tools: list[FunctionTool] | None = None
    tool_choice: shared.Mode | NamedTool | None = None
    include: list[str] | None = None
    truncation: Literal["auto", "disabled"] | None = None
    stream_options: Any = None
    max_tool_calls: Any = None  # counts built-in tools only, and there are none

    background: Any = None
    conversation: Any = None
    context_management: Any = None
    moderation: Any = None
    prompt: Any = None
    reasoning: Any = None

    NEUTRAL: ClassVar = {
        "background": [False],
        "truncation": ["disabled"],
        "reasoning": [{"effort": "none"}],  # Pebble never thinks
        **dict.fromkeys(("conversation", "context_management", "moderation", "prompt"), ()),
    }

    previous_response_id: str | None = None


def handle(engine: Engine, body: bytes) -> Answer:
    """Answer a request; raises Refused or pydantic's ValidationError."""
    request = Request.model_validate_json(body)
    with_logprobs = "message.output_text.logprobs" in (request.include or [])
    progress = Progress(head(request), engine.model.tokenizer, with_logprobs)
    events = progress.events(engine.answer(task_of(request)))
    if request.stream:
        return Answer(events, stream=True)
    return Answer(without_progress(events))


def without_progress(events: Iterator[Object | None]) -> Iterator[Object | None]:
    """None for each token, and in the end the finished response."""
    for event in events:
        yield (
            event["response"]
            if event and event["type"] in ("response.completed", "response.incomplete")
            else None
        )


def task_of(request: Request) -> Task:
    """What the request asks for, in the engine's terms."""
    request.refuse_unsupported()
    if request.previous_response_id is not None:
        message = (
            f"Previous response with id '{request.previous_response_id}' not found: this server stores none."
        )
        message += " Send the whole conversation as 'input'."
        raise Refused(400, message, param="previous_response_id", code="previous_response_not_found")
    for wanted in request.include or []:
        if wanted not in ("message.output_text.logprobs", "reasoning.encrypted_content"):
            raise Refused(400, f"Unsupported value in 'include': '{wanted}'.", param="include")
    tools = [tool(t.name, t.description, t.parameters, bool(t.strict)) for t in request.tools or []]
    wanted_tool = request.tool_choice or "auto"
    choice = wanted_tool if isinstance(wanted_tool, str) else wanted_tool.name
    system = [{"role": "system", "content": request.instructions}] if request.instructions else []
    messages = system + messages_of(request.input)
    if request.text and request.text.format and request.text.format.type == "json_object":
        shared.check_json_is_named(messages, "input", "text.format")
    return Task(
        messages=messages,
        tools=tools,
        choice=shared.check_choice(choice, tools, given=request.tool_choice is not None),
        many=request.parallel_tool_calls is not False,
        schema=schema_of(request.text.format if request.text else None),
        settings=request.settings(request.max_output_tokens),
        alternatives=request.top_logprobs or 0,
        param="input",
        schema_param="text.format",
        tool_param="tools.{}.parameters",
    )


def messages_of(given: str | list[Item]) -> list[chat.Message]:
    """The conversation as the chat template reads it."""
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    messages: list[chat.Message] = []
    open_calls: list[str] = []
    for n, item in enumerate(given):
        match item.type:
            case "message" if item.role:
                if item.content is None:
                    raise shared.missing(f"input.{n}.content")
                role = "system" if item.role == "developer" else item.role
                messages.append({"role": role, "content": text_of(item.content, f"input.{n}.content")})
            case "function_call" if item.name and item.arguments is not None and item.call_id:
                if not messages or messages[-1]["role"] != "assistant":
                    messages.append({"role": "assistant", "content": ""})
                messages[-1].setdefault("tool_calls", []).append(shared.called(item.name, item.arguments))
                open_calls.append(item.call_id)
            case "function_call_output" if item.output is not None:
                if item.call_id not in open_calls:
                    text = f"No tool call found for function call output with call_id {item.call_id}."
                    raise Refused(400, text, param="input")
                open_calls.remove(item.call_id)
                messages.append({"role": "tool", "content": text_of(item.output, f"input.{n}.output")})
            case "reasoning":  # another model's thoughts: not for us
                pass
            case _:
                raise Refused(400, f"Invalid item of type '{item.type}' at input[{n}].", param=f"input.{n}")
    if not messages:
        raise Refused(400, "'input' holds no message.", param="input")
    if open_calls:
        raise Refused(400, f"No tool output found for function call {open_calls[0]}.", param="input")
    return messages


def schema_of(wanted: Format | None) -> Object | None:
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return {"type": "object"}
    if wanted.schema_ is None or wanted.name is None:
        raise shared.missing("text.format.schema" if wanted.schema_ is None else "text.format.name")
    return wanted.schema_


def head(request: Request) -> Object:
    """A response that has just begun; it repeats what was asked for, as the real one does."""
    text = (
        request.text.format
        if request.text and request.text.format
        else Format.model_validate({"type": "text"})
    )
    shown = {"type": "function", "strict": False, "parameters": None}
    tools = [shown | t.model_dump(exclude_none=True) for t in request.tools or []]
    choice = request.tool_choice or "auto"
    return {
        "id": shared.new_id("resp_"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": None,
        "metadata": request.metadata or {},
        "model": NAME,
        "output": [],
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "temperature": request.temperature or 0.0,
        "text": {"format": text.model_dump(by_alias=True, exclude_none=True)},
        "tool_choice": choice if isinstance(choice, str) else choice.model_dump(),
        "tools": tools,
        "top_logprobs": request.top_logprobs or 0,
        "top_p": 1.0 if request.top_p is None else request.top_p,
        "truncation": "disabled",
        "usage": None,
        "user": request.user,
    }
