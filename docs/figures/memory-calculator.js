// @ts-check
"use strict";
/**
 * Will it fit? Weights, KV cache and training of real models, by formulas that are shown.
 *
 *   <memory-calculator model="llama-3.1-8b" bits="16" context="13" batch="1"></memory-calculator>
 *
 * Models and their sizes are rows of docs/facts/models.yml.
 */
class MemoryCalculator extends LiveFigure {
  static defaults = {
    model: "llama-3.1-8b",
    task: "run", // or the number of a method of training
    bits: 16, // of a weight
    context: 13, // tokens in the cache, as a power of two
    batch: 1, // sequences at once
  };
  static title = "Will it fit?";
  static about =
    "Weights take parameters × bits ÷ 8 bytes. Each token leaves a key and a value in every layer, two bytes a number here. Training keeps " +
    "gradients and the optimiser's states besides. 4 bits are counted as 4.5, with their scales. Activations and what the program itself " +
    "needs come on top, so leave room. A GB is a billion bytes.";
  static source = () => [weightsBytes, kvBytesPerLayer, kvBytes, trainingBytes];
  static needs = ["facts.js", "memory.js"];
  static ROOMS = [8, 16, 24, 32, 48, 80, 141, 192, 640, 1128]; // GB

  build() {
    this.total = h("p", { class: "big" }, "–");
    this.rows = h("tbody");
    this.rooms = h("ul", { class: "memory-calculator__rooms", "aria-label": "Memory that it fits into" });
    this.select = h("span", { class: "memory-calculator__model" });
    return [
      h("div", { class: "live__controls" },
        this.select,
        this.choice("task", "To do what", [["run", "Run it"], ["0", "Train: full, AdamW"], ["1", "Train: full, pure BF16"], ["2", "Train: full, 8-bit Adam"], ["3", "Train: LoRA"], ["4", "Train: QLoRA"]])),
      h("div", { class: "live__controls" },
        this.choice("bits", "Bits a weight", [["32", "32"], ["16", "16"], ["8", "8"], ["4.5", "4 (4.5 with scales)"]]),
        this.slider("context", "Context", { min: 9, max: 20, format: (n) => (2 ** n < 1024 ? `${2 ** n}` : 2 ** n < 2 ** 20 ? `${2 ** (n - 10)}K` : "1M") }),
        this.slider("batch", "Sequences at once", { min: 1, max: 64 })),
      this.total,
      liveTable("What takes the memory", ["What", "Bytes", "How"], this.rows, 2, "text"),
      this.rooms,
    ]; // prettier-ignore
  }

  draw() {
    const shape = this.factChosen(this.select, "model", "Model", openModels());
    const parts = this.state.task === "run" ? this.running(shape) : this.training(shape);
    const total = parts.reduce((sum, { bytes }) => sum + (bytes ?? NaN), 0);
    const row = (/** @type {Part} */ { what, how, bytes }) => h("tr", null, h("th", { scope: "row" }, what), h("td", { class: "text" }, bytes === null ? "–" : asBytes(bytes)), h("td", { class: "formula" }, how));
    this.rows?.replaceChildren(...parts.map(row));
    if (this.total) this.total.textContent = Number.isNaN(total) ? "Not known" : asBytes(total);
    this.rooms?.replaceChildren(...MemoryCalculator.ROOMS.map((room) => {
      const fits = total <= room * 1e9;
      return h("li", { class: fits ? "c-good" : "c-bad" }, `${fits ? "✓" : "✗"} ${room} GB`);
    })); // prettier-ignore
    const least = MemoryCalculator.ROOMS.find((room) => total <= room * 1e9);
    const what = this.state.task === "run" ? "Running" : "Training";
    if (Number.isNaN(total)) this.say(`The facts lack sizes of ${shape.name} that this needs.`);
    else this.say(`${what} ${shape.name} takes ${asBytes(total)}${least ? `; the least memory here that holds it is ${least} GB` : ", more than any of these holds"}.`);
  }

  /** @typedef {{what: string, how: string, bytes: number | null}} Part */

  /** @param {Shape} shape @returns {Part[]} */
  running(shape) {
    const { bits, batch } = this.state;
    const context = 2 ** this.state.context;
    const each = shape.latent ? `(${shape.latent} + ${shape.rope_dim})` : `2 × ${shape.kv_heads} heads × ${shape.head_dim}`;
    const window = shape.window ? `; ${shape.windowed_layers} of the layers keep ${shape.window}` : "";
    return [
      { what: "Weights", how: `${shape.parameters}B × ${bits} bits ÷ 8`, bytes: weightsBytes(shape.parameters * 1e9, bits) },
      { what: "KV cache", how: `${batch} × ${asTokens(context)} tokens × ${shape.layers} layers × ${each} × 2 bytes${window}`, bytes: batch * kvBytes(shape, context, 2) },
    ];
  }

  /** @param {Shape} shape @returns {Part[]} */
  training(shape) {
    const n = Number(this.state.task) || 0;
    const { name, bytes, lora } = TRAINING[n];
    const adapter = lora ? `${bytes === NF4 ? " (embeddings 2)" : ""} + 16 bytes for each weight of the adapter` : "";
    return [{ what: name, how: `${shape.parameters}B × ${bytes.toFixed(bytes % 1 ? 2 : 0)} bytes${adapter}`, bytes: trainingBytes(shape, n) }];
  }
}

customElements.define("memory-calculator", MemoryCalculator);
