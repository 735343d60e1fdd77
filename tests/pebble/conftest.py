"""A tiny model with random weights and a tokenizer trained on the spot: no stored weights, no network."""

from pathlib import Path

import numpy as np
import pytest

from pebble.model import Config, Model
from pebble.tokenizer import Tokenizer

TEXT = """The cat sat on the mat. A token is a piece of text. Pebble's weights don't fit on the mat.
The model reads tokens; the tokens are numbers, and the numbers are the
weights' business. "The end", said I."""


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer.train([TEXT], size=320)


@pytest.fixture(scope="session")
def model(tokenizer: Tokenizer) -> Model:
    config = Config(len(tokenizer.vocab), 32, 3, 4, 2, 64, 128)
    return Model(config, random_weights(config), tokenizer)


def random_weights(config: Config) -> dict[str, np.ndarray]:
    """Large enough that every part of the network leaves its mark on the scores; exact in half precision."""
    random = np.random.default_rng(0)
    d, f, kv = config.hidden_size, config.intermediate_size, config.num_key_value_heads * config.head_width
    shapes = {"model.embed_tokens": (config.vocab_size, d), "model.norm": (d,)}
    for n in range(config.num_hidden_layers):
        layer = f"model.layers.{n}."
        shapes |= {layer + "input_layernorm": (d,), layer + "post_attention_layernorm": (d,)}
        shapes |= {layer + "self_attn.q_proj": (d, d), layer + "self_attn.o_proj": (d, d)}
        shapes |= {layer + "self_attn.k_proj": (kv, d), layer + "self_attn.v_proj": (kv, d)}
        shapes |= {
            layer + "mlp.gate_proj": (f, d),
            layer + "mlp.up_proj": (f, d),
            layer + "mlp.down_proj": (d, f),
        }
    return {
        f"{name}.weight": random.normal(1.0 if "norm" in name else 0.0, 0.3, shape)
        .astype(np.float16)
        .astype(np.float32)
        for name, shape in shapes.items()
    }


@pytest.fixture
def folder(tmp_path: Path, model: Model) -> Path:
    """The tiny model on disk, as a transformers folder."""
    from pebble.export import save

    save(model.config, model.weights, model.tokenizer, tmp_path)
    return tmp_path
