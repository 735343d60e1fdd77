"""The stored weights: what the model card says of them is measured again, and other engines agree."""

import doctest
import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from test_tokenizer import mended, strings
from tokenizers import Tokenizer as Twin
from transformers import LlamaForCausalLM

from pebble import chat, corpus, evaluate, export
from pebble.corpus import terms
from pebble.model import Model
from pebble.sample import generate, prompt_lookup
from pebble.tokenizer import END, WEIGHTS


@pytest.fixture(scope="module")
def pebble() -> Model:
    return Model.load()


@pytest.fixture(scope="module")
def conversations(pebble: Model) -> list[list[int]]:
    """Prompts of every kind, as tokens."""
    examples = [e for kind in corpus.TESTS for e in corpus.test_set(kind, 4, seed=5)]
    return [chat.render(e.messages[:1], e.tools, tokenizer=pebble.tokenizer) for e in examples]


def test_the_results_are_those_of_the_stored_weights_and_in_the_card(pebble: Model) -> None:
    """All of them, measured again: greedy decoding leaves nothing to chance."""
    results = json.loads((WEIGHTS / "results.json").read_text(encoding="utf-8"))
    assert evaluate.measure(pebble, count=200, seed=1) == results
    assert evaluate.table(results) in (WEIGHTS / "README.md").read_text(encoding="utf-8")
    assert all(results[kind]["cases"] >= 200 for kind in corpus.TESTS)
    assert results["written by hand"]["cases"] == 150


def test_the_weights_are_small() -> None:
    assert sum(file.stat().st_size for file in WEIGHTS.rglob("*")) <= 8_000_000


def test_the_vocabulary_has_a_row_for_every_token(pebble: Model) -> None:
    assert sorted(pebble.tokenizer.vocab.values()) == list(range(pebble.config.vocab_size))
    assert len(pebble.embedding) == pebble.config.vocab_size


@pytest.mark.parametrize("name", ["tokenizer", "model", "sample", "chat", "mixture", "server"])
def test_the_examples_in_the_docstrings(name: str) -> None:
    failed, tried = doctest.testmod(import_module(f"pebble.{name}"))
    assert tried > 0
    assert failed == 0


def test_transformers_computes_the_same(pebble: Model, conversations: list[list[int]]) -> None:
    twin = LlamaForCausalLM.from_pretrained(WEIGHTS, dtype=torch.float32)
    for ids in conversations:
        with torch.no_grad():
            theirs = twin(torch.tensor([ids])).logits[0].numpy()
        np.testing.assert_allclose(pebble.forward(ids), theirs, atol=1e-4)


def test_tokenizers_encodes_the_same(pebble: Model) -> None:
    twin = Twin.from_file(str(WEIGHTS / "tokenizer.json"))
    texts = [mended(t) for t in strings(2_000)] + [definition for _, _, definition in terms()]
    assert [t for t in texts if twin.encode(t).ids != pebble.tokenizer.encode(t, special=True)] == []


@pytest.mark.parametrize(("dtype", "alike"), [("F16", 68), ("Q8_0", 68), ("Q4_0", 60)])
def test_llama_cpp_writes_the_same(
    pebble: Model, conversations: list[list[int]], tmp_path: Path, dtype: str, alike: int
) -> None:
    """Four bits are too few for such small matrices: there some answers change, which the card says."""
    llama_cpp = pytest.importorskip(
        "llama_cpp", reason="llama-cpp-python is not installed: pip install '.[llama]'"
    )
    export.write_gguf(pebble, tmp_path / "pebble.gguf", dtype)
    engine = llama_cpp.Llama(str(tmp_path / "pebble.gguf"), n_ctx=512, n_threads=1, verbose=False)
    same = 0
    for ids in conversations:
        ours = [s.token for s in generate(pebble, ids, max_tokens=60)]
        theirs = []
        for token in engine.generate(ids, temp=0.0, top_k=1, repeat_penalty=1.0):
            theirs.append(token)
            if token == END or len(theirs) == 60:
                break
        same += theirs == ours
    assert same >= alike, f"{dtype}: {same} of {len(conversations)}"


def test_prompt_lookup_writes_the_same_in_fewer_passes(pebble: Model, conversations: list[list[int]]) -> None:
    passes = tokens = 0
    for ids in conversations:
        confirmed = list(prompt_lookup(pebble, ids, max_tokens=60))
        greedy = [s.token for s in generate(pebble, ids, max_tokens=60)]
        assert sum(confirmed, []) == greedy
        passes, tokens = passes + len(confirmed), tokens + len(greedy)
    assert passes < tokens


def test_the_draft_model_guesses_what_pebble_says(pebble: Model, conversations: list[list[int]]) -> None:
    """It shares the vocabulary, or its guesses would mean other tokens, and is good enough to be of use."""
    draft = Model.load(WEIGHTS / "draft")
    assert draft.tokenizer.vocab == pebble.tokenizer.vocab
    agreed = total = 0
    for ids in conversations:
        said = [s.token for s in generate(pebble, ids, max_tokens=30)]
        choices = draft.forward([*ids, *said])[len(ids) - 1 : -1].argmax(-1)
        agreed, total = agreed + int((choices == said).sum()), total + len(said)
    assert agreed > total / 2


def test_a_story_begins_like_a_story(pebble: Model) -> None:
    """The next-token distributions of plain text are worth looking at: after "Once upon a" comes " time"."""
    ids = [0, *pebble.tokenizer.encode("Once upon a")]
    step = next(generate(pebble, ids, max_tokens=1))
    assert step.text == " time"
    assert np.exp(step.logprob) > 0.5
