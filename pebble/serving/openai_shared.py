"""What OpenAI's endpoints have in common: errors, sampling parameters, text, and tokens' probabilities."""

import json
import secrets
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pebble import chat
from pebble.sample import Step
from pebble.serving.engine import NAME, Settings
from pebble.serving.http import compact
from pebble.serving.refusal import Refused
from pebble.tokenizer import Tokenizer

ToolName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]


def finite(value: dict[str, Any]) -> dict[str, Any]:
    """The same value. Raises ValueError for an infinite number (1e999), which no JSON can say again."""
    json.dumps(value, allow_nan=False)
    return value


Object = Annotated[dict[str, Any], AfterValidator(finite)]


class Strict(BaseModel):
    """Fields have exactly their type, as in the real service: no "1" for 1."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class Sampling(Strict):
    """The parameters that all generating endpoints share. What we do not know is refused."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, extra="forbid")

    model: str
    stream: bool | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    top_logprobs: int | None = Field(None, ge=0, le=20)
    parallel_tool_calls: bool | None = None

    # They change nothing in what a model without accounts, caches and reasoning answers.
    user: str | None = None
    metadata: dict[str, str] | None = None
    store: Any = None
    service_tier: Any = None
    safety_identifier: Any = None
    prompt_cache_key: Any = None
    prompt_cache_retention: Any = None
    prompt_cache_options: Any = None

    # Known to the real service and not to us: refused if set to anything but these values, which do nothing.
    NEUTRAL: ClassVar[dict[str, Sequence[Any]]] = {}

    def refuse_unsupported(self) -> None:
        """Raise Refused for another model than ours, and for parameters that Pebble could only ignore."""
        if self.model not in (NAME, f"{NAME}:latest"):
            message = f"The model '{self.model}' does not exist. This server's language model is '{NAME}'."
            raise Refused(404, message, param="model", code="model_not_found")
        for name, neutral in self.NEUTRAL.items():
            value = getattr(self, name)
            if value is not None and value not in neutral:
                raise unsupported(name)

    def settings(self, max_tokens: int | None, seed: int | None = None, stop: Sequence[str] = ()) -> Settings:
        return Settings(
            temperature=self.temperature or 0.0,
            top_p=1.0 if self.top_p is None else self.top_p,
            max_tokens=max_tokens or Settings.max_tokens,
            seed=None if seed is None else seed % 2**64,
            stop=[s for s in stop if s],
        )


class JsonSchema(Strict):
    """A schema that an answer must fit; in Responses its fields lie beside `type`."""

    name: ToolName
    schema_: Object = Field(alias="schema")
    description: str | None = None
    strict: bool | None = None


class Part(Strict):
    """One piece of a message's content."""

    model_config = ConfigDict(extra="ignore")

    type: str
    text: str | None = None
    refusal: str | None = None


Content = str | list[Part] | None


def text_of(content: Content, param: str) -> str:
    """The text of a message. Raises Refused if it has pictures or sounds."""
    if content is None or isinstance(content, str):
        return content or ""
    texts = []
    for n, part in enumerate(content):
        if part.type not in ("text", "input_text", "output_text", "refusal"):
            raise Refused(
                400, f"Pebble reads text only; {param} holds a part of type '{part.type}'.", param=param
            )
        field = "refusal" if part.type == "refusal" else "text"
        text: str | None = getattr(part, field)
        if text is None:
            raise missing(f"{param}.{n}.{field}")
        texts.append(text)
    return "\n".join(texts)


def missing(param: str) -> Refused:
    message = f"Missing required parameter: '{param}'."
    return Refused(400, message, param=param, code="missing_required_parameter")


def unsupported(param: str) -> Refused:
    message = f"Unsupported parameter: '{param}' is not supported with this model."
    return Refused(400, message, param=param, code="unsupported_parameter")


def called(name: str, arguments: str) -> Object:
    """An earlier tool call, as the chat template reads it."""
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def error_body(refused: Refused) -> Object:
    kind = "server_error" if refused.status >= 500 else "invalid_request_error"
    error = {"message": refused.message, "type": kind, "param": refused.param, "code": refused.code}
    return {"error": error}


def sse(event: Object) -> bytes:
    """A server-sent event without a name."""
    return b"data: " + compact(event) + b"\n\n"


def new_id(prefix: str) -> str:
    return prefix + secrets.token_hex(12)


def logprobs(steps: Sequence[Step], tokenizer: Tokenizer, alternatives: int) -> list[Object]:
    """How likely the chosen tokens were, and the likeliest others."""

    def entry(token: int, logprob: float) -> Object:
        raw = tokenizer.bytes_of[token]
        return {"token": raw.decode("utf-8", "replace"), "logprob": logprob, "bytes": list(raw)}

    return [
        {
            **entry(step.token, step.logprob),
            "top_logprobs": [entry(*other) for other in step.top[:alternatives]],
        }
        for step in steps
    ]


def check_json_is_named(messages: Sequence[chat.Message], given: str, wanted: str) -> None:
    """Raise Refused if "any JSON" is wanted and no message says so: a model would write blanks for ever."""
    if not any("json" in message["content"].lower() for message in messages):
        text = f"'{given}' must contain the word 'json' in some form to use '{wanted}' of type 'json_object'."
        raise Refused(400, text, param=given)


def check_choice(choice: str, tools: Sequence[chat.Tool], given: bool) -> str:
    """The tool choice. Raises Refused if it makes no sense with these tools."""
    if given and not tools and choice != "none":
        raise Refused(400, "'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice")
    names, modes = [tool["function"]["name"] for tool in tools], get_args(Mode)
    if taken := set(modes).intersection(names):
        message = f"A tool cannot be called '{min(taken)}', which is a mode of 'tool_choice'. Rename it."
        raise Refused(400, message, param="tools")
    if choice not in (*modes, *names):
        raise Refused(400, f"Tool choice '{choice}' not found in 'tools' parameter.", param="tool_choice")
    return choice


Mode = Literal["none", "auto", "required"]
