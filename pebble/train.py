"""Training: guess the next token, look how wrong the guess was, change the weights a little, many times.

    python -m pebble.train                 train into build/pebble, then write the result to pebble/weights
    python -m pebble.train --evaluate      measure the stored weights on the tests of evaluate.py

A run can be killed at any time. Started again it goes on from its last checkpoint, with the same examples in the
same order, because the examples of step n depend on n and the seed alone.
"""

import argparse
import csv
import functools
import os
import json
import math
import random
import re
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F

from pebble import chat, corpus
from pebble.export import save
from pebble.model import Array, Config
from pebble.tokenizer import ASSISTANT, BEGIN, END, SPECIAL, WEIGHTS, Tokenizer
from pebble.corpus import World


@dataclass
class Recipe:
    """Everything that decides what comes out. Two runs of the same recipe on one machine give the same weights."""

    seed: int = 0
    steps: int = 4000
    batch_tokens: int = 4096  # tokens in a step, padding included
    short_shards: int = 8  # the first so many thousand examples are short ones: copying is learned sooner
    vocab_size: int = 1536
    width: int = 128
    layers: int = 6
    heads: int = 4
    kv_heads: int = 2
    inner: int = 320
    context: int = 512
    rope_theta: float = 100_000.0
    matrix_rate: float = 0.02  # learning rate of the matrices inside the layers (Muon)
    other_rate: float = 0.003  # and of embeddings and norms (AdamW)
    warmup: int = 50  # steps until the full learning rate
    decay: float = 0.3  # the last part of training, in which the rate falls to zero
    prompt_share: float = 0.15  # of the tokens that Pebble need not write, so many are learned from as well
    average: float = 0.998  # the weights that are kept are a running mean over the last few hundred steps
    embedding_std: float = 0.08
    induction: bool = True  # start with heads that copy: see `Net.begin_with_induction`

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
        return Config(*shape, rope_theta=self.rope_theta)


# ---------------------------------------------------------------- the network, as in model.py but for batches


def linear(inputs: int, outputs: int) -> nn.Linear:
    return nn.Linear(inputs, outputs, bias=False)


class Attention(nn.Module):
    """The names here and below are those of transformers' LlamaForCausalLM."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.width, self.group = c.head_width, c.num_attention_heads // c.num_key_value_heads
        self.q_proj = linear(c.hidden_size, c.hidden_size)
        self.k_proj = linear(c.hidden_size, c.num_key_value_heads * c.head_width)
        self.v_proj = linear(c.hidden_size, c.num_key_value_heads * c.head_width)
        self.o_proj = linear(c.hidden_size, c.hidden_size)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:  # [B, T, D] -> [B, T, D]
        b, t, _ = x.shape
        q, k, v = (
            p(x).view(b, t, -1, self.width).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj)
        )
        q, k = turn(q, cos, sin), turn(k, cos, sin)  # [B, H, T, C], [B, K, T, C]
        k, v = k.repeat_interleave(self.group, 1), v.repeat_interleave(self.group, 1)
        # rows are padded on the right, where no real token can see the padding
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(y.transpose(1, 2).reshape(b, t, -1))  # type: ignore[no-any-return]


class FeedForward(nn.Module):
    def __init__(self, c: Config) -> None:
        super().__init__()
        self.gate_proj = linear(c.hidden_size, c.intermediate_size)
        self.up_proj = linear(c.hidden_size, c.intermediate_size)
        self.down_proj = linear(c.intermediate_size, c.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))  # type: ignore[no-any-return]


class Block(nn.Module):
    """One layer."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.self_attn = Attention(c)
        self.post_attention_layernorm = nn.RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.mlp = FeedForward(c)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:  # [B, T, D] -> [B, T, D]
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))  # type: ignore[no-any-return]


def turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


class Net(nn.Module):
    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        c = self.c = recipe.config()
        self.embed_tokens = nn.Embedding(c.vocab_size, c.hidden_size)
        self.blocks = [Block(c) for _ in range(c.num_hidden_layers)]
        self.layers = nn.ModuleList(self.blocks)
        self.norm = nn.RMSNorm(c.hidden_size, c.rms_norm_eps)
        angles = torch.outer(torch.arange(c.max_position_embeddings).float(), self.speeds())
        self.cos = nn.Buffer(angles.cos(), persistent=False)
        self.sin = nn.Buffer(angles.sin(), persistent=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=recipe.embedding_std if "embed" in name else c.hidden_size**-0.5)
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                nn.init.zeros_(p)
        if recipe.induction:
            self.begin_with_induction(recipe.embedding_std)

    def speeds(self) -> Tensor:
        half = self.c.head_width // 2
        return self.c.rope_theta ** (-torch.arange(half) / half)

    @torch.no_grad()
    def begin_with_induction(self, std: float) -> None:
        """Let four heads start out as the circuit that copies; training may make of them what it likes.

        "… Mira Dahl … Mira" -> "Dahl" takes two heads in a row. The first tells each token what stood before it,
        the second finds the place whose predecessor is the token at hand. Neither helps without the other, so that
        training sits on a plateau for long before both are there: too long for a model that is trained on a laptop.
        """
        c, width = self.c, self.c.head_width
        generator = torch.Generator().manual_seed(0)

        def code() -> Tensor:  # [C, D]: a random view of the residual stream
            return torch.linalg.qr(torch.randn(c.hidden_size, width, generator=generator))[0].T

        # layer 0: all embeddings share channel 0, and from it alone come queries and keys that fit best at a
        # distance of one (head 0) and of two tokens (head 1), by those channels that RoPE turns fast
        shared = 4 * std
        self.embed_tokens.weight[:, 0] = shared
        one = (shared**2 / c.hidden_size + std**2) ** 0.5 / shared  # reads the shared channel, normed, as 1
        fast = (self.speeds() > 0.05).float()
        first, second = self.blocks[0].self_attn, self.blocks[1].self_attn
        first.k_proj.weight[:width] = 0
        first.k_proj.weight[:width, 0] = torch.cat([fast, 0 * fast]) * one
        for head in (0, 1):
            angle = self.speeds() * (head + 1)
            first.q_proj.weight[head * width : (head + 1) * width] = 0
            toward = torch.cat([fast * angle.cos(), -fast * angle.sin()])
            first.q_proj.weight[head * width : (head + 1) * width, 0] = toward * one * 3 * width**0.5

        # what they hand over: a code of the token they see, written to a place of its own, as loud as the token
        token, before, before_that, output = code(), code(), code(), code()
        loud = std * width**-0.5 * c.hidden_size**0.5
        token[:, 0] = 0
        first.v_proj.weight[:width] = token
        first.o_proj.weight[:, :width] = before.T * loud
        first.o_proj.weight[:, width : 2 * width] = before_that.T * loud

        # layer 1: head 0 looks for a place whose "before" is the token at hand; head 2 for one whose
        # "before that" is the token before the one at hand; by channels that RoPE hardly turns. Both copy.
        slow = torch.cat([(self.speeds() < 0.02).float()] * 2)[:, None]
        group = 2 // (c.num_attention_heads // c.num_key_value_heads)
        for head, kv, query, key in ((0, 0, token, before), (2, group, before, before_that)):
            q, k = slice(head * width, (head + 1) * width), slice(kv * width, (kv + 1) * width)
            second.q_proj.weight[q] = query * slow * 3
            second.k_proj.weight[k] = key * slow * 3
            second.v_proj.weight[k] = output
            second.o_proj.weight[:, q] = output.T * loud * 2

    def hidden(self, ids: Tensor) -> Tensor:  # [B, T] -> [B, T, D]
        x = self.embed_tokens(ids)
        t = ids.shape[1]
        for layer in self.layers:
            x = layer(x, self.cos[:t], self.sin[:t])
        return self.norm(x)  # type: ignore[no-any-return]

    def logits(self, hidden: Tensor) -> Tensor:
        return hidden @ self.embed_tokens.weight.T


# ---------------------------------------------------------------- examples as rows of numbers


def row(example: corpus.Example, tokenizer: Tokenizer) -> tuple[list[int], list[bool]]:
    """Token numbers, and which of them Pebble has to write itself: its turns with their end, or all of a text."""
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
    """Batches without end from a place on, each with the place after it; another process makes them meanwhile.

    Of several training processes (`ranks`) each takes every so-manieth batch, of as many tokens less.
    """
    make = functools.partial(shard, recipe=recipe, folder=folder, batch_tokens=recipe.batch_tokens // ranks)
    number, behind = place
    with ProcessPoolExecutor(1) as pool:
        waiting = [pool.submit(make, number), pool.submit(make, number + 1)]
        while True:
            batches = waiting.pop(0).result()
            waiting.append(pool.submit(make, number + 2))
            mine = batches[: len(batches) // ranks * ranks][rank::ranks]
            for n in range(behind, len(mine)):
                yield mine[n], (number, n + 1)
            number, behind = number + 1, 0


# ---------------------------------------------------------------- optimisation


class Muon:
    """Momentum whose step is made orthogonal, for the matrices inside the layers.

    A gradient matrix is usually dominated by a few directions. Muon gives all of them the same length, by a few
    rounds of a matrix polynomial (Newton-Schulz), so that rare directions are learned as fast as common ones.
    """

    def __init__(self, parameters: list[nn.Parameter], momentum: float = 0.95) -> None:
        self.momentum = momentum
        self.groups: dict[tuple[int, int], list[nn.Parameter]] = {}
        for p in parameters:  # matrices of one shape are worked on together; wide ones lie down
            self.groups.setdefault((min(p.shape), max(p.shape)), []).append(p)
        self.velocity = {s: torch.zeros(len(ps), *s, device=ps[0].device) for s, ps in self.groups.items()}

    @torch.no_grad()
    def step(self, rate: float) -> None:
        for shape, ps in self.groups.items():
            grads = [p.grad for p in ps if p.grad is not None]
            g = torch.stack([gradient if gradient.shape == shape else gradient.T for gradient in grads])
            v = self.velocity[shape].lerp_(g, 1 - self.momentum)
            x = orthogonal(g.lerp(v, self.momentum))
            scale = rate * (shape[1] / shape[0]) ** 0.5
            for p, update in zip(ps, x, strict=True):
                p.sub_(update if p.shape == shape else update.T, alpha=scale)


def orthogonal(x: Tensor) -> Tensor:
    """Matrices [N, small, large] with all singular values near 1 and the same singular vectors."""
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for a, b, c in [(3.4445, -4.7750, 2.0315)] * 5:
        s = x @ x.mT
        x = a * x + (b * s + c * s @ s) @ x
    return x


def rate_at(step: int, recipe: Recipe) -> float:
    """Share of the full learning rate: up, level, and down to zero in a straight line."""
    falling = (recipe.steps - step) / max(1, recipe.steps * recipe.decay)
    return min(1.0, (step + 1) / recipe.warmup, falling)


class Training:
    """All that a checkpoint must hold to go on as if nothing had happened."""

    def __init__(self, recipe: Recipe, device: str) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.device = recipe, device
        self.net = Net(recipe).to(device)
        self.mean = [p.detach().clone() for p in self.net.parameters()]
        matrices = [p for n, p in self.net.named_parameters() if n.startswith("layers") and p.dim() == 2]
        others = [p for n, p in self.net.named_parameters() if not n.startswith("layers") or p.dim() != 2]
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
        hidden = self.net.hidden(ids[:, :-1])[chosen]  # only what counts goes through the costly last product
        losses = F.cross_entropy(self.net.logits(hidden), ids[:, 1:][chosen], reduction="none")
        loss = losses.mean()
        loss.backward()  # type: ignore[no-untyped-call]
        self.share_gradients()
        rate = rate_at(self.step, self.recipe)
        self.muon.step(rate * self.recipe.matrix_rate)
        self.adam.param_groups[0]["lr"] = rate * self.recipe.other_rate
        self.adam.step()
        self.net.zero_grad()
        self.step += 1
        self.tokens += int(real.sum()) * self.ranks
        decay = min(self.recipe.average, (self.step + 1) / (self.step + 10))
        torch._foreach_lerp_(self.mean, [p.detach() for p in self.net.parameters()], 1 - decay)
        return loss.item(), losses.detach()[own[:, 1:][chosen]].mean().item()

    def share_gradients(self) -> None:
        """If several processes train together, each on its own batches, all go the mean way."""
        if self.ranks > 1:
            gradients = [p.grad for p in self.net.parameters() if p.grad is not None]
            flat = torch.cat([g.flatten() for g in gradients]) / self.ranks
            dist.all_reduce(flat)
            for g, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
                g.copy_(mean.view_as(g))

    def save(self, file: Path) -> None:
        state = {
            "recipe": asdict(self.recipe), "net": self.net.state_dict(), "mean": self.mean, "muon": self.muon.velocity,
            "adam": self.adam.state_dict(), "step": self.step, "place": self.place, "tokens": self.tokens, "seconds": self.seconds,
        }  # fmt: skip
        torch.save(state, file.with_suffix(".new"))
        file.with_suffix(".new").replace(file)  # at once: a kill leaves the old file or the new one

    def load(self, file: Path) -> None:
        state = torch.load(file, map_location=self.device)
        self.net.load_state_dict(state["net"])
        self.adam.load_state_dict(state["adam"])
        self.mean, self.muon.velocity = state["mean"], state["muon"]
        self.step, self.place = state["step"], state["place"]
        self.tokens, self.seconds = state["tokens"], state["seconds"]

    def weights(self) -> dict[str, Array]:
        """The averaged weights under their names in transformers."""
        names = (n for n, _ in self.net.named_parameters())
        return {f"model.{n}": m.cpu().numpy() for n, m in zip(names, self.mean, strict=True)}


@torch.no_grad()
def progress(training: Training, tokenizer: Tokenizer, count: int = 40) -> dict[str, float]:
    """Share of examples of each kind in which every own token is the likeliest one; averaged weights.

    That is what greedy decoding would write, as long as only one answer counts. evaluate.py really decodes.
    """
    parameters: list[Tensor] = list(training.net.parameters())
    kept = [p.detach().clone() for p in parameters]
    torch._foreach_copy_(parameters, training.mean)
    right = {}
    for kind in corpus.TESTS:
        rows = [row(e, tokenizer) for e in corpus.test_set(kind, count, seed=1000)]
        ids, own = (torch.from_numpy(a).to(training.device) for a in padded(rows))
        wrong = training.net.logits(training.net.hidden(ids[:, :-1])).argmax(-1) != ids[:, 1:]
        right[kind] = 1 - (wrong & own[:, 1:]).any(1).float().mean().item()
    torch._foreach_copy_(parameters, kept)
    return right


def lengths(ids: Tensor) -> Tensor:
    """Of each row, up to and with the END before the padding (which is END, too)."""
    last = (ids != END).long() * torch.arange(ids.shape[1], device=ids.device)
    return last.max(1).values + 2


def train(recipe: Recipe, folder: Path, device: str, say: bool = True) -> Training:
    """Train, or go on, in a folder; leave there tokenizer.json, checkpoint.pt and log.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "tokenizer.json").exists():
        tokenizer_of(recipe).save(folder)
    tokenizer = Tokenizer.load(folder)
    training, checkpoint = Training(recipe, device), folder / "checkpoint.pt"
    log = folder / ("log.csv" if training.rank == 0 else f"log-{training.rank}.csv")
    if checkpoint.exists():
        training.load(checkpoint)
    kept = (
        [line for line in csv.reader(log.open()) if line[0].isdigit() and int(line[0]) <= training.step]
        if log.exists()
        else []
    )
    with log.open("w", buffering=1) as out:
        write = csv.writer(out, lineterminator="\n")
        write.writerow(["step", "tokens", "seconds", "loss", "own_loss", "rate"])
        write.writerows(kept)
        recent: list[tuple[float, float]] = []
        begun, before = time.monotonic(), training.seconds
        start_tokens = training.tokens
        for batch, place in stream(recipe, folder, training.place, training.rank, training.ranks):
            if training.step >= recipe.steps:
                break
            recent.append(training.learn(batch))
            training.place = place
            training.seconds = before + time.monotonic() - begun
            if training.step % 20 == 0:
                loss, own = (sum(x) / len(recent) for x in zip(*recent, strict=True))
                recent.clear()
                write.writerow(
                    [
                        training.step,
                        training.tokens,
                        round(training.seconds),
                        f"{loss:.4f}",
                        f"{own:.4f}",
                        f"{rate_at(training.step, recipe):.3f}",
                    ]
                )
                if say and training.rank == 0:
                    speed = (training.tokens - start_tokens) / (training.seconds - before)
                    left = (recipe.steps - training.step) * training.tokens / training.step / speed
                    print(
                        f"step {training.step:5d}/{recipe.steps}  loss {loss:.3f}  own {own:.3f}  {speed:6.0f} tokens/s  {left / 60:4.0f} min left",
                        flush=True,
                    )
            if say and training.rank == 0 and training.step % 500 == 0:
                print(
                    " ".join(
                        f"{kind} {100 * share:.0f}," for kind, share in progress(training, tokenizer).items()
                    ),
                    flush=True,
                )
            if training.rank == 0 and (training.step % 100 == 0 or training.step == recipe.steps):
                training.save(checkpoint)
    return training


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
        "--folder", type=Path, default=Path("build/pebble"), help="where checkpoints are kept"
    )
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 leaves the choice to PyTorch")
    for f in fields(Recipe):
        parse = type(f.default) if not isinstance(f.default, bool) else lambda text: text == "True"
        parser.add_argument("--" + f.name.replace("_", "-"), type=parse, default=f.default)
    arguments = vars(parser.parse_args())
    folder, threads = arguments.pop("folder"), arguments.pop("threads")
    if "WORLD_SIZE" in os.environ:  # started by torchrun
        dist.init_process_group("gloo")
    if threads:
        torch.set_num_threads(threads)
    recipe = Recipe(**arguments)
    training = train(recipe, folder, "cuda" if torch.cuda.is_available() else "cpu")
    save(recipe.config(), training.weights(), Tokenizer.load(folder), folder, "float16")


if __name__ == "__main__":
    main()
