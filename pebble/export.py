"""The same weights for every engine: a transformers folder, GGUF for llama.cpp and Ollama, int8 for JavaScript."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np

from pebble.model import Array, Config
from pebble.tokenizer import BEGIN, END, SPECIAL, WEIGHTS, Tokenizer


def save(
    config: Config,
    weights: dict[str, Array],
    tokenizer: Tokenizer,
    folder: Path | str,
    dtype: str = "float32",
) -> None:
    """Write a folder that `Model.load` and transformers' LlamaForCausalLM both read. dtype: float32 or float16."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(folder)
    write_safetensors(folder / "model.safetensors", {n: w.astype(dtype) for n, w in weights.items()})
    architecture = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        **asdict(config),
        "head_dim": config.head_width,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "bos_token_id": BEGIN,
        "eos_token_id": END,
        "pad_token_id": END,
        "dtype": dtype,
    }
    tokens = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": SPECIAL[BEGIN],
        "eos_token": SPECIAL[END],
        "pad_token": SPECIAL[END],
        "model_max_length": config.max_position_embeddings,
        "clean_up_tokenization_spaces": False,
    }
    generation = {"bos_token_id": BEGIN, "eos_token_id": END, "pad_token_id": END, "do_sample": False}
    contents = {
        "config.json": architecture,
        "tokenizer_config.json": tokens,
        "generation_config.json": generation,
    }
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    template = WEIGHTS / "chat_template.jinja"
    if folder.resolve() != WEIGHTS.resolve():
        shutil.copyfile(template, folder / template.name)


def write_safetensors(file: Path, tensors: dict[str, Array]) -> None:
    """Write tensors (float32 or float16) by name: the length of a JSON header, the header, then raw numbers."""
    names = {"float32": "F32", "float16": "F16"}
    header, offset = {}, 0
    for name, tensor in tensors.items():
        span = [offset, offset := offset + tensor.nbytes]
        header[name] = {"dtype": names[tensor.dtype.name], "shape": list(tensor.shape), "data_offsets": span}
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    text += b" " * (-len(text) % 8)  # so that the numbers start at a multiple of eight bytes
    numbers = b"".join(np.ascontiguousarray(t).tobytes() for t in tensors.values())
    file.write_bytes(len(text).to_bytes(8, "little") + text + numbers)
