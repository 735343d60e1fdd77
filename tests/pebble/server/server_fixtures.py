"""What the server's tests share: a model that follows a script, tools and schemas, and a check of replies."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel

from pebble.model import Model
from pebble.serving.refusal import Refused
from pebble.tokenizer import CALL, CALL_END, END, SPECIAL

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "weather of a town",
        "parameters": {
            "type": "object",
            "properties": {"town": {"enum": ["Basel", "Bern"]}, "days": {"type": "integer"}},
            "required": ["town"],
            "additionalProperties": False,
        },
    },
}


def call(name: str, arguments: str) -> str:
    return f'{SPECIAL[CALL]}{{"name": "{name}", "arguments": {arguments}}}{SPECIAL[CALL_END]}'


def script(prompt: str) -> str:
    """What the scripted model answers. It repeats what the user said last, unless that is one of these."""
    last = prompt.rpartition("<|user|>")[2].partition("<|end|>")[0]
    if "<|tool|>" in prompt.rpartition("<|user|>")[2]:
        return "The tool said: " + prompt.rpartition("<|tool|>")[2].partition("<|end|>")[0]
    answers = {
        "weather?": call("weather", '{"town": "Bern"}'),
        "twice?": call("weather", '{"town": "Bern"}') + call("weather", '{"town": "Basel", "days": 2}'),
        "words and call?": "Let me look. " + call("weather", '{"town": "Bern"}'),
        "count!": " ".join(str(n) for n in range(100)),
    }
    return answers.get(last, "You said: " + last)


class ScriptedModel(Model):
    """Its scores leave no doubt about the next token of the script; all else is the real thing."""

    def __init__(self, model: Model, reply: Callable[[str], str]) -> None:
        super().__init__(model.config, model.weights, model.tokenizer)
        self.reply = reply

    def forward(self, ids: Sequence[int], cache: Any = None, trace: Any = None) -> np.ndarray:
        if cache.length == 0:
            text = self.tokenizer.decode(ids)
            cache.script = [*self.tokenizer.encode(self.reply(text), special=True), END]
            cache.start = len(ids)
        cache.length += len(ids)
        logits = np.zeros((len(ids), self.config.vocab_size), np.float32)
        logits[-1, cache.script[min(cache.length - cache.start, len(cache.script) - 1)]] = 50
        return logits


class FakeEncoder:
    """Vectors that depend on nothing but the number of letters."""

    def tokenize(self, text: str) -> list[str]:
        return ["[CLS]", *text.split(), "[SEP]"]

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        # as in real ones, no number is exactly 0: one number alone is to be brought to length 1, too
        vectors = np.array([[len(text) or 1, *[1] * 383] for text in texts], np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def not_installed() -> None:
    raise Refused(
        501,
        "The embedding model is not installed here. To get it: pip install it",
        code="model_not_installed",
    )


def valid(reply: Any) -> Any:
    """The reply, once it has been held against the client's own type: nothing missing, wrong or unknown.

    The clients themselves build their objects without looking.
    """
    again = type(reply).model_validate(reply.model_dump(exclude_unset=True, by_alias=True, warnings=False))
    assert not list(unknown(again)), f"unknown to {type(reply).__name__}: {list(unknown(again))}"
    return reply


def unknown(value: Any) -> Iterator[str]:
    """Names of fields that the types do not have."""
    if isinstance(value, BaseModel):
        yield from value.model_extra or ()
        for name in type(value).model_fields:
            yield from unknown(getattr(value, name))
    elif isinstance(value, list):
        for item in value:
            yield from unknown(item)
