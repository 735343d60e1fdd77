"""A conversation as one row of tokens, and tool calls back out of generated text.

A model only continues text. "Chat" is a convention for writing down who says what, and training on many texts
that keep to it. Ours is the Jinja template in `weights/chat_template.jinja`, which transformers and llama.cpp
read as well:

    >>> print(prompt([{"role": "user", "content": "Hello!"}]))
    <|begin|><|user|>Hello!<|end|><|assistant|>
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pebble.tokenizer import ASSISTANT, BEGIN, CALL, CALL_END, END, SPECIAL, WEIGHTS, Tokenizer

Message = dict[str, Any]  # role, content, and for tools tool_calls, in the shape of OpenAI's chat completions
Tool = dict[str, Any]  # {"type": "function", "function": {"name", "description", "parameters": JSON schema}}

ROLES = ("system", "user", "assistant", "tool")


def render(
    messages: Sequence[Message], tools: Sequence[Tool] = (), *, tokenizer: Tokenizer, answer: bool = True
) -> list[int]:
    """Token numbers of a conversation; with `answer` it ends where the assistant's reply begins."""
    return tokenizer.encode(prompt(messages, tools, answer=answer), special=True)


def prompt(messages: Sequence[Message], tools: Sequence[Tool] = (), *, answer: bool = True) -> str:
    """The text of a conversation.

    Control tokens that somebody wrote into a message are defused with a space: text from outside must not be
    able to end the user's turn and speak as the system.
    Raises ValueError for a conversation that the template cannot write down.
    """
    if not messages:
        raise ValueError("A conversation needs at least one message.")
    for n, message in enumerate(messages):
        if message.get("role") not in ROLES:
            raise ValueError(
                f"Message {n} has the role {message.get('role')!r}; it may be {', '.join(ROLES)}."
            )
        if message["role"] == "system" and n > 0:
            raise ValueError(f"Message {n} is a system message; only the first may be one.")
        content = message.get("content")
        if not isinstance(content, str) and not (message["role"] == "assistant" and content is None):
            raise ValueError(f"Message {n} needs 'content', as text.")
    safe = _defuse(list(messages)), _defuse(list(tools))
    return _template().render(messages=safe[0], tools=safe[1], add_generation_prompt=answer)


def parse(text: str) -> Message:
    """The assistant's message in generated text: what it says and the tools it calls.

    >>> parse('<tool_call>{"name": "weekday", "arguments": {"date": "2026-11-24"}}</tool_call>')["tool_calls"]
    [{'type': 'function', 'function': {'name': 'weekday', 'arguments': '{"date": "2026-11-24"}'}}]

    A call that is not a JSON object with a name and arguments stays text, as a client could do nothing
    with it.
    """
    said, calls = "", []
    before, *rest = text.split(SPECIAL[CALL])
    said += before
    for part in rest:
        body, _, after = part.partition(SPECIAL[CALL_END])
        function = _function(body)
        calls += [{"type": "function", "function": function}] if function else []
        said += after if function else SPECIAL[CALL] + part
    message: Message = {"role": "assistant", "content": said.strip()}
    return message | ({"tool_calls": calls} if calls else {})


def _function(body: str) -> dict[str, str] | None:
    """The function that a call names, with its arguments as text; None if this is no call."""
    try:
        match json.loads(body):
            case {"name": str(name), "arguments": dict(arguments)}:
                # Python reads 1e999 as Infinity, which JSON does not have
                return {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False, allow_nan=False)}
    except ValueError:
        pass
    return None


def text_of(message: Message) -> str:
    """An assistant's message as the model has to write it: the inverse of `parse`."""
    return (
        prompt([message], answer=False)
        .removeprefix(SPECIAL[BEGIN] + SPECIAL[ASSISTANT])
        .removesuffix(SPECIAL[END])
    )


def _defuse(value: Any) -> Any:
    """The same value with every control token in its strings made harmless."""
    if isinstance(value, str):
        for special in SPECIAL:
            value = value.replace(special, special[0] + " " + special[1:])
        return value
    if isinstance(value, dict):
        return {_defuse(key): _defuse(item) for key, item in value.items()}
    return [_defuse(item) for item in value] if isinstance(value, list) else value


@lru_cache
def _template(file: Path = WEIGHTS / "chat_template.jinja") -> Template:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    # jinja's own filter writes < as \u003c for web pages; transformers replaces it in the same way
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string(file.read_text(encoding="utf-8"))
