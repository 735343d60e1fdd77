"""The events of OpenAI's /v1/responses: https://developers.openai.com/api/reference/resources/responses"""

import time
from collections.abc import Generator, Iterator
from typing import Any

from pebble.serving import openai_shared as shared
from pebble.serving.engine import Called, Event, Finished, Said
from pebble.serving.openai_shared import Object
from pebble.tokenizer import Tokenizer


class Progress:
    """The response so far, and the events that tell how it grows: an item, its parts, their text."""

    def __init__(self, response: Object, tokenizer: Tokenizer, with_logprobs: bool) -> None:
        self.response = response  # which has just begun
        self.tokenizer = tokenizer
        self.with_logprobs = with_logprobs
        self.number = -1
        self.output: list[Object] = []

    def event(self, kind: str, **fields: Any) -> Object:
        self.number += 1
        return {"type": f"response.{kind}", **fields, "sequence_number": self.number}

    def events(self, answer: Iterator[Event]) -> Iterator[Object | None]:
        """The events of a stream; None for a token that shows nothing."""
        message: Object | None = None
        began = False
        for event in answer:
            if not began:  # after the first token: an error in it can still be told by the status
                began = True
                yield self.event("created", response=self.snapshot())
                yield self.event("in_progress", response=self.snapshot())
            match event:
                case Said(""):
                    yield None
                case Said():
                    if message is None:
                        message = yield from self.open_message()
                    yield self.say(message, event)
                case Called():
                    if message is not None:
                        yield from self.close_message(message, "completed")
                        message = None
                    yield from self.call(event)
                case Finished():
                    status = "incomplete" if event.reason == "length" else "completed"
                    if message is None and not self.output:  # nothing was said: an empty message says so
                        message = yield from self.open_message()
                    if message is not None:
                        yield from self.close_message(message, status)
                    yield self.finish(event, status)

    def snapshot(self) -> Object:
        return {**self.response, "output": list(self.output)}

    def open_message(self) -> Generator[Object, None, Object]:
        part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        message: Object = {"id": shared.new_id("msg_"), "type": "message", "role": "assistant", "content": []}
        message["status"] = "in_progress"
        yield self.event("output_item.added", output_index=len(self.output), item=dict(message))
        yield self.event("content_part.added", **self.place(message), part=dict(part))
        message["content"] = [part]
        return message

    def place(self, message: Object) -> Object:
        return {"item_id": message["id"], "output_index": len(self.output), "content_index": 0}

    def say(self, message: Object, said: Said) -> Object:
        part = message["content"][0]
        part["text"] += said.text
        shown = (
            shared.logprobs(said.steps, self.tokenizer, self.response["top_logprobs"])
            if self.with_logprobs
            else []
        )
        part["logprobs"] += shown
        return self.event("output_text.delta", **self.place(message), delta=said.text, logprobs=brief(shown))

    def close_message(self, message: Object, status: str) -> Iterator[Object]:
        part = message["content"][0]
        place = self.place(message)
        yield self.event("output_text.done", **place, text=part["text"], logprobs=brief(part["logprobs"]))
        yield self.event("content_part.done", **place, part=part)
        message["status"] = status
        self.output.append(message)
        yield self.event("output_item.done", output_index=place["output_index"], item=message)

    def call(self, event: Called) -> Iterator[Object]:
        item = {"id": shared.new_id("fc_"), "type": "function_call", "call_id": shared.new_id("call_")}
        item |= {"name": event.name, "arguments": event.arguments, "status": "completed"}
        index = len(self.output)
        begun = {**item, "arguments": "", "status": "in_progress"}
        yield self.event("output_item.added", output_index=index, item=begun)
        place = {"item_id": item["id"], "output_index": index}
        yield self.event("function_call_arguments.delta", **place, delta=event.arguments)
        done = {"arguments": event.arguments, "name": event.name}
        yield self.event("function_call_arguments.done", **place, **done)
        self.output.append(item)
        yield self.event("output_item.done", output_index=index, item=item)

    def finish(self, event: Finished, status: str) -> Object:
        self.response |= {"status": status, "usage": usage(event)}
        if status == "completed":
            self.response["completed_at"] = int(time.time())
        else:
            self.response["incomplete_details"] = {"reason": "max_output_tokens"}
        return self.event(status, response=self.snapshot())


def brief(logprobs: list[Object]) -> list[Object]:
    """Probabilities as events show them: without the tokens' bytes."""

    def entry(shown: Object) -> Object:
        return {"token": shown["token"], "logprob": shown["logprob"]}

    return [{**entry(shown), "top_logprobs": [entry(o) for o in shown["top_logprobs"]]} for shown in logprobs]


def usage(event: Finished) -> Object:
    return {
        "input_tokens": event.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": event.tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": event.prompt_tokens + event.tokens,
    }
