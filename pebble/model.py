"""The forward pass of a Llama: from token numbers to a score for every possible next token.

This is the architecture of Llama 3 and Mistral in small (Qwen 2 adds three bias vectors). Left out
is what most of their weights need besides: an output matrix of its own (lm_head), and files in bfloat16 and
in several parts. Left out are also batches, half precision and training, for which see train.py.

    >>> model = Model.load()
    >>> logits = model.forward(model.tokenizer.encode("Once upon a"))  # [T, V]: row t scores what follows t
    >>> model.tokenizer.decode([logits[-1].argmax()])
    ' time'

Letters for the axes of arrays:
    T  tokens given now         P  positions seen so far, the T included     V  vocabulary
    D  width of the residual stream      F  width inside the feed-forward network
    H  query heads      K  key and value heads      C  width of a head (channels)
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pebble.tokenizer import WEIGHTS, Tokenizer

Array = NDArray[Any]  # of float32 throughout
Trace = dict[str, list[Array]]


@dataclass(frozen=True)
class Config:
    """The shape of a model, under the names that `config.json` of transformers gives them."""

    vocab_size: int  # V
    hidden_size: int  # D
    num_hidden_layers: int
    num_attention_heads: int  # H
    num_key_value_heads: int  # K, a divisor of H: H/K query heads share a key and a value head
    intermediate_size: int  # F
    max_position_embeddings: int  # the context window
    rope_theta: float = 10_000.0
    rms_norm_eps: float = 1e-5

    @property
    def head_width(self) -> int:  # C
        return self.hidden_size // self.num_attention_heads

    @classmethod
    def load(cls, folder: Path | str) -> "Config":
        values = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
        return cls(**{name: values[name] for name in cls.__dataclass_fields__})


class Cache:
    """Keys and values of the tokens seen so far. They never change, so nobody need compute them twice.

    `length` may be set back to forget the newest tokens.
    """

    def __init__(self, config: Config) -> None:
        shape = (config.num_hidden_layers, config.num_key_value_heads)
        self.keys = np.zeros(
            (*shape, config.max_position_embeddings, config.head_width), np.float32
        )  # [L, K, P, C]
        self.values = np.zeros_like(self.keys)
        self.length = 0


class Model:
    """A configuration, its weights by name, and the tokenizer that they were trained with."""

    def __init__(self, config: Config, weights: dict[str, Array], tokenizer: Tokenizer) -> None:
        if "lm_head.weight" in weights:
            raise ValueError("lm_head.weight is not read. Use a model that ties it to its embedding.")
        self.config = config
        self.weights = {name: tensor.astype(np.float32, copy=False) for name, tensor in weights.items()}
        self.tokenizer = tokenizer
        self.embedding = self.weights["model.embed_tokens.weight"]  # [V, D]
        self.layers = [self.layer(f"model.layers.{n}.") for n in range(config.num_hidden_layers)]
        self.norm = self.weights["model.norm.weight"]
        self.rope = rope_angles(config)

    def layer(self, prefix: str) -> "Layer":  # mixture.py has layers of another kind
        return Layer(self.config, self.weights, prefix)

    @classmethod
    def load(cls, folder: Path | str = WEIGHTS) -> "Model":
        """Read `config.json`, `model.safetensors` and `tokenizer.json` in a folder."""
        tokenizer = Tokenizer.load(folder)
        return cls(Config.load(folder), read_safetensors(Path(folder) / "model.safetensors"), tokenizer)

    def forward(self, ids: list[int], cache: Cache | None = None, trace: Trace | None = None) -> Array:
        """Scores (logits) [T, V] for the token after each of `ids` [T].

        cache: the tokens before `ids`, which it then takes in; without it `ids` start the text.
        trace: a dictionary to be filled, layer by layer, with what happens inside:
            residual [T, D], before the first layer and after each; query [H, T, C] and key [K, P, C], turned
            by their positions and `interleaved`; value [K, P, C]; attention [H, T, P]; mlp [T, F] (the
            feed-forward network's inner activations).
        Raises ValueError if the text is longer than the context window.
        """
        cache = cache or Cache(self.config)
        past, total = cache.length, cache.length + len(ids)
        if total > self.config.max_position_embeddings:
            window = self.config.max_position_embeddings
            raise ValueError(f"{total} tokens do not fit the context window of {window}. Shorten the text.")
        angles = self.rope[past:total]
        x = self.embedding[ids]  # [T, D]
        note(trace, residual=x)
        for n, layer in enumerate(self.layers):
            x = x + layer.attend(x, angles, cache.keys[n], cache.values[n], past, trace)  # [T, D]
            x = x + layer.think(x, trace)  # [T, D]
            note(trace, residual=x)
        cache.length = total
        return self.logits(x)

    def logits(self, x: Array) -> Array:
        """From the residual stream [T, D] to scores [T, V], with the embedding used backwards ("tied").

        After the last layer these are the model's answer. Called on an earlier layer's residual stream
        they show what the model would say if it stopped there (the "logit lens").
        """
        return rms_norm(x, self.norm, self.config.rms_norm_eps) @ self.embedding.T


class Layer:
    """One transformer block: the tokens look at each other, then each thinks for itself."""

    def __init__(self, config: Config, weights: dict[str, Array], prefix: str) -> None:
        def stack(*names: str) -> Array:  # several matrices that read the same input: one product is faster
            return np.concatenate([weights[prefix + name + ".weight"] for name in names]).T.copy()

        self.config = config
        self.attention_norm = weights[prefix + "input_layernorm.weight"]  # [D]
        self.qkv = stack("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")  # [D, (H + K + K) * C]
        heads = config.num_attention_heads + config.num_key_value_heads
        paired = self.qkv[:, : heads * config.head_width]  # queries and keys: RoPE turns channels in pairs
        paired[:] = interleaved(paired, heads)
        self.output = stack("self_attn.o_proj")  # [H * C, D]
        self.mlp_norm = weights[prefix + "post_attention_layernorm.weight"]  # [D]
        self.read_feed_forward(stack)

    def read_feed_forward(self, stack: Callable[..., Array]) -> None:
        self.gate_up = stack("mlp.gate_proj", "mlp.up_proj")  # [D, 2 * F]
        self.down = stack("mlp.down_proj")  # [F, D]

    def attend(
        self,
        x: Array,
        angles: NDArray[np.complex64],
        keys: Array,
        values: Array,
        past: int,
        trace: Trace | None,
    ) -> Array:
        """Grouped-query attention: each token gathers from itself and the tokens before it.

        x [T, D]; angles [T, C/2]; keys, values [K, context, C] are this layer's cache, written from `past`
        on.
        """
        tokens, heads, groups = len(x), self.config.num_attention_heads, self.config.num_key_value_heads
        width, total = self.config.head_width, past + tokens

        normed = rms_norm(x, self.attention_norm, self.config.rms_norm_eps)  # [T, D]
        qkv = (normed @ self.qkv).reshape(tokens, -1, width).transpose(1, 0, 2)  # [H + K + K, T, C]
        turned = rotate(qkv[: heads + groups], angles)  # queries and keys carry their position; values do not
        q, keys[:, past:total], values[:, past:total] = turned[:heads], turned[heads:], qkv[heads + groups :]
        k, v = keys[:, :total], values[:, :total]  # [K, P, C]

        grouped = (q / width**0.5).reshape(groups, -1, tokens, width)  # by their key head: [K, H/K, T, C]
        scores = grouped @ k[:, None].mT  # with [K, 1, C, P]: [K, H/K, T, P]
        if tokens > 1:  # a token must not see the ones after it
            scores += np.triu(np.full((tokens, total), -np.inf, np.float32), past + 1)
        weights = softmax(scores)  # [K, H/K, T, P]; each row sums to 1
        mixed = weights @ v[:, None]  # [K, H/K, T, C]
        note(trace, query=q, key=k, value=v, attention=weights.reshape(heads, tokens, total))
        return mixed.transpose(2, 0, 1, 3).reshape(tokens, -1) @ self.output  # [T, D]

    def think(self, x: Array, trace: Trace | None) -> Array:
        """SwiGLU feed-forward network: widen, let a gate decide what passes, narrow. [T, D] -> [T, D]"""
        wide = rms_norm(x, self.mlp_norm, self.config.rms_norm_eps) @ self.gate_up  # [T, 2 * F]
        gate, up = halves(wide)  # [T, F] each
        inner = gate / (1 + np.exp(-gate)) * up  # silu(gate) * up
        note(trace, mlp=inner)
        return inner @ self.down  # [T, D]


def rms_norm(x: Array, weight: Array, eps: float) -> Array:
    """Scale each row to a root mean square of 1, then each channel by its learned weight."""
    mean_square = np.vecdot(x, x)[..., None] / x.shape[-1]  # [T, 1]
    return x / np.sqrt(mean_square + eps) * weight


def softmax(scores: Array) -> Array:
    """Positive shares that sum to 1 along the last axis. The greatest is subtracted lest exp overflow."""
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


def rope_angles(config: Config) -> NDArray[np.complex64]:
    """Rotary positions [context, C/2]: position p turns channel pair i by p * theta^(-2i/C), as a complex
    number of length 1.

    The first pairs turn fast and tell neighbours apart; the last hardly turn at all and compare content only.
    """
    half = config.head_width // 2
    speed = config.rope_theta ** (-np.arange(half) / half)
    return np.exp(1j * np.outer(np.arange(config.max_position_embeddings), speed)).astype(np.complex64)


def rotate(x: Array, angles: NDArray[np.complex64]) -> Array:
    """Turn each pair of channels (2i, 2i + 1) of x [heads, T, C] by its angle [T, C/2].

    A pair is read as one complex number (`view` takes the same bytes for another type); to multiply it by one
    of length 1 is to turn it. The product of a turned query and a turned key depends on how far apart they
    are, not on where they stand.
    """
    return (x.view(np.complex64) * angles).view(np.float32)


def interleaved(x: Array, heads: int) -> Array:
    """Channels [..., heads * C] of queries or keys, with the two that RoPE turns together side by side.

    Weights in the format of transformers pair channel i with i + C/2; Meta's own code, and llama.cpp for a
    Llama, pair 2i with 2i + 1. Scores stay the same, for queries and keys change their order alike.
    """
    return x.reshape(*x.shape[:-1], heads, 2, -1).swapaxes(-1, -2).reshape(x.shape)


def halves(x: Array) -> tuple[Array, Array]:
    """The first half of the channels, and the second."""
    return x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]


def note(trace: Trace | None, **arrays: Array) -> None:
    """Keep a copy of intermediate results for those who asked."""
    if trace is not None:
        for name, array in arrays.items():
            trace.setdefault(name, []).append(array.copy())


def read_safetensors(file: Path) -> dict[str, Array]:
    """All tensors of a safetensors file, as float32. The format: a length, a JSON header, raw numbers."""
    if not file.exists():
        raise FileNotFoundError(f"{file} is missing. Train a model first (make train), or name its folder.")
    raw = file.read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    header: dict[str, Any] = json.loads(raw[8:start])
    header.pop("__metadata__", None)
    dtypes = {"F32": "<f4", "F16": "<f2"}
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] not in dtypes:
            raise ValueError(f"{file}: {name} is stored as {entry['dtype']}; Pebble reads F32 and F16.")
        begin, end = (start + offset for offset in entry["data_offsets"])
        tensors[name] = (
            np.frombuffer(raw[begin:end], dtypes[entry["dtype"]]).reshape(entry["shape"]).astype(np.float32)
        )
    return tensors
