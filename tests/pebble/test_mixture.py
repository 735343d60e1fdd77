"""The mixture of experts: its forward pass against transformers' MixtralForCausalLM, its training, its weights."""

import dataclasses
import doctest
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import MixtralForCausalLM

from pebble import corpus, export, mixture, server, train
from pebble.export import save
from pebble.mixture import MixtureModel
from pebble.model import Model, Trace, softmax
from pebble.muon import orthogonal
from pebble.network import Net
from pebble.serving.engine import Settings, Task
from pebble.tokenizer import WEIGHTS, Tokenizer
from pebble.train import Recipe, Training
from tests.bench import mixture as measured
from tests.pebble.test_train import killed_and_resumed

CARD = WEIGHTS / "README.md"
TINY = Recipe(steps=6, batch_tokens=1024, width=32, layers=2, inner=24, experts=4, warmup=2, short_shards=1)


@pytest.fixture(scope="module")
def recipe(tokenizer: Tokenizer) -> Recipe:
    return dataclasses.replace(TINY, vocab_size=len(tokenizer.vocab))


@pytest.fixture
def net(recipe: Recipe) -> Net:
    """Random weights, large enough that every part leaves its mark."""
    torch.manual_seed(1)
    net = Net(recipe.config())
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.3)
    return net


@pytest.fixture
def model(net: Net, recipe: Recipe, tokenizer: Tokenizer, tmp_path: Path) -> MixtureModel:
    """The same on disk and back."""
    weights = {f"model.{name}": p.detach().numpy() for name, p in net.named_parameters()}
    save(recipe.config(), weights, tokenizer, tmp_path)
    return MixtureModel.load(tmp_path)


@pytest.fixture
def ids(recipe: Recipe) -> list[int]:
    return np.random.default_rng(0).integers(0, recipe.vocab_size, 100).tolist()


def scores_of_transformers(folder: Path, ids: list[int]) -> np.ndarray:
    twin = MixtralForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        return twin(torch.tensor([ids])).logits[0].numpy()


def test_logits_equal_transformers(model: MixtureModel, tmp_path: Path, ids: list[int]) -> None:
    theirs = scores_of_transformers(tmp_path, ids)
    assert np.abs(theirs).max() > 1
    np.testing.assert_allclose(model.forward(ids), theirs, atol=1e-4)


def test_a_folder_says_of_what_kind_its_model_is(model: MixtureModel, tmp_path: Path, ids: list[int]) -> None:
    loaded = mixture.load_model(tmp_path)
    assert isinstance(loaded, MixtureModel)
    assert np.array_equal(loaded.forward(ids), model.forward(ids))
    assert type(mixture.load_model()) is Model


def test_the_server_takes_a_mixture_and_the_export_says_that_it_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    task = Task(messages=[corpus.user("Hello!")], settings=Settings(max_tokens=3))
    assert list(server.load(WEIGHTS / "mixture").answer(task))[-1].tokens > 0
    monkeypatch.setattr("sys.argv", ["export", str(tmp_path), "--weights", str(WEIGHTS / "mixture")])
    with pytest.raises(
        SystemExit, match="mixture holds a mixture of experts; only the dense model is exported"
    ):
        export.main()


def not_renormalised(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    chosen = np.argsort(-scores, axis=-1)[:, :k]
    return chosen, np.take_along_axis(softmax(scores), chosen, -1)


def the_worst(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    chosen = np.argsort(scores, axis=-1)[:, :k]
    return chosen, softmax(np.take_along_axis(scores, chosen, -1))


@pytest.mark.parametrize("fault", [not_renormalised, the_worst])
def test_a_wrong_router_would_be_seen(
    model: MixtureModel, tmp_path: Path, ids: list[int], monkeypatch: pytest.MonkeyPatch, fault: object
) -> None:
    monkeypatch.setattr(mixture, "route", fault)
    assert np.abs(model.forward(ids) - scores_of_transformers(tmp_path, ids)).max() > 0.01


def test_the_network_is_that_of_mixture_py(net: Net, model: MixtureModel, ids: list[int]) -> None:
    trace: Trace = {}
    with torch.no_grad():
        theirs = net.logits(net.hidden(torch.tensor([ids])))[0].numpy()
    np.testing.assert_allclose(model.forward(ids, trace=trace), theirs, atol=1e-3)
    for block, chosen in zip(net.blocks, trace["experts"], strict=True):
        assert np.array_equal(block.block_sparse_moe.chosen.numpy(), chosen)


def test_the_penalty_is_least_when_all_experts_get_the_same(net: Net) -> None:
    experts, real = net.blocks[0].block_sparse_moe, torch.tensor([[True] * 4 + [False]])
    experts.chosen = torch.tensor([[0, 1], [1, 2], [2, 3], [3, 0], [0, 0]])  # the last is padding
    experts.probabilities = torch.tensor([[0.25] * 4] * 4 + [[1.0, 0, 0, 0]])
    assert experts.imbalance(real).item() == pytest.approx(1)
    experts.chosen = torch.tensor([[0, 1]] * 5)
    experts.probabilities = torch.tensor([[0.4, 0.4, 0.1, 0.1]] * 5)
    assert experts.imbalance(real).item() == pytest.approx(4 * 2 * 0.5 * 0.4)


def test_the_penalty_evens_out_the_load(recipe: Recipe, tmp_path: Path, tokenizer: Tokenizer) -> None:
    tokenizer.save(tmp_path)
    batch = train.shard(0, recipe, tmp_path, 1024, size=64)[0]
    uneven = []
    for balance in (0.0, 1.0):
        training = Training(dataclasses.replace(recipe, steps=1000, balance=balance), "cpu")
        for _ in range(30):
            training.learn(batch)
        real = torch.ones(batch[0].shape[0], batch[0].shape[1] - 1, dtype=torch.bool)
        uneven.append(training.net.imbalance(real).item())
    assert uneven[1] < uneven[0]


def test_each_expert_is_a_matrix_of_its_own_to_muon(recipe: Recipe) -> None:
    training = Training(recipe, "cpu")
    by_muon = [p for ps in training.muon.groups.values() for p in ps]
    for name, p in training.net.named_parameters():
        in_muon = any(p is q for q in by_muon)
        assert in_muon == (
            name.startswith("layers") and p.dim() == 2 and "block_sparse_moe.gate." not in name
        )
    assert len(training.muon.groups[24, 32]) == 2 * 4 * 3  # layers, experts, matrices
    stack = torch.randn(3, 24, 32) * torch.tensor([1.0, 10.0, 100.0])[:, None, None]
    alone = torch.cat([orthogonal(x[None]) for x in stack])
    torch.testing.assert_close(orthogonal(stack), alone, atol=0.02, rtol=0)


def test_a_killed_run_ends_with_the_same_weights(
    recipe: Recipe, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    whole, other = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, other):
        folder.mkdir()
        tokenizer.save(folder)
    before = Training(recipe, "cpu").weights()
    trained = train.train(recipe, whole).weights()
    assert all(not np.array_equal(before[name], trained[name]) for name in before)  # idle experts would stay
    resumed = killed_and_resumed(recipe, other).weights()
    assert all(np.array_equal(trained[name], resumed[name]) for name in trained)


def test_without_experts_nothing_is_penalised(recipe: Recipe, tmp_path: Path, tokenizer: Tokenizer) -> None:
    tokenizer.save(tmp_path)
    dense = [dataclasses.replace(recipe, experts=0, balance=balance) for balance in (0.0, 1000.0)]
    one, other = (train.train(r, tmp_path / str(n)).weights() for n, r in enumerate(dense))
    assert all(np.array_equal(one[name], other[name]) for name in one)
    assert not any("block_sparse_moe" in name for name in one)


def test_the_docstrings() -> None:
    failed, tried = doctest.testmod(mixture)
    assert tried > 0
    assert failed == 0


# ---------------------------------------------------------------- the stored weights


@pytest.fixture(scope="module")
def stored() -> MixtureModel:
    return MixtureModel.load()


def test_the_stored_mixture_is_one_for_transformers(stored: MixtureModel) -> None:
    ids = stored.tokenizer.encode("<|begin|><|user|>What is a token?<|end|><|assistant|>", special=True)
    np.testing.assert_allclose(
        stored.forward(ids), scores_of_transformers(WEIGHTS / "mixture", ids), atol=1e-4
    )
    assert stored.tokenizer.vocab == Tokenizer.load(WEIGHTS).vocab


def test_every_token_takes_two_different_experts(stored: MixtureModel) -> None:
    trace: Trace = {}
    stored.forward(list(range(400)), trace=trace)
    assert [a.shape for a in trace["experts"]] == [(400, 2)] * 2
    for chosen, share in zip(trace["experts"], trace["shares"], strict=True):
        assert (chosen[:, 0] != chosen[:, 1]).all() and chosen.min() == 0 and chosen.max() == 7
        np.testing.assert_allclose(share.sum(-1), 1, atol=1e-6)
        assert (share[:, 0] >= share[:, 1]).all()


def test_the_card_shows_the_stored_results() -> None:
    results = json.loads((WEIGHTS / "mixture" / "results.json").read_text(encoding="utf-8"))
    assert measured.comparison(results) in CARD.read_text(encoding="utf-8")


def test_the_mixture_is_as_good_as_the_card_says(stored: MixtureModel) -> None:
    """Within a few per cent: the corpus may change under the held-out examples."""
    name = "mixture, 2 of 8 experts"
    said = json.loads((WEIGHTS / "mixture" / "results.json").read_text(encoding="utf-8"))[name]
    assert measured.weights(stored) == (said["weights"], said["active"])
    assert measured.losses(stored, measured.held_out()).mean() == pytest.approx(said["loss"], rel=0.05)


def test_experts_take_what_the_card_says(stored: MixtureModel) -> None:
    table = measured.shares(measured.taken(stored, measured.held_out(5))).splitlines()
    in_card = CARD.read_text(encoding="utf-8").splitlines()
    start = in_card.index(table[0])
    for measured_now, said in zip(table[2:], in_card[start + 2 :], strict=False):
        (*what, shares), (*said_what, said_shares) = (line.split(" | ", 2) for line in (measured_now, said))
        assert what == said_what
        now, before = (np.array(row.strip(" |").split(" | "), int) for row in (shares, said_shares))
        assert np.abs(now - before).max() <= 6, (measured_now, said)


def test_losses_and_choices_are_counted_rightly(stored: MixtureModel) -> None:
    example = corpus.Example("x", [corpus.user("7?"), corpus.says("7")])
    ids, _ = train.row(example, stored.tokenizer)
    p = softmax(stored.forward(ids))
    expected = [-np.log(p[n - 1, ids[n]]) for n in (len(ids) - 2, len(ids) - 1)]  # "7" and the end
    np.testing.assert_allclose(measured.losses(stored, [example]), expected, rtol=1e-4)
    counts = measured.taken(stored, [example])
    sorts = [mixture.SORTS[n] for n in np.flatnonzero(counts[0].sum(-1))]
    assert sorts == ["special", "digit", "mark"]
    assert counts.sum() == 2 * 2 * len(ids)


def test_bits() -> None:
    assert measured.bits(np.array([[3, 0], [0, 3]])) == pytest.approx(1)  # the row tells all
    assert measured.bits(np.array([[2, 4], [1, 2]])) == pytest.approx(0)  # and here nothing
