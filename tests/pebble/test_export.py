"""The same weights in other engines. llama.cpp is an optional extra: its tests say that they were skipped."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from test_tokenizer import mended, strings

from pebble import chat, export
from pebble.model import Model
from pebble.sample import generate
from pebble.tokenizer import WEIGHTS

IDS = [0, 3, 77, 104, 264, 264, 9, 300, 12, 12, 45]


def llama(model: Model, folder: Path, dtype: str):  # noqa: ANN201 - the type is an optional extra's
    llama_cpp = pytest.importorskip(
        "llama_cpp", reason="llama-cpp-python is not installed: pip install '.[llama]'"
    )
    file = folder / f"{dtype}.gguf"
    export.write_gguf(model, file, dtype)
    return llama_cpp.Llama(
        str(file), n_ctx=128, n_threads=1, logits_all=True, verbose=False, type_k=0, type_v=0
    )


@pytest.mark.parametrize(("dtype", "tolerance"), [("F32", 1e-3), ("F16", 0.1)])
def test_llama_cpp_gives_the_same_logits(model: Model, tmp_path: Path, dtype: str, tolerance: float) -> None:
    engine = llama(model, tmp_path, dtype)
    engine.eval(IDS)
    ours = model.forward(IDS)
    np.testing.assert_allclose(engine.scores[: len(IDS)], ours, atol=tolerance)


def test_llama_cpp_writes_the_same_greedy_text(model: Model, tmp_path: Path) -> None:
    """With trained weights F16 does so too (test_weights.py); random ones leave too many ties to rounding."""
    engine = llama(model, tmp_path, "F32")
    for start in range(10, 200, 40):
        ids = list(range(start, start + 8))
        ours = [s.token for s in generate(model, ids, max_tokens=30)]
        theirs = []
        for token in engine.generate(ids, temp=0.0, top_k=1, repeat_penalty=1.0):
            theirs.append(token)
            if len(theirs) == len(ours):
                break
        assert theirs == ours


@pytest.mark.parametrize("dtype", ["Q8_0", "Q4_0"])
def test_llama_cpp_reads_quantized_weights(model: Model, tmp_path: Path, dtype: str) -> None:
    engine = llama(model, tmp_path, dtype)
    engine.eval(IDS)
    correlation = np.corrcoef(engine.scores[: len(IDS)].ravel(), model.forward(IDS).ravel())[0, 1]
    assert correlation > (0.998 if dtype == "Q8_0" else 0.9)


def test_llama_cpp_tokenizes_alike(model: Model, tmp_path: Path) -> None:
    engine = llama(model, tmp_path, "F16")
    texts = [t.replace("\x00", "") for t in map(mended, strings(500))]
    different = [
        t
        for t in texts
        if engine.tokenize(t.encode(), add_bos=False, special=True) != model.tokenizer.encode(t, True)
    ]
    assert different == []


def test_llama_cpp_reads_the_chat_template(model: Model, tmp_path: Path) -> None:
    engine = llama(model, tmp_path, "F16")
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter

    template = engine.metadata["tokenizer.chat_template"]
    theirs = Jinja2ChatFormatter(template, "<|end|>", "<|begin|>")
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "The cat?"}]
    assert theirs(messages=messages).prompt == chat.prompt(messages)


def test_an_unknown_type_is_refused(model: Model, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'Q2' is no type.*F32, F16, Q8_0, Q4_0"):
        export.write_gguf(model, tmp_path / "x.gguf", "Q2")


def test_the_script_for_pages_holds_the_weights(model: Model) -> None:
    script = export.javascript(model, "TINY")
    assert script.replace("TINY", "PEBBLE", 1) == export.javascript(model)
    content = json.loads(script.removeprefix("globalThis.TINY = ").removesuffix(";\n"))
    assert [model.tokenizer.vocab[t] for t in content["vocab"].split(" ")] == list(
        range(model.config.vocab_size)
    )
    assert [tuple(m.split(" ")) for m in content["merges"]] == model.tokenizer.merges
    rounded = export.int8_model(model).weights
    for name, tensor in model.weights.items():
        stored = content["tensors"][name]
        raw = base64.b64decode(stored["data"])
        assert stored["shape"] == list(tensor.shape)
        if tensor.ndim == 1:
            assert np.array_equal(np.frombuffer(raw, "<f4"), tensor)
            continue
        numbers = np.frombuffer(raw[: tensor.size], np.int8).reshape(tensor.shape)
        scales = (np.frombuffer(raw[tensor.size :], "<u2").astype("<u4") << 16).view("<f4")[:, None]
        assert np.array_equal(numbers * scales, rounded[name])
        assert np.abs(numbers * scales - tensor).max() <= scales.max() / 2 + 1e-6
        assert np.abs(numbers).max() == 127


def test_half_precision_is_stored_in_half_the_space(model: Model, tmp_path: Path) -> None:
    for dtype in ("float32", "float16"):
        export.save(model.config, model.weights, model.tokenizer, tmp_path / dtype, dtype)
    sizes = [(tmp_path / d / "model.safetensors").stat().st_size for d in ("float32", "float16")]
    assert 1.9 < sizes[0] / sizes[1] < 2.0
    half = Model.load(tmp_path / "float16")
    np.testing.assert_allclose(half.forward(IDS), model.forward(IDS), atol=0.1)


def test_ollama_runs_pebble(model: Model, tmp_path: Path) -> None:
    ollama = shutil.which("ollama")
    if not ollama:
        pytest.skip("the program ollama is not installed")
    export.write_gguf(model, tmp_path / "pebble-F16.gguf", "F16")
    shutil.copyfile(WEIGHTS / "Modelfile", tmp_path / "Modelfile")
    subprocess.run([ollama, "create", "pebble-test", "-f", "Modelfile"], cwd=tmp_path, check=True)
    try:
        run = subprocess.run(
            [ollama, "run", "pebble-test", "Hello"], check=True, capture_output=True, timeout=60
        )
        assert run.stdout
    finally:
        subprocess.run([ollama, "rm", "pebble-test"], check=True)
