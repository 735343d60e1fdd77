// @ts-check
"use strict";
/**
 * FlashAttention's trick, tile by tile: softmax and mix without ever holding all scores; and the bytes it saves.
 *
 *   <online-softmax tile="3"></online-softmax>
 *
 * Scores and values are made up.
 */
class OnlineSoftmax extends LiveFigure {
  static defaults = {
    scores: "1.2 -0.4 2.1 0.3 3.4 1.0 -1.1 2.8 0.6 4.0 1.9 0.2",
    tile: 3, // scores that are read at once
    step: 99, // tiles read so far
    length: 13, // for the bytes: tokens, as a power of two
    rows: 128, // for the bytes: queries that are worked on at once
  };
  static title = "Softmax in one pass, tile by tile";
  static about =
    "Softmax needs the greatest score and the sum of all exponentials, and so, it seems, all scores at once. The online form keeps three " +
    "running numbers: the greatest score so far, the sum so far, and the mix so far. When a tile brings a greater score, what is there is " +
    "scaled down by e^(old − new). In the end the result is the same. FlashAttention works so on tiles that fit into the GPU's fast memory, " +
    "and never writes the scores to the large, slow one.";
  static source = () => [onlineSoftmax, attentionBytes];

  build() {
    this.tiles = h("div", { class: "online-softmax__tiles" });
    this.rows = h("tbody");
    this.bytes = h("tbody");
    return [
      h("div", { class: "live__controls" }, this.slider("tile", "Scores in a tile", { min: 1, max: 6 })),
      this.tiles,
      liveTable("The running numbers", ["Tile", "greatest", "scaled by", "sum", "mix"], this.rows, 4),
      h("div", { class: "live__buttons" },
        this.button("One back", () => this.set({ step: Math.max(0, this.shown() - 1) })),
        this.button("Next tile", () => this.set({ step: Math.min(this.count(), this.shown() + 1) })),
        this.button("Play", () => (this.set({ step: 0 }), this.play(() => (this.set({ step: this.shown() + 1 }), this.shown() < this.count()), 900)))),
      h("p", { class: "live__title online-softmax__bytes" }, "Bytes moved to and from slow memory: one head of 128 channels, BF16"),
      h("div", { class: "live__controls" },
        this.slider("length", "Tokens", { min: 9, max: 17, format: (n) => (n < 10 ? `${2 ** n}` : `${2 ** (n - 10)}K`) }),
        this.slider("rows", "Queries in a tile", { min: 16, max: 256, step: 16 })),
      liveTable("Bytes moved", ["", "Bytes moved", "Extra memory"], this.bytes, 2),
    ]; // prettier-ignore
  }

  /** @returns {number[]} */
  scores() {
    const scores = this.state.scores.split(/\s+/).map(Number).filter(Number.isFinite).slice(0, 24);
    return scores.length ? scores : [0];
  }

  count() {
    return Math.ceil(this.scores().length / this.state.tile);
  }

  shown() {
    return Math.min(this.state.step, this.count());
  }

  draw() {
    const { tile } = this.state;
    const scores = this.scores();
    const values = scores.map((_, n) => n + 1); // so that one can check by head: a mix between 1 and their number
    const steps = onlineSoftmax(scores, values, tile);
    const shown = this.shown();
    this.tiles?.replaceChildren(...steps.map((_, n) => {
      const cells = scores.slice(n * tile, (n + 1) * tile).map((score) => h("span", { class: "token" }, score.toFixed(1)));
      return h("span", { class: `online-softmax__tile ${n < shown ? "is-read" : ""} ${n === shown - 1 ? "is-now" : ""}` }, ...cells);
    })); // prettier-ignore
    this.rows?.replaceChildren(...steps.slice(0, shown).map(({ greatest, scale, sum, mix }, n) =>
      h("tr", null, h("th", { scope: "row" }, String(n + 1)), ...[greatest.toFixed(1), n ? scale.toFixed(3) : "–", sum.toFixed(3), (mix / sum).toFixed(4)].map((text) => h("td", { class: "number" }, text))))); // prettier-ignore
    this.showBytes();
    const all = steps[steps.length - 1];
    const now = steps[shown - 1];
    if (!now) this.say("No tile is read yet.");
    else if (shown < steps.length) this.say(`After tile ${shown}: greatest ${now.greatest.toFixed(1)}, sum ${now.sum.toFixed(3)}, mix ${(now.mix / now.sum).toFixed(4)}.`);
    else this.say(`All tiles read: the mix of the values 1 to ${scores.length} is ${(all.mix / all.sum).toFixed(4)}, what ordinary softmax gives as well.`);
  }

  showBytes() {
    const tokens = 2 ** this.state.length;
    const { ordinary, flash, scores } = attentionBytes(tokens, 128, this.state.rows);
    const row = (/** @type {string} */ name, /** @type {number} */ moved, /** @type {string} */ extra) =>
      h("tr", null, h("th", { scope: "row" }, name), h("td", { class: "number" }, asBytes(moved)), h("td", { class: "number" }, extra));
    const times = `${(ordinary / flash).toFixed(1)} times less moved`;
    this.bytes?.replaceChildren(row("All scores written down", ordinary, asBytes(scores)), row("Tile by tile", flash, times));
  }
}

/** Every step of the one-pass softmax over tiles: greatest score, what the old sum and mix were scaled by, sum, mix.
 * @param {number[]} scores @param {number[]} values @param {number} tile */
function onlineSoftmax(scores, values, tile) {
  let [greatest, sum, mix] = [-Infinity, 0, 0];
  const steps = [];
  for (let start = 0; start < scores.length; start += tile) {
    const old = greatest;
    greatest = Math.max(old, ...scores.slice(start, start + tile));
    const scale = Math.exp(old - greatest); // what is there was measured by the old greatest
    [sum, mix] = [sum * scale, mix * scale];
    for (let n = start; n < Math.min(start + tile, scores.length); n++) {
      const share = Math.exp(scores[n] - greatest);
      sum += share;
      mix += share * values[n];
    }
    steps.push({ greatest, scale, sum, mix });
  }
  return steps; // the output is mix / sum
}

/** Bytes (two a number) between slow memory and the processor, for one head without a mask.
 * @param {number} tokens @param {number} width @param {number} rows queries that are worked on at once */
function attentionBytes(tokens, width, rows) {
  const matrix = 2 * tokens * width; // each of queries, keys, values and output
  const scores = 2 * tokens * tokens;
  const ordinary = 4 * matrix + 4 * scores; // scores: written, read for softmax; shares: written, read for the mix
  const flash = 2 * matrix + Math.ceil(tokens / rows) * 2 * matrix; // keys and values once for each tile of queries
  return { ordinary, flash, scores };
}

customElements.define("online-softmax", OnlineSoftmax);
