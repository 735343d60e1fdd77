"""What both protocols ask for, once: a conversation in, words and tool calls out, one token at a time."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from pebble import chat, sample
from pebble.model import Model
from pebble.sample import Constraint, Step
from pebble.serving.calls import CallReader, Grammar, PlainText, Schema, call_grammar, check_schema
from pebble.serving.refusal import Refused
from pebble.tokenizer import SPECIAL

NAME = "pebble"


@dataclass(frozen=True)
class Settings:
    """How to choose tokens; the names are those of `pebble.sample.generate`. Greedy unless told otherwise."""

    max_tokens: int = 1_000_000  # the context window ends before
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    repetition_window: int = 0
    seed: int | None = None
    stop: Sequence[str] = ()


@dataclass(frozen=True)
class Task:
    """A conversation to be continued.

    messages, tools: in the shape of OpenAI's chat completions (see pebble/chat.py).
    choice: "auto", "none", "required", or the name of the tool that must be called.
    many: whether more than one call is welcome. schema: JSON schema of the answer, if there is one.
    alternatives: how many likely tokens to report beside the chosen one.
    param, schema_param, tool_param: the request's fields that hold the conversation, the schema, and the
        parameters of a tool (its number goes into the braces), for errors.
    """

    messages: list[chat.Message]
    tools: list[chat.Tool] = field(default_factory=list)
    choice: str = "auto"
    many: bool = True
    schema: Schema | None = None
    settings: Settings = field(default_factory=Settings)
    alternatives: int = 0
    param: str = "messages"
    schema_param: str = "response_format"
    tool_param: str = "tools.{}.function.parameters"


@dataclass(frozen=True)
class Said:
    """Text to show, often empty: there is one event for each token. steps: the tokens behind the text."""

    text: str
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Called:
    """A complete tool call; arguments are JSON, as text."""

    name: str
    arguments: str


@dataclass(frozen=True)
class Finished:
    """The last event. reason: "stop", "length" or "tool_calls". Durations are in nanoseconds."""

    reason: str
    prompt_tokens: int
    tokens: int
    prompt_duration: int
    duration: int


Event = Said | Called | Finished


class Engine:
    """A model, and a generator of tokens that tests may replace."""

    def __init__(
        self,
        model: Model,
        generate: Callable[..., Iterator[Step]] = sample.generate,
        created: float | None = None,
    ) -> None:
        self.model = model
        self.window = model.config.max_position_embeddings
        self.created = created or time.time()
        self._generate = generate
        self._plain = PlainText(model.tokenizer)
        self._longest = max(len(piece) for piece in model.tokenizer.bytes_of.values())

    def encode(self, task: Task) -> list[int]:
        """Token numbers of the prompt. Raises Refused if they leave no room for an answer."""
        tools = [] if task.choice == "none" else task.tools
        try:
            text = chat.prompt(joined(task.messages), tools)
        except ValueError as error:
            raise Refused(400, str(error), param=task.param) from error
        return self.encode_text(text, task.param)

    def encode_text(self, text: str, param: str = "messages") -> list[int]:
        """As `encode`, of a text that the caller has laid out with control tokens."""
        least = len(text.encode("utf-8", "replace")) // self._longest  # spares us cutting up a whole book
        ids = [] if least >= self.window else self.model.tokenizer.encode(text, special=True)
        if least >= self.window or len(ids) >= self.window:
            many = f"{len(ids)} tokens" if ids else f"more than {least} tokens"
            raise Refused(
                400,
                f"This model's maximum context length is {self.window} tokens, "
                f"but the prompt has {many} and an answer needs at least one. Shorten it.",
                param=param,
                code="context_length_exceeded",
            )
        return ids

    def answer(self, task: Task, ids: list[int] | None = None) -> Iterator[Event]:
        """Begin to answer. All that can be refused is refused now, before the first event is asked for."""
        return next(self.answers(task, ids))

    def answers(self, task: Task, ids: list[int] | None = None, count: int = 1) -> Iterator[Iterator[Event]]:
        """As `answer`, several times, with seeds that follow each other."""
        ids = self.encode(task) if ids is None else ids
        constraint, settings = self._constraint(task), task.settings
        seeds = [None if settings.seed is None else settings.seed + n for n in range(count)]
        tasks = [replace(task, settings=replace(settings, seed=seed)) for seed in seeds]
        return (self._events(ids, constraint.copy(), each) for each in tasks)

    def _events(self, ids: list[int], constraint: Constraint, task: Task) -> Iterator[Event]:
        reader, pending, calls, count = CallReader(), [], 0, 0
        begin = prompted = time.perf_counter_ns()
        reason = "stop"
        for step in self._generate(
            self.model, ids, **asdict(task.settings), constraint=constraint, alternatives=task.alternatives
        ):
            count += 1
            if count == 1:
                prompted = time.perf_counter_ns()
            if step.token >= len(SPECIAL):
                pending.append(step)
            shown = False
            for piece in reader.feed(step.text):
                shown = True
                if isinstance(piece, str):
                    yield Said(piece, tuple(pending))
                else:
                    calls += 1
                    yield Called(piece["name"], piece["arguments"])
                pending = []
            if not shown:
                yield Said("")
            reason = step.finish or reason
        # a call that was cut off is not shown: nobody could carry it out
        reason = "tool_calls" if calls and reason == "stop" else reason
        done = time.perf_counter_ns()
        yield Finished(reason, len(ids), count, prompted - begin, done - prompted)

    def _constraint(self, task: Task) -> PlainText | Grammar:
        tokenizer = self.model.tokenizer
        if task.schema is not None:
            check_schema(task.schema, tokenizer, task.schema_param)
        tools = [
            (n, tool)
            for n, tool in enumerate(task.tools)
            if task.choice in ("auto", "required", tool["function"]["name"])
        ]
        if not tools:
            if task.schema is None:
                return self._plain
            return Grammar(call_grammar([], must=False, many=False, answer=task.schema), tokenizer)
        enforceable = [self._enforceable(tool, task.tool_param.format(n)) for n, tool in tools]
        must = task.choice != "auto"
        grammar = Grammar(call_grammar(enforceable, must=must, many=task.many, answer=task.schema), tokenizer)
        if grammar.problem:
            raise Refused(400, f"These tools cannot be enforced: {grammar.problem}", param="tools")
        return grammar

    def _enforceable(self, tool: chat.Tool, param: str) -> chat.Tool:
        """The tool, or with free arguments if its schema cannot be enforced and need not be ("strict")."""
        function = tool["function"]
        try:
            check_schema(function["parameters"], self.model.tokenizer, param)
        except Refused:
            if function.get("strict"):
                raise
            return {"type": "function", "function": {**function, "parameters": {"type": "object"}}}
        return tool

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the weights, in hexadecimal digits."""
        digest = hashlib.sha256()
        for name in sorted(self.model.weights):
            digest.update(name.encode() + self.model.weights[name].tobytes())
        return digest.hexdigest()

    @cached_property
    def parameters(self) -> int:
        """How many weights the model has."""
        return sum(weight.size for weight in self.model.weights.values())

    @property
    def size(self) -> int:
        """Bytes that the weights take in memory."""
        return sum(weight.nbytes for weight in self.model.weights.values())


def joined(messages: list[chat.Message]) -> list[chat.Message]:
    """The conversation with all its system messages joined to one at the start, as Pebble knows only such."""
    system = [message["content"] for message in messages if message["role"] == "system"]
    others = [message for message in messages if message["role"] != "system"]
    return [{"role": "system", "content": "\n".join(system)}, *others] if any(system) else others


def tool(name: str, description: str | None, parameters: Any, strict: bool = False) -> chat.Tool:
    """A tool in the shape that the chat template reads."""
    parameters = parameters or {}
    if not isinstance(parameters, dict) or not isinstance(parameters.get("properties", {}), dict):
        raise Refused(
            400, f"The parameters of the tool '{name}' are not the JSON schema of an object.", param="tools"
        )
    parameters = {**parameters, "type": "object", "properties": parameters.get("properties", {})}
    function = {"name": name, "description": description or "", "parameters": parameters, "strict": strict}
    return {"type": "function", "function": function}
