"""From scores to text: choose a token, append it, ask again.

    >>> model = Model.load()
    >>> ids = model.tokenizer.encode("Once upon a")
    >>> "".join(step.text for step in generate(model, ids, max_tokens=4))
    ' time there was'

The forward pass never decides anything. All that is called "creative" or "deterministic" happens in this
file.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pebble.model import Array, Cache, Model, softmax
from pebble.tokenizer import END, SPECIAL, Tokenizer


@dataclass(frozen=True)
class Step:
    """One generated token.

    text: what can be shown now; empty while a character or a possible stop string is incomplete.
    logprob: natural logarithm of the probability that the model itself gave the token, before any filter.
    top: the model's likeliest tokens with their logprobs, best first.
    finish: None, or why this was the last step: "stop" (end token or stop string) or "length".
    """

    token: int
    text: str
    logprob: float
    top: list[tuple[int, float]]
    finish: str | None = None


class Constraint(Protocol):
    """Says which tokens may come next, and is told which one came."""

    def allowed(self) -> np.ndarray: ...  # [V] of bool

    def accept(self, token: int) -> None: ...


def generate(
    model: Model,
    ids: Sequence[int],
    *,
    max_tokens: int = 256,
    temperature: float = 0.0,
    top_k: int = 0,
    top_p: float = 1.0,
    min_p: float = 0.0,
    repetition_penalty: float = 1.0,
    repetition_window: int = 0,
    seed: int | None = None,
    stop: str | Sequence[str] = (),
    constraint: Constraint | None = None,
    alternatives: int = 5,
) -> Iterator[Step]:
    """Continue `ids`, one step at a time, until the end token, a stop string, max_tokens or a full context.

    temperature 0 is greedy: always the likeliest token. See `distribution` for the filters.
    repetition_window: how many of the last tokens are punished if they come again; 0 is all.
    alternatives: how many of the likeliest tokens each step names; 0 spares sorting the vocabulary.
    Raises ValueError if `ids` are empty or leave no room in the context window, or a setting means nothing.
    """
    check(model, ids)
    check_settings(temperature, top_p, min_p, repetition_penalty)
    if temperature < 1e-6:  # the likeliest token wins anyway, and scores divided by less would overflow
        temperature = 0.0
    random = np.random.default_rng(seed)
    cache, held = Cache(model.config), Text(model.tokenizer, [stop] if isinstance(stop, str) else stop)
    room = min(max_tokens, model.config.max_position_embeddings - len(ids))
    seen, new = list(ids), list(ids)
    for n in range(1, room + 1):
        logits = model.forward(new, cache)[-1]  # [V]
        allowed = constraint.allowed() if constraint else None
        recent = seen[-repetition_window:]
        p = distribution(logits, recent, allowed, temperature, top_k, top_p, min_p, repetition_penalty)
        token = int(p.argmax()) if temperature == 0 else int(random.choice(len(p), p=p))
        if constraint:
            constraint.accept(token)

        logprobs = np.log(softmax(logits) + 1e-30)
        best = np.argsort(-logprobs, kind="stable")[:alternatives] if alternatives else ()
        text, stopped = held.add(token)
        finish = "stop" if stopped else "length" if n == room else None
        text += held.rest() if finish and not stopped else ""
        yield Step(token, text, float(logprobs[token]), [(int(i), float(logprobs[i])) for i in best], finish)
        if finish:
            return
        seen.append(token)
        new = [token]  # the cache holds all the others


def check(model: Model, ids: Sequence[int]) -> None:
    window = model.config.max_position_embeddings
    if not 0 < len(ids) < window:
        raise ValueError(
            f"The prompt has {len(ids)} tokens; between 1 and {window - 1} fit the context window."
        )


def check_settings(temperature: float, top_p: float, min_p: float, repetition_penalty: float) -> None:
    """Raise ValueError for a value that means nothing; NaN is within no bounds."""
    for name, value, least, most in (
        ("temperature", temperature, 0, float("inf")),
        ("top_p", top_p, 0, 1),
        ("min_p", min_p, 0, 1),
        ("repetition_penalty", repetition_penalty, 0.01, 100),
    ):
        if not least <= value <= most:
            raise ValueError(f"{name} is {value}; it may be from {least} to {most}.")


def distribution(
    logits: Array,
    seen: Sequence[int] = (),
    allowed: np.ndarray | None = None,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    min_p: float = 0.0,
    repetition_penalty: float = 1.0,
) -> np.ndarray:
    """Probabilities [V] from which to draw, after every filter; transformers has the same order.

    repetition_penalty: divides positive and multiplies negative scores of tokens in `seen`; 1 does nothing.
    temperature: divides the scores; below 1 sharpens, above 1 flattens. At 0 the filters still apply.
    top_k: keep the k likeliest tokens; 0 keeps all.
    top_p: keep the likeliest tokens that together reach probability p.
    min_p: keep tokens with at least this share of the likeliest token's probability.
    """
    scores = logits.astype(np.float64)
    if repetition_penalty != 1.0:
        past = np.unique(np.asarray(seen, int))
        scores[past] = np.where(
            scores[past] > 0, scores[past] / repetition_penalty, scores[past] * repetition_penalty
        )
    if temperature > 0:
        scores /= temperature
    if allowed is not None:
        scores[~allowed] = -np.inf
    if top_k > 0:
        scores[scores < np.sort(scores)[-min(top_k, len(scores))]] = -np.inf
    if top_p < 1.0:
        order = np.argsort(-scores, kind="stable")
        before = np.cumsum(softmax(scores)[order]) - softmax(scores)[order]  # mass of all likelier tokens
        scores[order[1:][before[1:] >= top_p]] = -np.inf  # the likeliest token always stays
    if min_p > 0.0:
        p = softmax(scores)
        scores[p < min_p * p.max()] = -np.inf
    return softmax(scores)


class Text:
    """Turns tokens into text that may be shown: whole characters only, and nothing of a stop string."""

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str]) -> None:
        self.tokenizer = tokenizer
        self.stop = [s for s in stop if s]
        self.ids: list[int] = []
        self.shown = 0  # characters already handed out

    def add(self, token: int) -> tuple[str, bool]:
        """The text that is now safe to show, and whether generation ends here."""
        if token == END:
            return self.rest(), True
        self.ids.append(token)
        text = self.tokenizer.decode(self.ids)
        found = [at for s in self.stop if (at := text.find(s)) >= 0]
        if found:
            return self._show(text[: max(min(found), self.shown)]), True
        text = text.rstrip("\ufffd")  # perhaps the first bytes of a character
        ends = text if token >= len(SPECIAL) else ""  # the marks of a call are handed on whole
        begun = max((n for s in self.stop for n in range(1, len(s)) if ends.endswith(s[:n])), default=0)
        return self._show(text[: max(len(text) - begun, self.shown)]), False

    def rest(self) -> str:
        """What was held back, when nothing follows any more."""
        return self._show(self.tokenizer.decode(self.ids))

    def _show(self, text: str) -> str:
        piece, self.shown = text[self.shown :], max(self.shown, len(text))
        return piece


def prompt_lookup(
    model: Model, ids: Sequence[int], *, max_tokens: int = 256, ngram: int = 3, draft: int = 8
) -> Iterator[list[int]]:
    """Speculative decoding that bets on repetition, since answers often repeat their prompt."""
    return speculate(model, ids, lambda seen: guess(seen, ngram)[:draft], max_tokens)


def speculate(
    model: Model, ids: Sequence[int], bet: Callable[[list[int]], list[int]], max_tokens: int = 256
) -> Iterator[list[int]]:
    """Greedy decoding that guesses ahead; yields the tokens that each forward pass confirmed, at least one.

    `bet` guesses how a text goes on. All of its guess is scored in one pass, and as much of it kept as greedy
    decoding would have chosen. The output is the same; only the number of passes shrinks.
    """
    check(model, ids)
    cache, seen = Cache(model.config), list(ids)
    model.forward(seen[:-1], cache) if len(seen) > 1 else None
    left = min(max_tokens, model.config.max_position_embeddings - len(ids))
    while left > 0:
        guessed = bet(seen)[: left - 1]
        choices = model.forward([seen[-1], *guessed], cache).argmax(-1).tolist()  # [1 + guessed]
        right = 0
        while right < len(guessed) and guessed[right] == choices[right]:
            right += 1
        confirmed = choices[: right + 1]  # the guesses that held, and one more token for free
        if END in confirmed:
            confirmed = confirmed[: confirmed.index(END) + 1]
        seen += confirmed
        cache.length = len(seen) - 1  # forget the guesses that were lost
        left -= len(confirmed)
        yield confirmed
        if confirmed[-1] == END:
            return


def guess(seen: list[int], ngram: int) -> list[int]:
    """What followed the latest earlier occurrence of the last `ngram` tokens (or of fewer, down to one).

    >>> guess([5, 6, 7, 8, 5, 6], ngram=2)
    [7, 8, 5, 6]
    """
    for n in range(min(ngram, len(seen) - 1), 0, -1):
        for start in range(len(seen) - n - 1, -1, -1):
            if seen[start : start + n] == seen[-n:]:
                return seen[start + n :]
    return []
