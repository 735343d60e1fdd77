"""Pebble in onnxruntime-web, the usual way to run a model in a browser: WebAssembly, one thread.

The graph is written here, a node for each line of pebble/model.py; keys and values go in and come out, so that
it has a cache. Needs the package onnx, and onnxruntime-web in a node_modules that NODE_PATH names.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Route

from pebble.model import Model

MISSING = "pip install onnx, npm install onnxruntime-web, and name its node_modules in NODE_PATH"


def folder() -> Path | None:
    """Where onnxruntime-web is installed, if it is."""
    places = [
        Path(place, "onnxruntime-web/dist") for place in os.environ.get("NODE_PATH", "").split(os.pathsep)
    ]
    return next((place for place in places if place.is_dir()), None)


def write(model: Model, file: Path) -> None:
    """Pebble as an ONNX graph: ids and positions [1, T] and past keys and values [1, K, P, C] of each layer
    give logits [1, T, V] and the keys and values with the new ones."""
    from onnx import TensorProto, helper, numpy_helper, save

    c, nodes, weights = model.config, [], {}
    heads = {"q_num_heads": c.num_attention_heads, "kv_num_heads": c.num_key_value_heads}

    def node(op: str, *inputs: str, out: str = "", more: tuple[str, ...] = (), **attributes: Any) -> str:
        out = out or f"{op}_{len(nodes)}"
        nodes.append(helper.make_node(op, list(inputs), [out, *more], **attributes))
        return out

    def weight(name: str, array: np.ndarray) -> str:
        weights[name] = numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name)
        return name

    def linear(x: str, name: str) -> str:
        return node("MatMul", x, weight(name, model.weights[f"{name}.weight"].T))

    def norm(x: str, name: str) -> str:
        weight(name, model.weights[f"{name}.weight"])
        return node("RMSNormalization", x, name, epsilon=c.rms_norm_eps)

    weight("cos", model.rope.real), weight("sin", model.rope.imag)
    x = node("Gather", weight("embedding", model.embedding), "ids")
    for n in range(c.num_hidden_layers):
        here = f"model.layers.{n}"
        normed = norm(x, f"{here}.input_layernorm")
        q, k, v = (linear(normed, f"{here}.self_attn.{part}_proj") for part in "qkv")
        q = node("RotaryEmbedding", q, "cos", "sin", "positions", num_heads=c.num_attention_heads)
        k = node("RotaryEmbedding", k, "cos", "sin", "positions", num_heads=c.num_key_value_heads)
        past, present = (f"past_key_{n}", f"past_value_{n}"), (f"key_{n}", f"value_{n}")
        mixed = node("Attention", q, k, v, "", *past, more=present, is_causal=1, **heads)
        x = node("Add", x, linear(mixed, f"{here}.self_attn.o_proj"))
        normed = norm(x, f"{here}.post_attention_layernorm")
        gate, up = (linear(normed, f"{here}.mlp.{part}_proj") for part in ("gate", "up"))
        inner = node("Mul", node("Mul", gate, node("Sigmoid", gate)), up)
        x = node("Add", x, linear(inner, f"{here}.mlp.down_proj"))
    node("MatMul", norm(x, "model.norm"), weight("unembedding", model.embedding.T), out="logits")

    def value(name: str, *shape: int | str, kind: int = TensorProto.FLOAT) -> Any:
        return helper.make_tensor_value_info(name, kind, shape)

    names = [f"{part}_{n}" for n in range(c.num_hidden_layers) for part in ("key", "value")]
    kept = (1, c.num_key_value_heads, "P", c.head_width)
    tokens = [value(name, 1, "T", kind=TensorProto.INT64) for name in ("ids", "positions")]
    inputs = tokens + [value(f"past_{name}", *kept) for name in names]
    outputs = [value("logits", 1, "T", c.vocab_size)] + [
        value(name, *kept[:2], "all", kept[3]) for name in names
    ]
    graph = helper.make_graph(nodes, "pebble", inputs, outputs, list(weights.values()))
    opset = helper.make_opsetid("", 23)  # the first with Attention, RotaryEmbedding and RMSNormalization
    save(helper.make_model(graph, opset_imports=[opset], ir_version=11), file)


IN_THE_PAGE = """async ([texts, prompt, written, rounds, groups, width, vocab]) => {
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create("/pebble.onnx", {executionProviders: ["wasm"]});
  const pasts = session.inputNames.filter((name) => name.startsWith("past_"));
  let seen, cache;
  const start = () => {
    seen = 0;
    cache = Object.fromEntries(pasts.map((name) => [name, new ort.Tensor("float32", [], [1, groups, 0, width])]));
  };
  const read = async (ids) => {
    const numbers = (all) => new ort.Tensor("int64", BigInt64Array.from(all, BigInt), [1, ids.length]);
    const out = await session.run({ids: numbers(ids), positions: numbers(ids.map((_, t) => seen + t)), ...cache});
    pasts.forEach((name) => (cache[name] = out[name.slice(5)]));
    seen += ids.length;
    return out.logits.data;
  };
  const likeliest = (logits) => {
    const last = logits.subarray(-vocab);
    return last.indexOf(last.reduce((a, b) => Math.max(a, b)));
  };
  const best = async (work) => {
    let speed = 0;
    for (let round = 0; round < rounds; round++) {
      const begun = performance.now(), count = await work();
      speed = Math.max(speed, count / (performance.now() - begun) * 1000);
    }
    return speed;
  };
  const logits = [];
  for (const ids of texts) (start(), logits.push(Array.from(await read(ids))));
  const kept = await best(async () => {
    start();
    let token = likeliest(await read(prompt));
    for (let n = 0; n < written; n++) token = likeliest(await read([token]));
    return written;
  });
  const anew = await best(async () => {
    const ids = [...prompt];
    for (let n = 0; n < 16; n++) (start(), ids.push(likeliest(await read(ids))));
    return 16;
  });
  const prompts = await best(async () => (start(), await read(prompt), prompt.length));
  return [logits, [kept, anew, prompts]];
}"""


def measure(
    model: Model,
    browser: Browser,
    made: Path,
    texts: list[list[int]],
    prompt: list[int],
    sizes: tuple[int, int],
) -> tuple[list[np.ndarray], list[float]]:
    """Logits of each text, and tokens a second: written with the cache, without it, and read.

    sizes: tokens to write, and rounds.
    """
    place = folder()
    if place is None:
        raise ModuleNotFoundError(MISSING)
    write(model, made / "pebble.onnx")

    def serve(route: Route) -> None:
        name = route.request.url.rsplit("/", 1)[1]
        if not name:
            route.fulfill(body="<!doctype html><title>Bench</title>", content_type="text/html")
        else:
            route.fulfill(path=made / name if name == "pebble.onnx" else place / name)

    page = browser.new_page()
    page.set_default_timeout(0)
    page.route("**/*", serve)
    page.goto("http://bench.localhost/")
    page.add_script_tag(url="/ort.wasm.min.js")
    c = model.config
    shape = [c.num_key_value_heads, c.head_width, c.vocab_size]
    logits, speeds = page.evaluate(IN_THE_PAGE, [texts, prompt, *sizes, *shape])
    page.close()
    return [np.reshape(rows, (-1, c.vocab_size)) for rows in logits], speeds
