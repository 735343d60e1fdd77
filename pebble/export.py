"""The same weights for every engine.

    python -m pebble.export build/export

writes pebble-F16.gguf, pebble-Q8_0.gguf, pebble-Q4_0.gguf and a Modelfile for llama.cpp and Ollama, and
pebble-weights.js for the figures. The folder pebble/weights is itself one that transformers reads.
"""

import argparse
import base64
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np

from pebble.mixture import MixtureConfig, MixtureModel, load_model
from pebble.model import Array, Config, Model, interleaved
from pebble.tokenizer import BEGIN, CALL, CALL_END, END, SPECIAL, WEIGHTS, Tokenizer


def save(
    config: Config,
    weights: dict[str, Array],
    tokenizer: Tokenizer,
    folder: Path | str,
    dtype: str = "float32",
) -> None:
    """Write a folder for `Model.load` and transformers. dtype: float32 or float16."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(folder)
    write_safetensors(folder / "model.safetensors", {n: w.astype(dtype) for n, w in weights.items()})
    kind = "mixtral" if isinstance(config, MixtureConfig) else "llama"
    architecture = {
        "architectures": [f"{kind.title()}ForCausalLM"],
        "model_type": kind,
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
    """Write float32 or float16 tensors: the length of a JSON header, the header, then raw numbers."""
    names = {"float32": "F32", "float16": "F16"}
    header, offset = {}, 0
    for name, tensor in tensors.items():
        span = [offset, offset := offset + tensor.nbytes]
        header[name] = {"dtype": names[tensor.dtype.name], "shape": list(tensor.shape), "data_offsets": span}
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    text += b" " * (-len(text) % 8)  # so that the numbers start at a multiple of eight bytes
    numbers = b"".join(np.ascontiguousarray(t).tobytes() for t in tensors.values())
    file.write_bytes(len(text).to_bytes(8, "little") + text + numbers)


# ---------------------------------------------------------------- GGUF, for llama.cpp and Ollama

GGUF_TYPES = ("F32", "F16", "Q8_0", "Q4_0")
GGUF_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def gguf_name(name: str) -> str:
    """model.layers.3.mlp.up_proj.weight -> blk.3.ffn_up.weight"""
    if name == "model.embed_tokens.weight":
        return "token_embd.weight"
    if name == "model.norm.weight":
        return "output_norm.weight"
    _, _, layer, *part, _ = name.split(".")
    return f"blk.{layer}.{GGUF_NAMES['.'.join(part)]}.weight"


def write_gguf(model: Model, file: Path, dtype: str) -> None:
    """Write a GGUF file. dtype: one of GGUF_TYPES; norms stay F32 in all of them."""
    import gguf

    if dtype not in GGUF_TYPES:
        raise ValueError(
            f"{dtype!r} is no type that Pebble is exported in. There are {', '.join(GGUF_TYPES)}."
        )
    kind = gguf.GGMLQuantizationType[dtype]
    c, tokenizer = model.config, model.tokenizer
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_name("Pebble")
    writer.add_license("mit")
    writer.add_context_length(c.max_position_embeddings)
    writer.add_embedding_length(c.hidden_size)
    writer.add_block_count(c.num_hidden_layers)
    writer.add_feed_forward_length(c.intermediate_size)
    writer.add_head_count(c.num_attention_heads)
    writer.add_head_count_kv(c.num_key_value_heads)
    writer.add_rope_dimension_count(c.head_width)
    writer.add_rope_freq_base(c.rope_theta)
    writer.add_layer_norm_rms_eps(c.rms_norm_eps)
    writer.add_vocab_size(c.vocab_size)
    writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{dtype}" if dtype != "F32" else "ALL_F32"])

    # a call's marks are ordinary text in the output; the other control tokens are never shown
    types = [gguf.TokenType.CONTROL] * len(SPECIAL) + [gguf.TokenType.NORMAL] * (c.vocab_size - len(SPECIAL))
    types[CALL] = types[CALL_END] = gguf.TokenType.USER_DEFINED
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(sorted(tokenizer.vocab, key=tokenizer.vocab.__getitem__))
    writer.add_token_types(types)
    writer.add_token_merges([" ".join(pair) for pair in tokenizer.merges])
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)
    writer.add_pad_token_id(END)
    writer.add_add_bos_token(True)
    writer.add_chat_template((WEIGHTS / "chat_template.jinja").read_text(encoding="utf-8"))

    heads = {"q_proj": c.num_attention_heads, "k_proj": c.num_key_value_heads}
    for name, tensor in model.weights.items():
        part = name.split(".")[-2]
        stored = interleaved(tensor.T, heads[part]).T if part in heads else tensor
        if stored.ndim == 1:
            writer.add_tensor(gguf_name(name), stored)
        else:
            writer.add_tensor(gguf_name(name), gguf.quants.quantize(stored, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


# ---------------------------------------------------------------- int8, for JavaScript


def int8_rows(matrix: Array) -> tuple[Array, Array]:
    """Whole numbers from -127 to 127 and one scale for each row: matrix is about numbers * scale.

    The scales are float32 rounded up to bfloat16, so that their upper two bytes say all.
    """
    scale = np.maximum(np.abs(matrix).max(-1) / 127, 1e-12).astype("<f4")
    scale = ((scale.view("<u4") + 0xFFFF) & 0xFFFF0000).view("<f4")
    return np.round(matrix / scale[:, None]).astype(np.int8), scale


def int8_model(model: Model) -> Model:
    """The model as pages run it: every matrix rounded to int8 and multiplied out again."""

    def rounded(tensor: Array) -> Array:
        numbers, scale = int8_rows(tensor)
        return numbers * scale[:, None]

    weights = {name: t if t.ndim == 1 else rounded(t) for name, t in model.weights.items()}
    return Model(model.config, weights, model.tokenizer)


def javascript(model: Model, variable: str = "PEBBLE") -> str:
    """`globalThis.PEBBLE = {...}`, a script because a page opened from a folder may fetch nothing.

    config; vocab (tokens by number, in byte letters) and merges, each split by spaces; and tensors by name:
    shape and base64 of float32 (norms), or of int8 followed by the bfloat16 scales of the rows.
    """
    tensors = {}
    for name, tensor in model.weights.items():
        if tensor.ndim == 1:
            raw = tensor.astype("<f4").tobytes()
        else:
            numbers, scales = int8_rows(tensor)
            raw = numbers.tobytes() + (scales.view("<u4") >> 16).astype("<u2").tobytes()
        tensors[name] = {"shape": list(tensor.shape), "data": base64.b64encode(raw).decode()}
    vocab = sorted(model.tokenizer.vocab, key=model.tokenizer.vocab.__getitem__)
    content = {
        "config": asdict(model.config),
        "vocab": " ".join(vocab),
        "merges": [" ".join(pair) for pair in model.tokenizer.merges],
        "tensors": tensors,
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return f"globalThis.{variable} = {text};\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where to write; made if it is not there")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="folder of the model")
    arguments = parser.parse_args()
    folder, model = arguments.folder, load_model(arguments.weights)
    if isinstance(model, MixtureModel):
        raise SystemExit(f"{arguments.weights} holds a mixture of experts; only the dense model is exported.")
    folder.mkdir(parents=True, exist_ok=True)
    for dtype in GGUF_TYPES[1:]:
        write_gguf(model, folder / f"pebble-{dtype}.gguf", dtype)
    shutil.copyfile(WEIGHTS / "Modelfile", folder / "Modelfile")
    (folder / "pebble-weights.js").write_text(javascript(model), encoding="utf-8")
    for file in sorted(folder.iterdir()):
        print(f"{file.stat().st_size / 1e6:6.2f} MB  {file}")


if __name__ == "__main__":
    main()
