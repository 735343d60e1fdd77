"""A mixture of experts: model.py once more, with several feed-forward networks of which each token takes two.

This is the architecture of Mixtral (arXiv 2401.04088). A small trained one lies in weights/mixture, in the
format of transformers' MixtralForCausalLM. Left out are shared experts, and training: see network.py.

    >>> model = MixtureModel.load()
    >>> trace: Trace = {}
    >>> logits = model.forward(model.tokenizer.encode("Hello!"), trace=trace)
    >>> trace["experts"][0].shape  # layer 0: two experts for each of the tokens
    (4, 2)

Letters for the axes of arrays as in model.py, and
    E  experts in a layer         k  experts that a token takes         N  tokens that chose one expert
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from pebble.model import Array, Config, Layer, Model, Trace, halves, note, read_safetensors, rms_norm, softmax
from pebble.tokenizer import SPECIAL, WEIGHTS, Tokenizer


@dataclass(frozen=True)
class MixtureConfig(Config):
    """The shape of a mixture; `intermediate_size` (F) is the width inside a single expert."""

    num_local_experts: int = 8  # E
    num_experts_per_tok: int = 2  # k
    router_aux_loss_coef: float = 0.01  # in training, the weight of the penalty for uneven loads


class MixtureModel(Model):
    """Its traces also hold, layer by layer, experts and shares [T, k]: whom each token chose, and how much
    it takes of each."""

    config: MixtureConfig

    def layer(self, prefix: str) -> "MixtureLayer":
        return MixtureLayer(self.config, self.weights, prefix)

    @classmethod
    def load(cls, folder: Path | str = WEIGHTS / "mixture") -> "MixtureModel":
        weights = read_safetensors(Path(folder) / "model.safetensors")
        return cls(MixtureConfig.load(folder), weights, Tokenizer.load(folder))


def load_model(folder: Path | str = WEIGHTS) -> Model:
    """The model in a folder, a mixture or not: its `config.json` tells."""
    config = Path(folder) / "config.json"
    mixed = config.exists() and json.loads(config.read_text(encoding="utf-8")).get("model_type") == "mixtral"
    return MixtureModel.load(folder) if mixed else Model.load(folder)


class MixtureLayer(Layer):
    """One transformer block. Attention is that of model.py; only what follows it is chosen by the token."""

    config: MixtureConfig

    def read_feed_forward(self, stack: Callable[..., Array]) -> None:
        self.router = stack("block_sparse_moe.gate")  # [D, E]
        names = [f"block_sparse_moe.experts.{e}." for e in range(self.config.num_local_experts)]
        # Mixtral's w1 is Llama's gate_proj, w3 its up_proj, w2 its down_proj
        self.experts = [(stack(n + "w1", n + "w3"), stack(n + "w2")) for n in names]  # [D, 2 * F], [F, D]

    def think(self, x: Array, trace: Trace | None) -> Array:
        """Each token through its own k experts; the rest are not computed for it. [T, D] -> [T, D]"""
        normed = rms_norm(x, self.mlp_norm, self.config.rms_norm_eps)  # [T, D]
        chosen, share = route(normed @ self.router, self.config.num_experts_per_tok)  # [T, k] each
        note(trace, experts=chosen, shares=share)
        out = np.zeros_like(x)
        for e, (gate_up, down) in enumerate(self.experts):
            token, place = np.nonzero(chosen == e)  # who chose expert e, as first or second
            gate, up = halves(normed[token] @ gate_up)  # [N, F] each
            inner = gate / (1 + np.exp(-gate)) * up
            out[token] += share[token, place, None] * (inner @ down)
        return out


def route(scores: Array, k: int) -> tuple[Array, Array]:
    """From the router's scores [T, E] to each token's k best experts and their shares, best first. [T, k]

    >>> route(np.array([[2.0, 0.5, 1.0, -1.0]]), 2)
    (array([[0, 2]]), array([[0.73105858, 0.26894142]]))
    """
    chosen = np.argsort(-scores, axis=-1, kind="stable")[:, :k]
    return chosen, softmax(np.take_along_axis(scores, chosen, -1))


SORTS = ("special", "digit", "mark", "whole word", "word begins", "word goes on")


def sorts(ids: list[int], tokenizer: Tokenizer) -> list[str]:
    """What each token is, of `SORTS`, by its letters alone. A mark is whatever has no letter or digit.

    >>> tokenizer = Tokenizer.load()
    >>> sorts(tokenizer.encode("The time: 7, says"), tokenizer)
    ['whole word', 'whole word', 'mark', 'digit', 'mark', 'word begins', 'word goes on']
    """
    pieces = [tokenizer.decode([i]) for i in ids]
    goes_on = [a[-1:].isalpha() and b[:1].isalpha() for a, b in pairwise(["", *pieces, ""])]  # into the next
    found = []
    for n, (i, piece) in enumerate(zip(ids, pieces, strict=True)):
        if i < len(SPECIAL):
            found.append("special")
        elif any(map(str.isdigit, piece)):
            found.append("digit")
        elif not any(map(str.isalpha, piece)):
            found.append("mark")
        else:
            found.append("word goes on" if goes_on[n] else "word begins" if goes_on[n + 1] else "whole word")
    return found
