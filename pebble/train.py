"""Training: guess the next token, look how wrong the guess was, change the weights a little, many times.

    python -m pebble.train                 train in .cache/pebble, then write the result to pebble/weights
    python -m pebble.train --evaluate      only measure the stored weights, as evaluate.py says

A run can be killed at any time. Started again it goes on from its last checkpoint, with the same examples
in the same order, because the examples of step n depend on n and the seed alone.
"""

import argparse
import functools
import multiprocessing
import os
import random
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional as F

from pebble import chat, corpus, evaluate
from pebble.corpus import World
from pebble.export import save
from pebble.mixture import MixtureConfig, load_model
from pebble.model import Array, Config, read_safetensors
from pebble.muon import Muon
from pebble.network import Net
from pebble.tokenizer import ASSISTANT, BEGIN, END, SPECIAL, WEIGHTS, Tokenizer


def half_is_fast() -> bool:
    """Whether products in bfloat16 are faster here: on a GPU, and on a CPU that has instructions for them.

    Other CPUs imitate them, and are many times slower than in float32.
    """
    able = torch.cpu.get_capabilities()
    return torch.cuda.is_available() or any(able.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


@dataclass
class Recipe:
    """Everything that decides what comes out: the same recipe gives the same weights, on one machine."""

    seed: int = 0
    steps: int = 4000
    batch_tokens: int = 4096  # tokens in a step, padding included
    short_shards: int = 8  # the first so many thousand examples are short ones: copying is learned sooner
    vocab_size: int = 1536  # at most
    width: int = 128
    layers: int = 6
    heads: int = 4
    kv_heads: int = 2
    inner: int = 320
    context: int = 512
    rope_theta: float = 100_000.0
    matrix_rate: float = 0.006  # learning rate of the matrices inside the layers (Muon)
    other_rate: float = 0.003  # and of embeddings and norms (AdamW)
    weight_decay: float = 0.1  # of the matrices; without it attention grew so sharp that it stopped learning
    warmup: int = 50  # steps until the full learning rate
    decay: float = 0.65  # the last part of training, in which the rate falls to zero
    prompt_share: float = 0.0  # of the tokens that Pebble need not write, so many are learned from
    average: float = 0.998  # the weights that are kept are a running mean over the last few hundred steps
    embedding_std: float = 0.08
    half: bool = half_is_fast()  # matrix products in bfloat16, weights and sums in float32
    induction: bool = True  # start with heads that copy: see `Net.begin_with_induction`
    experts: int = 0  # in each layer, of width `inner`; 0 is one feed-forward network for all tokens
    experts_per_token: int = 2
    balance: float = 0.01  # weight of the penalty for experts chosen unevenly

    def config(self) -> Config:
        shape = (
            self.vocab_size,
            self.width,
            self.layers,
            self.heads,
            self.kv_heads,
            self.inner,
            self.context,
        )
        if self.experts:
            mixture = (self.experts, self.experts_per_token, self.balance)
            return MixtureConfig(*shape, self.rope_theta, Config.rms_norm_eps, *mixture)
        return Config(*shape, rope_theta=self.rope_theta)


# ---------------------------------------------------------------- examples as rows of numbers


def row(example: corpus.Example, tokenizer: Tokenizer) -> tuple[list[int], list[bool]]:
    """Token numbers, and which of them Pebble has to write itself: its own turns, or all of a text."""
    if example.text:
        ids = [BEGIN, *tokenizer.encode(example.text), END]
        return ids, [False] + [True] * (len(ids) - 1)
    ids = chat.render(example.messages, example.tools, tokenizer=tokenizer, answer=False)
    own, speaking = [], False
    for i in ids:
        own.append(speaking)
        speaking = (speaking and i != END) or i == ASSISTANT
    return ids, own


Batch = tuple[np.ndarray, np.ndarray]  # ids [B, T] and the mask of own tokens [B, T]


def shard(number: int, recipe: Recipe, folder: Path, batch_tokens: int, size: int = 1024) -> list[Batch]:
    """A thousand examples as batches of rows of similar length, in random order."""
    longest = 96 if number < recipe.short_shards else recipe.context
    tokenizer = loaded(folder)
    rng = random.Random(f"{recipe.seed} {number}")
    world = World(rng)
    rows = [r for r in (row(corpus.example(world), tokenizer) for _ in range(size)) if len(r[0]) <= longest]
    rows.sort(key=lambda r: len(r[0]))
    batches, start = [], 0
    while start < len(rows):
        stop = start + 1
        while stop < len(rows) and len(rows[stop][0]) * (stop + 1 - start) <= batch_tokens:
            stop += 1
        batches.append(padded(rows[start:stop]))
        start = stop
    rng.shuffle(batches)
    return batches


loaded = functools.cache(Tokenizer.load)


def padded(rows: list[tuple[list[int], list[bool]]]) -> Batch:
    length = max(len(ids) for ids, _ in rows)
    ids = np.full((len(rows), length), END)
    own = np.zeros((len(rows), length), bool)
    for n, (i, o) in enumerate(rows):
        ids[n, : len(i)], own[n, : len(o)] = i, o
    return ids, own


Place = tuple[int, int]  # a shard, and how many of its batches are behind us


def stream(
    recipe: Recipe, folder: Path, place: Place, rank: int = 0, ranks: int = 1
) -> Iterator[tuple[Batch, Place]]:
    """Batches without end, each with the place after it; another process makes them meanwhile.

    Of several training processes (`ranks`) each takes every so-manieth batch, of as many tokens less.
    """
    make = functools.partial(shard, recipe=recipe, folder=folder, batch_tokens=recipe.batch_tokens // ranks)
    number, behind = place
    with ProcessPoolExecutor(1, initializer=end_with_the_trainer) as pool:
        waiting = [pool.submit(make, number), pool.submit(make, number + 1)]
        while True:
            batches = waiting.pop(0).result()
            waiting.append(pool.submit(make, number + 2))
            mine = batches[: len(batches) // ranks * ranks][rank::ranks]
            for n in range(behind, len(mine)):
                yield mine[n], (number, n + 1)
            number, behind = number + 1, 0


def end_with_the_trainer() -> None:
    """In the process that makes shards: stop when the one that trains is gone, even if it was killed."""

    def wait() -> None:
        if trainer := multiprocessing.parent_process():
            trainer.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


# ---------------------------------------------------------------- optimisation


def rate_at(step: int, recipe: Recipe) -> float:
    """Share of the full learning rate: up, level, and down to zero in a straight line."""
    falling = (recipe.steps - step) / max(1, recipe.steps * recipe.decay)
    return min(1.0, (step + 1) / recipe.warmup, falling)


class OtherRecipeError(ValueError):
    """A folder that the recipe at hand cannot go on in, told for the one who trains."""


class Training:
    """All that a checkpoint must hold to go on as if nothing had happened."""

    def __init__(self, recipe: Recipe, device: str) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.device = recipe, device
        self.net = Net(recipe.config(), recipe.embedding_std, recipe.induction).to(device)
        self.mean = [p.detach().clone() for p in self.net.parameters()]
        named = dict(self.net.named_parameters())
        # not the routers: they make a choice, as the embeddings do at the end, and need no equal directions
        inside = {n for n in named if n.startswith("layers") and named[n].dim() == 2 and ".gate." not in n}
        matrices = [p for n, p in named.items() if n in inside]
        others = [p for n, p in named.items() if n not in inside]
        self.muon = Muon(matrices)
        self.adam = torch.optim.AdamW(others, lr=recipe.other_rate, betas=(0.9, 0.98), weight_decay=0.0)
        self.step = self.tokens = 0
        self.place: Place = (0, 0)
        self.rank, self.ranks = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        self.seconds = 0.0

    def learn(self, batch: Batch) -> tuple[float, float]:
        """One step. Returns the loss on all tokens learned from, and on those that Pebble writes itself."""
        ids, own = (torch.from_numpy(a).to(self.device) for a in batch)
        coins = torch.rand(
            own.shape,
            generator=torch.Generator().manual_seed(
                self.recipe.seed * 1_000_003 + self.step * 64 + self.rank
            ),
        )
        real = torch.arange(ids.shape[1], device=self.device) < lengths(ids)[:, None]
        chosen = ((own | (coins.to(self.device) < self.recipe.prompt_share)) & real)[:, 1:]
        with self.half_precision():
            hidden = self.net.hidden(ids[:, :-1])[
                chosen
            ]  # only what counts goes through the costly last product
            logits = self.net.logits(hidden)
        losses = F.cross_entropy(logits.float(), ids[:, 1:][chosen], reduction="none")
        loss = losses.mean()
        penalty = self.recipe.balance * self.net.imbalance(real[:, :-1]) if self.recipe.experts else 0.0
        (loss + penalty).backward()  # type: ignore[no-untyped-call]
        self.share_gradients()
        rate = rate_at(self.step, self.recipe)
        with self.half_precision():
            self.muon.step(rate * self.recipe.matrix_rate, self.recipe.weight_decay)
        self.adam.param_groups[0]["lr"] = rate * self.recipe.other_rate
        self.adam.step()
        self.net.zero_grad()
        self.step += 1
        self.tokens += int(real.sum()) * self.ranks
        decay = min(self.recipe.average, (self.step + 1) / (self.step + 10))
        torch._foreach_lerp_(self.mean, [p.detach() for p in self.net.parameters()], 1 - decay)
        return loss.item(), losses.detach()[own[:, 1:][chosen]].mean().item()

    def half_precision(self) -> torch.autocast:
        """In its block products are in bfloat16, where the recipe wants that: half the digits are enough."""
        return torch.autocast(self.device, torch.bfloat16, enabled=self.recipe.half)

    def share_gradients(self) -> None:
        """If several processes train together, each on its own batches, all go the mean way."""
        if self.ranks > 1:
            gradients = [p.grad for p in self.net.parameters() if p.grad is not None]
            flat = torch.cat([g.flatten() for g in gradients]) / self.ranks
            dist.all_reduce(flat)
            for g, mean in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
                g.copy_(mean.view_as(g))

    def save(self, file: Path) -> None:
        state = {
            "recipe": asdict(self.recipe), "net": self.net.state_dict(), "mean": self.mean,
            "muon": self.muon.velocity, "adam": self.adam.state_dict(), "step": self.step,
            "place": self.place, "tokens": self.tokens, "seconds": self.seconds,
        }  # fmt: skip
        torch.save(state, file.with_suffix(".new"))
        file.with_suffix(".new").replace(file)  # at once: a kill leaves the old file or the new one

    def load(self, file: Path) -> None:
        """Go on from a checkpoint. Raises OtherRecipeError if it is another's."""
        state = torch.load(file, map_location=self.device)
        then = asdict(Recipe()) | state["recipe"]  # a checkpoint may be older than one of the fields
        changed = [
            f"{name} {then[name]}, not {value}"
            for name, value in asdict(self.recipe).items()
            if name not in ("steps", "half") and then[name] != value
        ]
        if changed:
            raise OtherRecipeError(f"{file} was trained with {' and '.join(changed)}. Name another --folder.")
        self.net.load_state_dict(state["net"])
        self.adam.load_state_dict(state["adam"])
        self.mean, self.muon.velocity = state["mean"], state["muon"]
        self.step, self.place = state["step"], state["place"]
        self.tokens, self.seconds = state["tokens"], state["seconds"]

    @torch.no_grad()
    def begin_from(self, weights: dict[str, Array]) -> None:
        """Start from a trained model instead of from chance: to learn what its corpus has gained since."""
        for (name, p), mean in zip(self.net.named_parameters(), self.mean, strict=True):
            p.copy_(torch.from_numpy(weights[f"model.{name}"]))
            mean.copy_(p)

    def weights(self) -> dict[str, Array]:
        """The averaged weights under their names in transformers."""
        names = (n for n, _ in self.net.named_parameters())
        return {f"model.{n}": m.cpu().numpy() for n, m in zip(names, self.mean, strict=True)}


def lengths(ids: Tensor) -> Tensor:
    """Of each row, up to and with the END before the padding (which is END, too)."""
    last = (ids != END).long() * torch.arange(ids.shape[1], device=ids.device)
    return last.max(1).values + 2


def train(
    recipe: Recipe, folder: Path, device: str = "cpu", say: bool = False, begin: Path | None = None
) -> Training:
    """Train, or go on, in a folder; leave there tokenizer.json, checkpoint.pt and log.csv.

    begin: a folder with a trained model to start from, with its tokenizer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "tokenizer.json").exists():
        (Tokenizer.load(begin) if begin else tokenizer_of(recipe)).save(folder)
    tokens = len(Tokenizer.load(folder).vocab)
    if tokens > recipe.vocab_size:
        wanted = f"not at most {recipe.vocab_size}. Name another --folder."
        raise OtherRecipeError(f"{folder / 'tokenizer.json'} has {tokens} tokens, {wanted}")
    recipe = replace(recipe, vocab_size=tokens)  # perhaps fewer
    training, checkpoint = Training(recipe, device), folder / "checkpoint.pt"
    if checkpoint.exists():
        training.load(checkpoint)
    elif begin:
        training.begin_from(read_safetensors(begin / "model.safetensors"))
    log = Log(folder / "log.csv", training, say) if training.rank == 0 else None
    clock = time.monotonic() - training.seconds
    for batch, place in stream(recipe, folder, training.place, training.rank, training.ranks):
        if training.step >= recipe.steps:
            break
        losses = training.learn(batch)
        training.place, training.seconds = place, time.monotonic() - clock
        if log:
            log.add(*losses)
            if training.step % 100 == 0 or training.step == recipe.steps:
                training.save(checkpoint)
    return training


class Log:
    """Writes a line of log.csv every twenty steps, and says how it goes."""

    HEADER = "step,tokens,seconds,loss,own_loss,rate"

    def __init__(self, file: Path, training: Training, say: bool) -> None:
        self.file, self.training, self.say = file, training, say
        self.recent: list[tuple[float, float]] = []
        self.begun = training.tokens, training.seconds
        old = file.read_text().splitlines()[1:] if file.exists() else []
        kept = [line for line in old if int(line.split(",")[0]) <= training.step]  # the rest will come again
        file.write_text("\n".join([self.HEADER, *kept]) + "\n")

    def add(self, loss: float, own_loss: float) -> None:
        self.recent.append((loss, own_loss))
        t, steps = self.training, self.training.recipe.steps
        if t.step % 20 and t.step != steps:
            return
        loss, own_loss = (sum(x) / len(x) for x in zip(*self.recent, strict=True))
        self.recent.clear()
        rate = rate_at(t.step, t.recipe)
        with self.file.open("a") as out:
            out.write(f"{t.step},{t.tokens},{t.seconds:.0f},{loss:.4f},{own_loss:.4f},{rate:.3f}\n")
        if self.say:
            speed = (t.tokens - self.begun[0]) / (t.seconds - self.begun[1])
            left = (steps - t.step) * t.tokens / t.step / speed / 60
            print(
                f"step {t.step:5d}/{steps}  loss {loss:.3f}  own {own_loss:.3f}"
                f"  {speed:6.0f} tokens/s  {left:4.0f} min left",
                flush=True,
            )


def tokenizer_of(recipe: Recipe) -> Tokenizer:
    """Learned from the first three thousand training examples."""
    world = World(random.Random(f"tokenizer {recipe.seed}"))
    examples = (corpus.example(world) for _ in range(3000))
    parts = re.compile("|".join(map(re.escape, SPECIAL)))
    texts = (e.text or parts.sub("\n", chat.prompt(e.messages, e.tools, answer=False)) for e in examples)
    return Tokenizer.train(texts, recipe.vocab_size)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--folder", type=Path, default=Path(".cache/pebble"), help="where checkpoints are kept"
    )
    parser.add_argument("--into", type=Path, default=WEIGHTS, help="where the trained model goes")
    parser.add_argument("--begin", type=Path, help="a trained model to start from, such as pebble/weights")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 leaves the choice to PyTorch")
    parser.add_argument(
        "--evaluate", action="store_true", help="measure the stored weights instead of training"
    )
    for f in fields(Recipe):
        how: dict[str, Any] = {"type": type(f.default)}
        if isinstance(f.default, bool):  # --half and --no-half
            how = {"action": argparse.BooleanOptionalAction}
        parser.add_argument("--" + f.name.replace("_", "-"), default=f.default, **how)
    arguments = parser.parse_args()
    if not arguments.evaluate:
        # every batch has a shape of its own; products prepared for old shapes would only fill the memory
        os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
        if "WORLD_SIZE" in os.environ:  # several processes, started by torchrun
            dist.init_process_group("gloo")
        if arguments.threads:
            torch.set_num_threads(arguments.threads)
        recipe = Recipe(**{f.name: getattr(arguments, f.name) for f in fields(Recipe)})
        device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            training = train(recipe, arguments.folder, device, say=True, begin=arguments.begin)
        except OtherRecipeError as error:
            sys.exit(str(error))
        if training.rank > 0:
            return
        finish(training, arguments.folder, arguments.into)
    results = evaluate.measure(load_model(arguments.into), count=200, seed=1)
    if (arguments.into / "README.md").exists():  # the smaller models have a section in Pebble's card
        evaluate.write(results, arguments.into)
    print(evaluate.table(results))


def finish(training: Training, folder: Path, into: Path) -> None:
    """Store the averaged weights in half precision, with the tokenizer and the log."""
    save(training.recipe.config(), training.weights(), Tokenizer.load(folder), into, "float16")
    shutil.copyfile(folder / "log.csv", into / "log.csv")


if __name__ == "__main__":
    main()
