"""The forward pass against transformers' LlamaForCausalLM, on random weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, LlamaForCausalLM

from pebble.model import Cache, Model, softmax

IDS = [0, 3, 77, 104, 264, 264, 9, 300, 12, 12, 45]


@pytest.fixture
def twin(folder: Path) -> LlamaForCausalLM:
    return LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")


def test_logits_equal_transformers(model: Model, twin: LlamaForCausalLM) -> None:
    ids = np.random.default_rng(1).integers(0, model.config.vocab_size, 128).tolist()
    with torch.no_grad():
        theirs = twin(torch.tensor([ids])).logits[0].numpy()
    ours = model.forward(ids)
    assert np.abs(theirs).max() > 3  # scores with something at stake
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_attention_and_residual_stream_equal_transformers(model: Model, twin: LlamaForCausalLM) -> None:
    with torch.no_grad():
        theirs = twin(torch.tensor([IDS]), output_attentions=True, output_hidden_states=True)
    trace: dict[str, list[np.ndarray]] = {}
    model.forward(IDS, trace=trace)
    for ours, expected in zip(trace["attention"], theirs.attentions, strict=True):
        np.testing.assert_allclose(ours, expected[0].numpy(), atol=1e-5)
    for ours, expected in zip(trace["residual"][:-1], theirs.hidden_states[:-1], strict=True):
        np.testing.assert_allclose(ours, expected[0].numpy(), atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_weights_of_other_precision_are_computed_in_float32(model: Model, dtype: type) -> None:
    other = Model(model.config, {n: w.astype(dtype) for n, w in model.weights.items()}, model.tokenizer)
    logits = other.forward(IDS)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(
        logits, model.forward(IDS), atol=1e-4
    )  # the weights are exact in half precision


def test_an_output_matrix_of_its_own_is_refused(model: Model) -> None:
    weights = {**model.weights, "lm_head.weight": model.embedding}
    with pytest.raises(ValueError, match="lm_head.weight is not read"):
        Model(model.config, weights, model.tokenizer)


def test_shapes_of_the_trace(model: Model) -> None:
    trace: dict[str, list[np.ndarray]] = {}
    cache = Cache(model.config)
    model.forward(IDS[:4], cache)
    model.forward(IDS[4:], cache, trace)
    shapes = {name: (len(arrays), *arrays[0].shape) for name, arrays in trace.items()}
    assert shapes == {
        "residual": (4, 7, 32),
        "query": (3, 4, 7, 8),
        "key": (3, 2, 11, 8),
        "value": (3, 2, 11, 8),
        "attention": (3, 4, 7, 11),
        "mlp": (3, 7, 64),
    }


@pytest.mark.parametrize("cuts", [[1], [4], [1, 2, 3, 7], list(range(1, 11))])
def test_the_cache_changes_nothing(model: Model, cuts: list[int]) -> None:
    cache = Cache(model.config)
    chunks = [IDS[a:b] for a, b in zip([0, *cuts], [*cuts, len(IDS)], strict=True)]
    rows = np.concatenate([model.forward(chunk, cache) for chunk in chunks])
    np.testing.assert_allclose(rows, model.forward(IDS), atol=1e-4)


def test_forgetting_by_length(model: Model) -> None:
    cache = Cache(model.config)
    model.forward([*IDS[:5], 200, 201], cache)
    cache.length = 5
    np.testing.assert_allclose(model.forward(IDS[5:], cache), model.forward(IDS)[5:], atol=1e-4)


def test_no_token_sees_the_ones_after_it(model: Model) -> None:
    np.testing.assert_allclose(model.forward(IDS)[:6], model.forward([*IDS[:6], 99, 98])[:6], atol=1e-4)


def test_a_full_window_is_refused(model: Model) -> None:
    cache = Cache(model.config)
    model.forward([1] * 128, cache)
    with pytest.raises(ValueError, match="129 tokens do not fit the context window of 128"):
        model.forward([1], cache)


def test_a_saved_model_loads_the_same(model: Model, folder: Path) -> None:
    assert np.array_equal(Model.load(folder).forward(IDS), model.forward(IDS))


def test_transformers_reads_the_tokenizer_and_chat_template(model: Model, folder: Path) -> None:
    from pebble import chat

    theirs = AutoTokenizer.from_pretrained(folder)
    messages = [
        {"role": "user", "content": "The cat <|end|> sat?"},
        {"role": "assistant", "content": "On the mat."},
    ]
    messages = chat._defuse(messages)
    ours = chat.render(messages, tokenizer=model.tokenizer)
    assert ours == theirs.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert theirs.decode(ours) == model.tokenizer.decode(ours)


def test_softmax_of_large_scores() -> None:
    np.testing.assert_allclose(softmax(np.array([1000.0, 1000.0, -np.inf], np.float32)), [0.5, 0.5, 0])
