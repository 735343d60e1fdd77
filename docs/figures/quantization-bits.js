// @ts-check
"use strict";
/**
 * Fewer bits a weight: the histogram of a matrix, the surprise of an answer, and Pebble's own answer, live.
 *
 *   <quantization-bits bits="4" group="32"></quantization-bits>
 */
class QuantizationBits extends LiveFigure {
  static defaults = {
    bits: 8,
    group: 0, // weights that share a scale; 0 is a whole row
    ask: "What is a token?",
    matrix: "model.layers.0.mlp.gate_proj.weight",
  };
  static title = "Take bits away from Pebble";
  static about =
    "Every group of weights is divided by a scale, so that the greatest becomes the greatest whole number of its bits, and rounded. " +
    "Small groups need more scales and fit better. Perplexity: by how many equally likely tokens Pebble is as surprised, on average, " +
    "by each token of the answer that it gives with 8 bits. The page starts from weights that are already rounded to 8 bits a row. " +
    "Norms are left as they are.";
  static source = () => [quantize, surprise];
  static needs = ["pebble"];
  static QUESTIONS = ["What is a token?", "What is a logit?", "What is attention?", "Hello!"];

  build() {
    this.histogram = s("svg", { viewBox: "0 0 480 150", role: "img", "aria-label": "Weights of a matrix, and the values that they are rounded to" });
    this.numbers = h("tbody");
    this.answer = h("p", { class: "quantization-bits__answer" });
    const layers = [0, 5].flatMap((n) => ["self_attn.q_proj", "mlp.gate_proj", "mlp.down_proj"].map((part) => /** @type {[string, string]} */ ([`model.layers.${n}.${part}.weight`, `layer ${n + 1}, ${part.split(".")[1]}`])));
    return [
      h("div", { class: "live__controls" },
        this.slider("bits", "Bits a weight", { min: 2, max: 8 }),
        this.choice("group", "Weights with one scale", [["0", "a row"], ["32", "32"], ["16", "16"]]),
        this.choice("matrix", "Histogram of", [["model.embed_tokens.weight", "embedding"], ...layers])),
      this.histogram,
      h("div", { class: "live__controls" }, this.choice("ask", "Question", QuantizationBits.QUESTIONS.map((text) => [text, text]))),
      liveTable("What it costs", ["Bits with scales", "Size", "Mean error", "Perplexity"], this.numbers, 1),
      this.answer,
    ]; // prettier-ignore
  }

  draw() {
    const { bits, group, matrix, ask } = this.state;
    const { config, weights, tokenizer } = this.model;
    const rounded = Object.fromEntries(Object.entries(weights).map(([name, rows]) => [name, rows.length > 1 ? rows.map((row) => quantize(row, bits, group)) : rows]));
    const model = new Model(config, rounded, tokenizer);
    const ids = tokenizer.encode(chatPrompt([{ role: "user", content: ask }]), true);
    const best = [...generate(this.model, ids, { maxTokens: 40 })];
    const own = [...generate(model, ids, { maxTokens: 40 })];
    const perplexity = Math.exp(surprise(model, ids, best));
    const count = Object.values(weights).reduce((sum, rows) => sum + rows.length * rows[0].length, 0);
    const each = bits + 16 / (group || config.hidden_size); // a scale has 16 bits; most rows have D weights
    const [before, after] = [weights[matrix] ?? this.model.embedding, rounded[matrix] ?? model.embedding];
    let error = 0;
    before.forEach((row, r) => row.forEach((w, c) => (error += Math.abs(w - after[r][c]))));
    error /= before.length * before[0].length;
    const cells = [each.toFixed(2), asBytes((count * each) / 8), error.toExponential(1), perplexity < 1000 ? perplexity.toFixed(2) : perplexity.toExponential(1)];
    this.numbers?.replaceChildren(h("tr", null, ...cells.map((text, n) => h("td", { class: n ? "number" : null }, text))));
    this.showHistogram(before, after);
    const text = tokenizer.decode(own.filter((id) => id !== END));
    this.answer?.replaceChildren(h("strong", null, `Pebble with ${bits} bits: `), text);
    const same = own.join() === best.join();
    this.say(`${bits} bits: perplexity ${cells[3]}. Pebble answers ${same ? "as with 8 bits" : "differently"}.`);
  }

  /** @param {Rows} before @param {Rows} after */
  showHistogram(before, after) {
    const bins = 81;
    const most = before.reduce((max, row) => row.reduce((a, b) => Math.max(a, Math.abs(b)), max), 0) / 2; // half of the range: few lie beyond
    const count = (/** @type {Rows} */ rows) => {
      const counts = new Float64Array(bins);
      for (const row of rows) for (const w of row) counts[Math.round((w / most + 1) * ((bins - 1) / 2))]++; // what lies beyond is left out
      return counts;
    };
    const [was, is] = [count(before), count(after)];
    const highest = [...was, ...is].reduce((a, b) => Math.max(a, b), 0);
    const y = (/** @type {number} */ n) => 125 - Math.min(1, n / highest) * 115;
    const bars = Array.from(is, (n, b) => s("path", { class: "line c-weight", "stroke-width": 4, d: `M${10 + (b * 460) / (bins - 1)} 125V${y(n)}` }));
    const outline = Array.from(was, (n, b) => `${10 + (b * 460) / (bins - 1)} ${y(n)}`);
    this.histogram?.replaceChildren(...bars, s("path", { class: "line c-accent", d: `M${outline.join("L")}` }),
      s("path", { class: "grid", d: "M10 125H470" }), s("text", { class: "t-small", x: 10, y: 145 }, (-most).toFixed(2)), s("text", { class: "t-small t-mid", x: 240, y: 145 }, "0"), s("text", { class: "t-small t-end", x: 470, y: 145 }, most.toFixed(2)),
      s("text", { class: "t-small c-accent t-end", x: 470, y: 14 }, "before"), s("text", { class: "t-small c-weight t-end", x: 470, y: 32 }, "rounded")); // prettier-ignore
  }
}

/** A row of weights, rounded to whole multiples of one scale for each group.
 * @param {Float32Array} row @param {number} bits @param {number} group 0 for the whole row @returns {Float32Array} */
function quantize(row, bits, group) {
  const most = 2 ** (bits - 1) - 1; // 127 for 8 bits, 7 for 4, 1 for 2
  const size = group || row.length;
  const result = new Float32Array(row.length);
  for (let start = 0; start < row.length; start += size) {
    let greatest = 0;
    for (let n = start; n < start + size && n < row.length; n++) greatest = Math.max(greatest, Math.abs(row[n]));
    const scale = greatest / most || 1;
    for (let n = start; n < start + size && n < row.length; n++) result[n] = Math.round(row[n] / scale) * scale;
  }
  return result;
}

/** The mean of −log probability that the model gives to each token of `answer` after `ids`.
 * @param {Model} model @param {number[]} ids @param {number[]} answer */
function surprise(model, ids, answer) {
  const logits = model.forward([...ids, ...answer.slice(0, -1)], undefined, { last: answer.length });
  const shares = answer.map((token, n) => softmax(Float64Array.from(logits[n]))[token]);
  return shares.reduce((sum, share) => sum - Math.log(share + 1e-30), 0) / answer.length;
}

customElements.define("quantization-bits", QuantizationBits);
