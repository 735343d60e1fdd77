"""How much memory a language model takes: its weights, its training, its KV cache.

Pure arithmetic on an architecture. A gigabyte (GB) is 1e9 bytes; a graphics card's is often 2**30.
Activations are left out everywhere: they depend on batch size, sequence length and recomputation.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import PositiveInt, model_validator

from sitekit.rows import Row

GB = 1e9
BF16 = 2.0  # bytes a number

# NF4 stores 4 bits a weight and a scale for every 64 weights. Double quantisation stores those scales
# in 8 bits, with one FP32 scale for every 256 of them (Dettmers et al. 2023, QLoRA, section 3).
NF4 = (4 + 8 / 64 + 32 / (64 * 256)) / 8  # = 0.516 bytes a weight

# Mixed-precision AdamW keeps, for each weight that it trains (Rajbhandari et al. 2019, ZeRO, section 3.1):
# BF16 weight 2 + BF16 gradient 2 + FP32 weight 4 + two FP32 moments 8.
MIXED_ADAMW = 16.0
BF16_ADAMW = 8.0  # everything in BF16: weight 2 + gradient 2 + two moments 4
BF16_ADAM_8BIT = 6.0  # weight 2 + gradient 2 + two moments in 8 bits each


class Architecture(Row):
    """The sizes of a Transformer that memory depends on, named as papers name them.

    Either `kv_heads` and `head_dim` (multi-head and grouped-query attention), or `latent` and `rope_dim`
    (multi-head latent attention, which caches one latent vector and one rotary key for all heads; its
    queries are made from a latent vector of their own, of `query_latent` numbers).
    """

    layers: PositiveInt
    heads: PositiveInt
    kv_heads: PositiveInt | None = None
    head_dim: PositiveInt | None = None
    latent: PositiveInt | None = None
    rope_dim: PositiveInt | None = None
    query_latent: PositiveInt | None = None
    window: PositiveInt | None = None  # how many tokens back a layer with a sliding window sees …
    windowed_layers: int = 0  # … and how many of the layers have one
    hidden: PositiveInt | None = None  # width of the residual stream
    ffn: PositiveInt | None = None  # width inside a gated feed-forward layer
    vocabulary: PositiveInt | None = None
    tied: bool = False  # input and output embedding are one matrix

    @model_validator(mode="after")
    def _knows_its_cache(self) -> Architecture:
        heads, latent = self.kv_heads and self.head_dim, self.latent and self.rope_dim
        if bool(heads) == bool(latent):
            raise ValueError("give either kv_heads and head_dim, or latent and rope_dim")
        if self.kv_heads and self.heads % self.kv_heads:
            raise ValueError(f"{self.heads} heads cannot share {self.kv_heads} kv_heads evenly")
        if not 0 <= self.windowed_layers <= self.layers or bool(self.window) != bool(self.windowed_layers):
            raise ValueError("window and windowed_layers go together, and windowed_layers is at most layers")
        return self

    @property
    def is_complete(self) -> bool:
        """Whether every weight can be counted: of a dense model with grouped or separate heads."""
        return bool(self.hidden and self.ffn and self.vocabulary and self.kv_heads)

    @property
    def attention(self) -> str:
        """The kind of attention in words: `GQA, 32 heads share 8`."""
        if self.latent:
            kind = f"MLA, {self.latent} + {self.rope_dim} numbers for all {self.heads} heads"
        elif self.kv_heads == self.heads:
            kind = f"MHA, {self.heads} heads"
        else:
            kind = f"GQA, {self.heads} heads share {self.kv_heads}"
        window = f"; {self.windowed_layers} of {self.layers} layers see {self.window} tokens"
        return kind + window * bool(self.window)


# --- weights -------------------------------------------------------------------------------------


def weights_bytes(parameters: float, bits: float) -> float:
    """Bytes of `parameters` weights at `bits` each. 4-bit formats come to about 4.5 with their scales."""
    return parameters * bits / 8


# --- the KV cache --------------------------------------------------------------------------------


def kv_bytes_per_layer(architecture: Architecture, bytes_per_number: float = BF16) -> float:
    """Bytes that one token leaves in the cache of one layer: a key and a value for each KV head.

    >>> kv_bytes_per_layer(Architecture(layers=32, heads=32, kv_heads=8, head_dim=128))
    4096.0
    """
    a = architecture
    if a.latent and a.rope_dim:
        return (a.latent + a.rope_dim) * bytes_per_number
    assert a.kv_heads and a.head_dim  # the architecture was validated
    return 2 * a.kv_heads * a.head_dim * bytes_per_number


def kv_bytes_per_token(architecture: Architecture, bytes_per_number: float = BF16) -> float:
    """Bytes that one token leaves in the cache of all layers together."""
    return architecture.layers * kv_bytes_per_layer(architecture, bytes_per_number)


def kv_bytes(architecture: Architecture, tokens: int, bytes_per_number: float = BF16) -> float:
    """Bytes of the cache of one sequence of `tokens`. A layer with a sliding window keeps only its window."""
    a = architecture
    kept = (a.layers - a.windowed_layers) * tokens + a.windowed_layers * min(tokens, a.window or tokens)
    return kept * kv_bytes_per_layer(a, bytes_per_number)


# --- what attention costs --------------------------------------------------------------------------


def attention_parameters(architecture: Architecture) -> int:
    """Weights of the matrices of attention in all layers; norms and biases are left out.

    Raises ValueError for an architecture whose matrices are not all known.
    """
    a = architecture
    if not (a.hidden and a.head_dim):
        raise ValueError("hidden and head_dim must be known")
    output = a.heads * a.head_dim * a.hidden
    if a.kv_heads:
        return a.layers * (2 * output + 2 * a.hidden * a.kv_heads * a.head_dim)
    if not (a.latent and a.rope_dim and a.query_latent):
        raise ValueError("latent, rope_dim and query_latent must be known")
    queries = a.query_latent * (a.hidden + a.heads * (a.head_dim + a.rope_dim))
    stored, unfolded = a.hidden * (a.latent + a.rope_dim), a.latent * a.heads * 2 * a.head_dim
    return a.layers * (queries + stored + unfolded + output)


def decoding_intensity(architecture: Architecture, bytes_per_number: float = BF16) -> float:
    """Operations for each byte of the cache that attention fetches, when it writes one token.

    Every cached key number is multiplied with the queries of the heads that share it, every value number with
    their weights; a multiplication and an addition are two operations. With latent attention the unfolding is
    done on the query's side (DeepSeek-V2, section 2.1.2), so that each head reads the latent vector itself.

    >>> decoding_intensity(Architecture(layers=32, heads=32, kv_heads=8, head_dim=128))
    4.0
    """
    a = architecture
    if a.latent and a.rope_dim:
        products = a.heads * (a.latent + a.rope_dim + a.latent)
    else:
        assert a.head_dim  # the architecture was validated
        products = 2 * a.heads * a.head_dim
    return 2 * products / kv_bytes_per_layer(a, bytes_per_number)


# --- training ------------------------------------------------------------------------------------


def linear_shapes(architecture: Architecture) -> list[tuple[int, int]]:
    """(inputs, outputs) of the linear layers of one block: query, key, value, output, gate, up, down.

    Raises ValueError for an architecture without `hidden`, `ffn` or grouped heads: its shapes are not known.
    """
    a = architecture
    if not (a.hidden and a.ffn and a.kv_heads and a.head_dim):
        raise ValueError("hidden, ffn, kv_heads and head_dim must be known")
    queries, keys = a.heads * a.head_dim, a.kv_heads * a.head_dim
    attention = [(a.hidden, queries), (a.hidden, keys), (a.hidden, keys), (queries, a.hidden)]
    return [*attention, (a.hidden, a.ffn), (a.hidden, a.ffn), (a.ffn, a.hidden)]


def lora_parameters(architecture: Architecture, rank: int = 16) -> int:
    """Weights that LoRA adds to every linear layer: a (inputs × rank) and a (rank × outputs) matrix each."""
    return architecture.layers * sum(rank * (ins + outs) for ins, outs in linear_shapes(architecture))


def embedding_parameters(architecture: Architecture) -> int:
    """Weights of the input and output embedding, which 4-bit loading leaves in BF16."""
    a = architecture
    if not (a.hidden and a.vocabulary):
        raise ValueError("hidden and vocabulary must be known")
    return a.hidden * a.vocabulary * (1 if a.tied else 2)


def dense_parameters(architecture: Architecture) -> int:
    """All weights of a dense, gated, bias-free Transformer (Llama's shape): blocks, embeddings and norms."""
    a = architecture
    blocks = a.layers * sum(ins * outs for ins, outs in linear_shapes(a))
    norms = (2 * a.layers + 1) * (a.hidden or 0)
    return blocks + embedding_parameters(a) + norms


@dataclass(frozen=True)
class Method:
    """One way to train: what it is called, and what it keeps in memory, in words."""

    name: str
    per_weight: str


METHODS = (
    Method("Full, mixed-precision AdamW", "16"),
    Method("Full, pure BF16 AdamW", "8"),
    Method("Full, BF16 with 8-bit Adam", "6"),
    Method("LoRA on a BF16 base", "2, and 16 per adapter weight"),
    Method("QLoRA on an NF4 base", "0.52 (embeddings 2), and 16 per adapter weight"),
)


def training_bytes(parameters: float, shape: Architecture) -> list[float]:
    """Bytes of weights, gradients and optimiser states for each of METHODS, in order.

    `shape` is a model of about that size: it says how many weights LoRA (rank 16, every linear layer) adds.
    """
    adapter = lora_parameters(shape) * MIXED_ADAMW
    embeddings = embedding_parameters(shape)
    return [
        parameters * MIXED_ADAMW,
        parameters * BF16_ADAMW,
        parameters * BF16_ADAM_8BIT,
        parameters * BF16 + adapter,
        (parameters - embeddings) * NF4 + embeddings * BF16 + adapter,
    ]
