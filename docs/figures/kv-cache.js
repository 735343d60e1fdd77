// @ts-check
"use strict";
/**
 * The same text written with the KV cache and without it: time, multiplications and memory, as they grow; and the
 * cache of real models.
 *
 *   <kv-cache text="What is a token?" tokens="40"></kv-cache>
 */
class KvCache extends LiveFigure {
  static defaults = {
    text: "What is a KV cache?",
    tokens: 40, // to be written, each way
    model: "llama-3.1-8b",
    context: 15, // tokens, as a power of two
    batch: 1,
    bits: 16, // of a number in the cache
  };
  static title = "Write with the cache, and without";
  static about =
    "Without a cache every new token needs the whole text anew. With it, the keys and values of earlier tokens are kept, and only the new " +
    "token goes through the network. Pebble writes the same tokens both ways; the times are those of your machine, now. Its end token is " +
    "ignored, so that there is something to measure.";
  static source = () => [multiplications, KVCache, kvBytesPerLayer, kvBytes];
  static needs = ["pebble", "memory.js", "facts.js"];

  build() {
    this.chart = s("svg", { viewBox: "0 -14 480 214", role: "img", "aria-label": "Milliseconds for each token" });
    this.rows = h("tbody");
    this.cache = h("div", { class: "kv-cache__result" });
    this.select = h("span");
    return [
      h("div", { class: "live__controls" }, this.field("text", "Question to Pebble"), this.slider("tokens", "Tokens to write", { min: 8, max: 100, step: 4 })),
      h("div", { class: "live__buttons" }, this.button("Write both ways", () => this.race())),
      this.chart,
      liveTable("Both ways so far", ["", "Multiplications", "Milliseconds", "Memory kept"], this.rows, 2),
      h("p", { class: "live__title kv-cache__real" }, "The cache of real models"),
      h("div", { class: "live__controls" },
        this.select,
        this.choice("bits", "Bits a number", [["16", "16"], ["8", "8"], ["4", "4"]]),
        this.slider("context", "Tokens", { min: 9, max: 20, format: (n) => (n < 10 ? `${2 ** n}` : n < 20 ? `${2 ** (n - 10)}K` : "1M") }),
        this.slider("batch", "Sequences at once", { min: 1, max: 64 })),
      this.cache,
    ]; // prettier-ignore
  }

  run = newRace([]);

  /** A token each way, again and again. */
  race() {
    const ids = this.model.tokenizer.encode(chatPrompt([{ role: "user", content: this.state.text }]), true);
    const run = (this.run = newRace(ids));
    const cache = new KVCache(this.model.config);
    const config = this.model.config;
    this.play(() => {
      if (run.ids.length - run.start >= this.state.tokens || run.ids.length >= config.max_position_embeddings - 1) return false;
      const fresh = run.ids.slice(cache.length);
      run.kept.count += multiplications(config, fresh.length, run.ids.length);
      run.anew.count += multiplications(config, run.ids.length, run.ids.length);
      const before = performance.now();
      const logits = this.model.forward(fresh, cache);
      const between = performance.now();
      const again = this.model.forward(run.ids);
      const after = performance.now();
      if (argmax(logits[fresh.length - 1]) !== argmax(again[run.ids.length - 1])) throw new Error("The two ways disagree.");
      run.kept.ms.push(between - before);
      run.anew.ms.push(after - between);
      const token = likeliest(logits[fresh.length - 1], 2).find((id) => id !== END) ?? 0;
      run.ids.push(token);
      this.redraw();
      return true;
    }, 0);
  }

  draw() {
    this.showRun();
    this.showCache(this.factChosen(this.select, "model", "Model", openModels()));
  }

  showRun() {
    const { kept, anew, ids, start } = this.run;
    const { num_hidden_layers: layers, num_key_value_heads: groups, num_attention_heads: heads, hidden_size: hidden } = this.model.config;
    const sum = (/** @type {number[]} */ numbers) => numbers.reduce((a, b) => a + b, 0);
    const memory = 2 * layers * groups * (hidden / heads) * 4 * Math.max(0, ids.length - 1);
    /** @param {string} name @param {Way} way @param {number} bytes */
    const row = (name, way, bytes) =>
      h("tr", null, h("th", { scope: "row" }, name), ...[way.count.toLocaleString("en"), sum(way.ms).toFixed(0), asBytes(bytes)].map((text) => h("td", { class: "number" }, text)));
    this.rows?.replaceChildren(row("With the cache", kept, memory), row("Without", anew, 0));
    const most = Math.max(10, ...anew.ms);
    const line = (/** @type {number[]} */ ms) => `M${ms.map((y, x) => `${45 + (x * 420) / Math.max(1, this.state.tokens - 1)} ${175 - (y / most) * 155}`).join("L")}`;
    this.chart?.replaceChildren(
      ...[0, 0.5, 1].flatMap((part) => [s("path", { class: "grid", d: `M45 ${175 - part * 155}H465` }), s("text", { class: "t-small t-end", x: 40, y: 179 - part * 155 }, `${(most * part).toFixed(0)}`)]),
      s("text", { class: "t-small", x: 4, y: 0 }, "ms for each token"),
      s("text", { class: "t-small t-end", x: 465, y: 195 }, "tokens written"),
      s("path", { class: "line c-bad", d: anew.ms.length ? line(anew.ms) : "" }),
      s("path", { class: "line c-good", d: kept.ms.length ? line(kept.ms) : "" }),
      s("text", { class: "t-strong c-bad t-end", x: 465, y: 2 }, "without"),
      s("text", { class: "t-strong c-good t-end", x: 465, y: 24 }, "with the cache"),
    );
    const written = ids.length - start;
    if (written && !this.hasAttribute("playing")) this.say(`${written} tokens: ${(anew.count / kept.count).toFixed(1)} times the multiplications and ${(sum(anew.ms) / sum(kept.ms)).toFixed(1)} times the time without the cache, which takes ${asBytes(memory)}.`);
  }

  pause() {
    super.pause();
    if (this.alive) this.showRun();
  }

  /** @param {Shape} shape */
  showCache(shape) {
    const [tokens, bytes] = [2 ** this.state.context, this.state.bits / 8];
    const size = this.state.batch * kvBytes(shape, tokens, bytes);
    const each = shape.latent ? `(${shape.latent} + ${shape.rope_dim})` : `2 × ${shape.kv_heads} × ${shape.head_dim}`;
    const per = shape.layers * kvBytesPerLayer(shape, bytes);
    this.cache?.replaceChildren(
      h("p", { class: "big kv-cache__size" }, asBytes(size)),
      h("p", null, attentionKind(shape)),
      h("p", { class: "formula" }, `${shape.layers} layers × ${each} × ${bytes} bytes = ${per.toLocaleString("en")} bytes a token${shape.window ? ", before its windows are full" : ""}; × ${asTokens(tokens)} tokens × ${this.state.batch}`),
    );
    if (!this.run.ids.length) this.say(`The cache of ${shape.name} at ${asTokens(tokens)} tokens, ${this.state.batch} at once: ${asBytes(size)}.`);
  }
}

/** @typedef {{ms: number[], count: number}} Way milliseconds of each token, and products of numbers in all */

/** @param {number[]} ids @returns {{kept: Way, anew: Way, ids: number[], start: number}} */
const newRace = (ids) => ({ kept: { ms: [], count: 0 }, anew: { ms: [], count: 0 }, ids: [...ids], start: ids.length });

/** How many products of two numbers one pass takes: `fresh` tokens, of `total` with those in the cache.
 * @param {Config} config @param {number} fresh @param {number} total */
function multiplications(config, fresh, total) {
  const { hidden_size: D, intermediate_size: F, num_hidden_layers: layers, vocab_size: V } = config;
  const keys = (D * config.num_key_value_heads) / config.num_attention_heads; // K * C
  const matrices = layers * (2 * D * D + 2 * D * keys + 3 * D * F) + V * D; // every weight once a token
  let pairs = 0; // of a token and one that it looks at
  for (let t = total - fresh; t < total; t++) pairs += t + 1;
  return fresh * matrices + layers * pairs * 2 * D; // once for the scores, once for the mix
}

customElements.define("kv-cache", KvCache);
