"""What the corpus is made of: conversations with the right answers in them, and plain texts."""

from dataclasses import dataclass, field

from pebble.chat import Message, Tool


@dataclass
class Example:
    """A conversation whose assistant turns are the right answers, or a plain text.

    also: other answers that would be as good as the last one.
    """

    kind: str
    messages: list[Message] = field(default_factory=list)
    tools: list[Tool] = field(default_factory=list)
    text: str = ""
    also: tuple[str, ...] = ()


def user(text: str) -> Message:
    return {"role": "user", "content": text}


def says(text: str) -> Message:
    return {"role": "assistant", "content": text}


def calls(tool_name: str, /, **arguments: object) -> Message:
    function = {"name": tool_name, "arguments": arguments}
    return {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": function}]}


def returns(text: str) -> Message:
    return {"role": "tool", "content": text}


def tool(name: str, description: str, *parameters: str) -> Tool:
    schema = {
        "type": "object",
        "properties": {p: {"type": "string"} for p in parameters},
        "required": list(parameters),
    }
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


def lines(text: str) -> list[str]:
    """A block of wordings, one a line."""
    return [line.strip() for line in text.strip().splitlines()]
