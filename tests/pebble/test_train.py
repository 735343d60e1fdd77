"""Training on a very small scale; a killed run goes on as if nothing had happened."""

import dataclasses
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pebble import corpus, train
from pebble.model import Model
from pebble.muon import orthogonal
from pebble.network import Net
from pebble.tokenizer import ASSISTANT, END, Tokenizer
from pebble.train import Recipe

TINY = Recipe(
    steps=6,
    batch_tokens=1024,
    vocab_size=320,
    width=32,
    layers=2,
    inner=32,
    context=512,
    warmup=2,
    short_shards=1,
)


@pytest.fixture
def folder(tmp_path: Path, tokenizer: Tokenizer) -> Path:
    tokenizer.save(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def recipe(tokenizer: Tokenizer) -> Recipe:
    return dataclasses.replace(TINY, vocab_size=len(tokenizer.vocab))


def test_the_network_is_that_of_model_py(recipe: Recipe, tokenizer: Tokenizer) -> None:
    torch.manual_seed(1)
    net = Net(recipe.config())
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.3)
    weights = {f"model.{name}": p.detach().numpy() for name, p in net.named_parameters()}
    ids = np.random.default_rng(0).integers(0, recipe.vocab_size, 60).tolist()
    with torch.no_grad():
        theirs = net.logits(net.hidden(torch.tensor([ids])))[0].numpy()
    np.testing.assert_allclose(Model(recipe.config(), weights, tokenizer).forward(ids), theirs, atol=1e-3)


def killed_and_resumed(recipe: Recipe, folder: Path) -> train.Training:
    """Three steps, a checkpoint, and nothing more; then the same command again."""
    killed = train.Training(recipe, "cpu")
    for batch, place in train.stream(recipe, folder, (0, 0)):
        killed.learn(batch)
        killed.place = place
        if killed.step == 3:
            break
    killed.save(folder / "checkpoint.pt")
    return train.train(recipe, folder)


def test_a_killed_run_ends_with_the_same_weights(recipe: Recipe, folder: Path) -> None:
    other = folder / "killed"
    other.mkdir()
    Tokenizer.load(folder).save(other)
    whole = train.train(recipe, folder)
    resumed = killed_and_resumed(recipe, other)
    assert resumed.step == whole.step == 6
    assert resumed.tokens == whole.tokens
    for name, array in whole.weights().items():
        assert np.array_equal(array, resumed.weights()[name]), name


DYING = """
import dataclasses, json, os, signal, sys
from pathlib import Path
from pebble import train

class Dying(train.Training):
    def learn(self, batch):
        if self.step == 109:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().learn(batch)

train.Training = Dying
train.train(train.Recipe(**json.loads(sys.argv[1])), Path(sys.argv[2]))
"""


def test_a_process_that_is_killed_loses_nothing(recipe: Recipe, folder: Path) -> None:
    """Nine steps after a checkpoint, by a signal that nobody can catch; the log is made good as well."""
    longer = dataclasses.replace(recipe, steps=140)
    other = folder / "killed"
    other.mkdir()
    Tokenizer.load(folder).save(other)
    given = json.dumps(dataclasses.asdict(longer))
    command = [sys.executable, "-c", DYING, given, str(other)]
    # waits for all who can write to its output, so also for the process that made shards
    died = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert died.returncode == -signal.SIGKILL, died.stderr
    with (other / "log.csv").open("a") as log:
        log.write("120,1,1,1,1,1\n")  # had it died later, after this line
    whole, resumed = train.train(longer, folder), train.train(longer, other)
    for name, array in whole.weights().items():
        assert np.array_equal(array, resumed.weights()[name]), name

    def lines(of: Path) -> list[list[str]]:
        cells = [line.split(",") for line in (of / "log.csv").read_text().splitlines()]
        return [row[:2] + row[3:] for row in cells]  # without the seconds

    assert lines(folder) == lines(other) and len(lines(folder)) == 8


def test_going_on_after_the_end_does_nothing(recipe: Recipe, folder: Path) -> None:
    first = train.train(recipe, folder).weights()
    again = train.train(recipe, folder).weights()
    assert all(np.array_equal(first[name], again[name]) for name in first)


def test_a_checkpoint_of_another_recipe_is_refused(recipe: Recipe, folder: Path) -> None:
    train.train(recipe, folder)
    train.train(dataclasses.replace(recipe, steps=7), folder)  # only longer
    other = dataclasses.replace(recipe, seed=1, width=64)
    with pytest.raises(
        ValueError, match=r"checkpoint.pt was trained with seed 0, not 1 and width 32, not 64\."
    ):
        train.train(other, folder)


def test_a_tokenizer_with_more_tokens_than_the_recipe_allows_is_refused(recipe: Recipe, folder: Path) -> None:
    fewer = dataclasses.replace(recipe, vocab_size=recipe.vocab_size - 1)
    with pytest.raises(
        ValueError, match=rf"has {recipe.vocab_size} tokens, not at most {fewer.vocab_size}\."
    ):
        train.train(fewer, folder)


def test_a_checkpoint_older_than_a_field_of_the_recipe_goes_on(recipe: Recipe, folder: Path) -> None:
    train.train(recipe, folder)
    state = torch.load(folder / "checkpoint.pt")
    del state["recipe"]["balance"]
    torch.save(state, folder / "checkpoint.pt")
    assert train.train(dataclasses.replace(recipe, steps=7), folder).step == 7


@pytest.mark.parametrize(
    ("given", "wanted"), [([], True), (["--induction"], True), (["--no-induction"], False)]
)
def test_what_is_true_or_false_has_two_names(
    monkeypatch: pytest.MonkeyPatch, given: list[str], wanted: bool
) -> None:
    class Asked(Exception):
        pass

    def asked(recipe: Recipe, *arguments: object, **more: object) -> None:
        raise Asked(recipe.induction)

    monkeypatch.setattr(train, "train", asked)
    monkeypatch.setattr("sys.argv", ["train", *given])
    with pytest.raises(Asked) as caught:
        train.main()
    assert caught.value.args == (wanted,)


def test_the_loss_falls(recipe: Recipe, folder: Path) -> None:
    training = train.Training(dataclasses.replace(recipe, steps=1000), "cpu")
    batch = train.shard(0, recipe, folder, 1024, size=64)[0]
    losses = [training.learn(batch)[0] for _ in range(40)]
    assert losses[-1] < losses[0] / 2


def test_half_precision_goes_nearly_the_same_way(recipe: Recipe, folder: Path) -> None:
    batch = train.shard(0, recipe, folder, 1024, size=64)[0]
    runs = [train.Training(dataclasses.replace(recipe, half=half), "cpu") for half in (False, True)]
    single, half = ([run.learn(batch)[0] for _ in range(5)] for run in runs)
    assert single != half
    assert single == pytest.approx(half, rel=0.01)


def test_the_log_has_a_line_every_twenty_steps_and_at_the_end(recipe: Recipe, folder: Path) -> None:
    train.train(dataclasses.replace(recipe, steps=21), folder)
    lines = (folder / "log.csv").read_text().splitlines()
    assert lines[0] == "step,tokens,seconds,loss,own_loss,rate"
    assert [line.split(",")[0] for line in lines[1:]] == ["20", "21"]


def test_what_pebble_writes_itself_is_marked(tokenizer: Tokenizer) -> None:
    e = corpus.Example("x", [corpus.user("hi"), corpus.says("yo"), corpus.user("bye"), corpus.says("so")])
    ids, own = train.row(e, tokenizer)
    assert tokenizer.decode([i for i, mine in zip(ids, own, strict=True) if mine]) == "yo<|end|>so<|end|>"
    assert not any(mine for i, mine in zip(ids, own, strict=True) if i == ASSISTANT)


def test_padding_is_never_learned_from() -> None:
    ids = torch.tensor([[0, 5, 6, END, END, END], [0, 5, 6, 7, 8, END]])
    assert train.lengths(ids).tolist() == [4, 6]


def test_a_batch_keeps_to_its_size(recipe: Recipe, folder: Path) -> None:
    batches = train.shard(3, recipe, folder, batch_tokens=2048, size=200)
    assert all(ids.size <= 2048 or len(ids) == 1 for ids, _ in batches)
    assert sum(len(ids) for ids, _ in batches) > 150


def test_first_shards_are_short(recipe: Recipe, folder: Path) -> None:
    longest = [max(ids.shape[1] for ids, _ in train.shard(n, recipe, folder, 4096, size=100)) for n in (0, 5)]
    assert longest[0] <= 96 < longest[1]


@pytest.mark.parametrize(("step", "rate"), [(0, 0.5), (1, 1.0), (4, 1.0), (5, 5 / 6), (8, 2 / 6), (10, 0.0)])
def test_the_learning_rate_rises_stays_and_falls(step: int, rate: float) -> None:
    assert train.rate_at(step, Recipe(steps=10, warmup=2, decay=0.6)) == pytest.approx(rate)


def test_orthogonal_makes_all_directions_alike() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 16, 40)
    singular = torch.linalg.svdvals(orthogonal(x))
    assert singular.min() > 0.5 and singular.max() < 1.4
    assert torch.linalg.svdvals(x).max() > 5  # which it was not before


def test_begun_with_induction_the_network_copies_untrained() -> None:
    torch.manual_seed(0)
    said = torch.randint(8, 1536, (8, 40))

    def copied(induction: bool) -> float:
        torch.manual_seed(0)
        net = Net(Recipe().config(), induction=induction)
        with torch.no_grad():
            guesses = net.logits(net.hidden(torch.cat([said, said], 1))).argmax(-1)
        return (guesses[:, 40:-1] == said[:, 1:]).float().mean().item()

    assert copied(induction=False) < 0.01
    assert copied(induction=True) > 0.1
