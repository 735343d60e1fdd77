"""Choosing tokens: each filter on scores small enough to check by hand, then whole generations."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from person_schema import PERSON
from transformers import LogitsProcessorList
from transformers.generation import logits_process as theirs

from pebble.constrain import JsonSchema
from pebble.model import Model, softmax
from pebble.sample import Text, distribution, generate, guess, prompt_lookup, speculate
from pebble.tokenizer import END, Tokenizer

HALVES = np.log(np.array([0.5, 0.25, 0.125, 0.125], np.float32))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [0.5, 0.25, 0.125, 0.125]),
        ({"temperature": 0.5}, [16 / 22, 4 / 22, 1 / 22, 1 / 22]),
        ({"top_k": 1}, [1, 0, 0, 0]),
        ({"top_k": 2}, [2 / 3, 1 / 3, 0, 0]),
        ({"top_p": 0.6}, [2 / 3, 1 / 3, 0, 0]),
        ({"top_p": 0.0}, [1, 0, 0, 0]),
        ({"min_p": 0.4}, [2 / 3, 1 / 3, 0, 0]),
        ({"allowed": np.array([False, True, False, True])}, [0, 2 / 3, 0, 1 / 3]),
    ],
)
def test_filters_by_hand(filters: dict, expected: list[float]) -> None:
    np.testing.assert_allclose(distribution(HALVES, **filters), expected, rtol=1e-5)


def test_filters_together_as_transformers_applies_them() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        logits, seen = rng.normal(0, 3, 40).astype(np.float32), rng.integers(0, 40, 10).tolist()
        processors = LogitsProcessorList(
            [
                theirs.RepetitionPenaltyLogitsProcessor(1.3),
                theirs.TemperatureLogitsWarper(0.8),
                theirs.TopKLogitsWarper(12),
                theirs.TopPLogitsWarper(0.9),
                theirs.MinPLogitsWarper(0.05),
            ]
        )
        expected = torch.softmax(processors(torch.tensor([seen]), torch.from_numpy(logits)[None]), -1)[
            0
        ].numpy()
        ours = distribution(logits, seen, None, 0.8, 12, 0.9, 0.05, 1.3)
        np.testing.assert_allclose(ours, expected, atol=1e-5)


def ids_of(model: Model) -> list[int]:
    return model.tokenizer.encode("The cat sat on the")


def test_greedy_takes_the_likeliest_token_every_time(model: Model) -> None:
    seen = ids_of(model)
    for step in generate(model, seen, max_tokens=20):
        logits = model.forward(seen)[-1]
        assert step.token == logits.argmax() == step.top[0][0]
        assert step.logprob == pytest.approx(float(np.log(softmax(logits))[step.token]), abs=1e-3)
        seen = [*seen, step.token]


def test_the_same_seed_gives_the_same_text(model: Model) -> None:
    def draw(seed: int) -> list[int]:
        return [s.token for s in generate(model, ids_of(model), max_tokens=20, temperature=1.0, seed=seed)]

    assert draw(1) == draw(1) != draw(2)


def test_streamed_text_is_the_decoded_whole(model: Model) -> None:
    steps = list(generate(model, ids_of(model), max_tokens=60, temperature=1.5, seed=3))
    tokens = [s.token for s in steps if s.token != END]
    assert "".join(s.text for s in steps) == model.tokenizer.decode(tokens)
    assert [s.finish for s in steps[:-1]] == [None] * (len(steps) - 1)
    assert steps[-1].finish in ("stop", "length")


def test_generation_ends_where_the_window_does(model: Model) -> None:
    steps = list(generate(model, [5] * 120, max_tokens=100, temperature=2.0, seed=5))
    assert steps[-1].finish == "stop" or len(steps) == 8


@pytest.mark.parametrize("length", [0, 128, 500])
def test_a_prompt_that_leaves_no_room_is_refused(model: Model, length: int) -> None:
    with pytest.raises(ValueError, match=f"has {length} tokens; between 1 and 127"):
        next(generate(model, [5] * length))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"temperature": -1}, "temperature is -1; it may be from 0 to inf"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"top_p": 1.5}, "top_p is 1.5; it may be from 0 to 1"),
        ({"min_p": 2}, "min_p is 2; it may be from 0 to 1"),
        ({"repetition_penalty": 0}, "repetition_penalty is 0; it may be from 0.01 to 100"),
    ],
)
def test_settings_that_mean_nothing_are_refused(model: Model, setting: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        next(generate(model, ids_of(model), **setting))


def test_almost_no_temperature_is_greedy(model: Model) -> None:
    cold = [s.token for s in generate(model, ids_of(model), max_tokens=9, temperature=1e-320, seed=1)]
    assert cold == [s.token for s in generate(model, ids_of(model), max_tokens=9)]


def test_without_end_hot_all_that_is_allowed_is_equally_likely(model: Model) -> None:
    allowed = np.arange(model.config.vocab_size) < 4
    p = distribution(model.forward(ids_of(model))[-1], allowed=allowed, temperature=float("inf"))
    np.testing.assert_allclose(p[:5], [0.25] * 4 + [0])


def test_one_stop_string_may_be_a_string(model: Model) -> None:
    whole = "".join(s.text for s in generate(model, ids_of(model), max_tokens=30))
    stop = whole[5:9]
    shown = "".join(s.text for s in generate(model, ids_of(model), max_tokens=30, stop=stop))
    assert shown == whole[: whole.index(stop)]


def test_the_repetition_penalty_sees_only_its_window(model: Model) -> None:
    def said(window: int) -> list[int]:
        settings: Any = {"repetition_penalty": 50.0, "repetition_window": window}
        return [s.token for s in generate(model, ids_of(model), max_tokens=20, **settings)]

    whole, short = said(0), said(3)
    assert len(set(whole)) == len(whole)  # nothing ever comes again
    assert len(set(short)) < len(short) and all(
        a not in short[max(0, i - 3) : i] for i, a in enumerate(short)
    )


def feed(tokenizer: Tokenizer, text: str, stop: list[str]) -> tuple[list[str], bool]:
    held = Text(tokenizer, stop)
    shown, stopped = [], False
    for token in tokenizer.encode(text, special=True):
        piece, stopped = held.add(token)
        shown.append(piece)
        if stopped:
            return shown, True
    return [*shown, held.rest()], stopped


def test_nothing_of_a_stop_string_is_shown(tokenizer: Tokenizer) -> None:
    shown, stopped = feed(tokenizer, "one ENX two END three", ["END"])
    assert ("".join(shown), stopped) == ("one ENX two ", True)


def test_what_only_began_like_a_stop_string_is_shown_in_the_end(tokenizer: Tokenizer) -> None:
    shown, stopped = feed(tokenizer, "the EN", ["END"])
    assert ("".join(shown), stopped, shown[-1]) == ("the EN", False, "EN")


@pytest.mark.parametrize("stop", [">>>", "<|", "></"])
def test_the_marks_of_a_call_are_shown_whole(tokenizer: Tokenizer, stop: str) -> None:
    shown, stopped = feed(tokenizer, "a <tool_call>{}</tool_call>", [stop])
    assert {"<tool_call>", "</tool_call>"} <= set(shown)
    assert ("".join(shown), stopped) == ("a <tool_call>{}</tool_call>", False)


def test_a_character_of_several_tokens_is_shown_whole(tokenizer: Tokenizer) -> None:
    shown, _ = feed(tokenizer, "a🙂b", [])
    assert shown == ["a", "", "", "", "🙂", "b", ""]


@pytest.mark.parametrize("seed", range(5))
def test_prompt_lookup_keeps_greedy_output(model: Model, seed: int) -> None:
    pattern = np.random.default_rng(seed).integers(8, 300, 6).tolist()
    ids = pattern * 4
    greedy = [s.token for s in generate(model, ids, max_tokens=50)]
    passes = list(prompt_lookup(model, ids, max_tokens=50))
    assert sum(passes, []) == greedy
    assert len(passes) <= len(greedy)


@pytest.mark.parametrize("seed", range(5))
def test_any_bet_keeps_greedy_output(model: Model, seed: int) -> None:
    """Right guesses, wrong ones, none at all: what is written stays the same, and never takes more passes."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(8, 300, 12).tolist()
    greedy = [s.token for s in generate(model, ids, max_tokens=40)]

    def bet(seen: list[int]) -> list[int]:
        right = greedy[len(seen) - len(ids) :][: rng.integers(0, 6)]
        return [t if rng.random() < 0.7 else int(rng.integers(8, 300)) for t in right]

    passes = list(speculate(model, ids, bet, max_tokens=40))
    assert sum(passes, []) == greedy
    assert len(passes) <= len(greedy)


def test_prompt_lookup_saves_passes_when_the_text_repeats_itself(model: Model) -> None:
    """A model that always says the same token: every bet on repetition holds."""
    stuck = Model(model.config, {n: np.zeros_like(w) for n, w in model.weights.items()}, model.tokenizer)
    passes = list(prompt_lookup(stuck, [0, 0, 0, 0], max_tokens=40, draft=8))
    assert sum(passes, []) == [0] * 40
    assert len(passes) == 20  # each pass confirms its one bet and adds a token


def test_guess_takes_the_latest_occurrence() -> None:
    assert guess([1, 2, 9, 1, 2, 8, 1, 2], ngram=2) == [8, 1, 2]
    assert guess([1, 2, 3], ngram=3) == []


@pytest.mark.parametrize("temperature", [0.0, 1.0, 3.0])
def test_even_random_weights_write_json_that_fits_the_schema(model: Model, temperature: float) -> None:
    constraint = JsonSchema(PERSON, model.tokenizer)
    steps = generate(
        model, ids_of(model), max_tokens=90, temperature=temperature, seed=0, constraint=constraint
    )
    value = json.loads("".join(s.text for s in steps))
    assert value["job"] in ("cook", "smith")
    assert isinstance(value["age"], int) and 0 <= value["age"] <= 99


def test_a_schema_that_makes_no_sense_is_refused(model: Model) -> None:
    with pytest.raises(ValueError, match="cannot be enforced"):
        JsonSchema({"type": "objekt"}, model.tokenizer)
