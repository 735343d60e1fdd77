"""The same weights in every engine, side by side in one run: how equal, and how fast.

    python tests/bench/engines.py [folder of a model]

Each engine gets the same conversations. "Difference" is the greatest difference of a score from NumPy's,
"argmax" the share of positions at which both find the same token likeliest. Speeds are those of one thread:
tokens written in a second with the cache and without it (as if every token needed the whole text anew), and
tokens of a prompt read in a second; the best of several rounds, since other programs disturb. The last rows
are in Chromium: the JavaScript of docs/figures/, which has int8 weights, and onnxruntime-web, the browser's
usual choice, with those of NumPy. How long ours takes to the first token of a short question follows. What is
not installed is left out, and its row says what to install.
"""

import os

os.environ |= dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1")

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx_web
import torch
from playwright.sync_api import Browser, sync_playwright
from transformers import LlamaForCausalLM

from pebble import chat, corpus, export
from pebble.model import Cache, Model
from pebble.tokenizer import WEIGHTS

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/browser"))
import chromium  # noqa: E402

ROUNDS, WRITTEN = 5, 128


@dataclass
class Engine:
    """logits(ids) -> [T, V] of a whole text; start() forgets all; step(ids) reads on and returns a token."""

    name: str
    logits: Callable[[list[int]], np.ndarray]
    start: Callable[[], None]
    step: Callable[[list[int]], int]


def numpy_engine(model: Model, name: str = "NumPy") -> Engine:
    caches: list[Cache] = []

    def start() -> None:
        caches[:] = [Cache(model.config)]

    return Engine(name, model.forward, start, lambda ids: int(model.forward(ids, caches[0])[-1].argmax()))


def transformers_engine(folder: Path) -> Engine:
    twin = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    past: list[object] = []

    def step(ids: list[int]) -> int:
        with torch.no_grad():
            out = twin(torch.tensor([ids]), past_key_values=past[0], use_cache=True)
        past[:] = [out.past_key_values]
        return int(out.logits[0, -1].argmax())

    def logits(ids: list[int]) -> np.ndarray:
        with torch.no_grad():
            return twin(torch.tensor([ids]), use_cache=False).logits[0].numpy()

    return Engine("transformers F32", logits, lambda: past.__setitem__(slice(None), [None]), step)


def llama_cpp_engine(model: Model, folder: Path, dtype: str) -> Engine:
    import llama_cpp

    file = folder / f"pebble-{dtype}.gguf"
    export.write_gguf(model, file, dtype)
    size = model.config.max_position_embeddings
    cache = {"type_k": llama_cpp.GGML_TYPE_F32, "type_v": llama_cpp.GGML_TYPE_F32} if dtype == "F32" else {}
    settings = {"n_ctx": size, "n_threads": 1, "n_threads_batch": 1, "verbose": False, **cache}
    whole = llama_cpp.Llama(str(file), logits_all=True, **settings)
    last = llama_cpp.Llama(str(file), **settings)

    def logits(ids: list[int]) -> np.ndarray:
        whole.reset()
        whole.eval(ids)
        return whole.scores[: len(ids)].copy()

    def step(ids: list[int]) -> int:
        last.eval(ids)
        return int(np.ctypeslib.as_array(last._ctx.get_logits(), (model.config.vocab_size,)).argmax())

    return Engine(f"llama.cpp {dtype}", logits, last.reset, step)


IN_THE_PAGE = """([texts, prompt, written, rounds]) => {
  const model = Model.load(PEBBLE);
  const best = (work) => Math.max(...Array.from({length: rounds}, () => {
    const begun = performance.now(), count = work();
    return count / (performance.now() - begun) * 1000;
  }));
  const logits = texts.map((ids) => model.forward(ids).map((row) => Array.from(row)));
  const cache = best(() => [...generate({...model, config: model.config, forward: (...a) => {
    const rows = model.forward(...a);
    rows.at(-1)[END] = -Infinity; // so that it writes as many as the others
    return rows;
  }}, prompt, {maxTokens: written})].length);
  const none = best(() => {
    const ids = [...prompt];
    for (let n = 0; n < 16; n++) ids.push(argmax(model.forward(ids).at(-1)));
    return 16;
  });
  const read = best(() => (model.forward(prompt, undefined, {last: 1}), prompt.length));
  const question = model.tokenizer.encode(chatPrompt([{role: "user", content: "What is a token?"}]), true);
  const first = 1000 / best(() => (model.forward(question, undefined, {last: 1}), 1));
  return [logits, [cache, none, read], first, question.length];
}"""


def in_chromium(
    model: Model, browser: Browser, texts: list[list[int]], prompt: list[int]
) -> tuple[list[np.ndarray], list[float], str]:
    """Logits and speeds of the JavaScript engine, and a line on its first token."""
    page = browser.new_page()
    page.set_default_timeout(0)
    for name in ("tokenizer", "model", "sample", "chat"):
        page.add_script_tag(path=ROOT / f"docs/figures/engine/{name}.js")
    page.add_script_tag(content=export.javascript(model))
    logits, speeds, first, count = page.evaluate(IN_THE_PAGE, [texts, prompt, WRITTEN, ROUNDS])
    page.close()
    return (
        [np.array(rows) for rows in logits],
        speeds,
        f"In Chromium the first token after {count} takes {first:.0f} ms.",
    )


def row(name: str, given: list[np.ndarray], expected: list[np.ndarray], speeds: list[float]) -> str:
    pairs = list(zip(given, expected, strict=True))
    gap = max(np.abs(g - e).max() for g, e in pairs)
    same = np.concatenate([g.argmax(-1) == e.argmax(-1) for g, e in pairs]).mean()
    return f"| {name} | {gap:.2g} | {same:.1%} | " + " | ".join(f"{s:,.0f}" for s in speeds) + " |"


def best(work: Callable[[], int]) -> float:
    """Most tokens in a second over some rounds; work says how many it did."""
    speeds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        speeds.append(work() / (time.perf_counter() - begun))
    return max(speeds)


def write_with_cache(engine: Engine, prompt: list[int]) -> int:
    engine.start()
    token = engine.step(prompt)
    for _ in range(WRITTEN):
        token = engine.step([token])
    return WRITTEN


def write_without_cache(engine: Engine, prompt: list[int], count: int = 16) -> int:
    ids = list(prompt)
    for _ in range(count):
        ids.append(int(engine.logits(ids)[-1].argmax()))
    return count


def read(engine: Engine, prompt: list[int]) -> int:
    engine.start()
    engine.step(prompt)
    return len(prompt)


def main() -> None:
    torch.set_num_threads(1)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else WEIGHTS
    model = Model.load(folder)
    kinds = ("lookup", "extraction", "three to five sources", "glossary")
    examples = [e for kind in kinds for e in corpus.test_set(kind, 10, seed=3)]
    texts = [chat.render(e.messages, e.tools, tokenizer=model.tokenizer, answer=False) for e in examples]
    prompt = max(texts, key=len)
    with tempfile.TemporaryDirectory() as made:
        engines = [numpy_engine(model), transformers_engine(folder)]
        if found := find_spec("llama_cpp"):
            engines += [llama_cpp_engine(model, Path(made), dtype) for dtype in export.GGUF_TYPES]
        print("| Engine | Difference | Argmax | Written, cache | Written, none | Read |")
        print("|---|---:|---:|---:|---:|---:|")
        expected = [model.forward(ids) for ids in texts]
        for engine in engines:
            given = [engine.logits(ids) for ids in texts]
            speeds = [
                best(lambda w=w, e=engine: w(e, prompt))
                for w in (write_with_cache, write_without_cache, read)
            ]
            print(row(engine.name, given, expected, speeds), flush=True)
        if not found:
            print("| llama.cpp | left out: pip install '.[llama]' | | | | |")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium.find(), args=["--no-sandbox"])
            given, speeds, first = in_chromium(model, browser, texts, prompt)
            print(row("Ours in Chromium, int8", given, expected, speeds), flush=True)
            if find_spec("onnx") and onnx_web.folder():
                measured = onnx_web.measure(model, browser, Path(made), texts, prompt, (WRITTEN, ROUNDS))
                print(row("onnxruntime-web F32", measured[0], expected, measured[1]))
            else:
                print(f"| onnxruntime-web | left out: {onnx_web.MISSING} | | | | |")
            browser.close()
    print(f"\n{first}")


if __name__ == "__main__":
    main()
