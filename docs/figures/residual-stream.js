// @ts-check
"use strict";
/**
 * What the model would say after each layer, if it stopped there: the logit lens.
 *
 *   <residual-stream text="What is a token?"></residual-stream>          a question to Pebble
 *   <residual-stream text="Once upon a" mode="text"></residual-stream>   a text to go on with
 */
class ResidualStream extends LiveFigure {
  static defaults = {
    text: "What is a token?",
    mode: "question", // or "text"
    token: -1, // whose next token is asked for; -1 is the last
  };
  static title = "Stop Pebble after each layer";
  static about =
    "Every layer adds something to the vector that each token carries, the residual stream. The last step of the model, which turns this " +
    "vector into scores, can be applied after any layer. Early layers were never trained to be read in this way: what they seem to say is " +
    "often nonsense, and a prediction that forms early or late is an observation about this text, no law.";
  static source = () => [Model.prototype.forward, Model.prototype.logits, rmsNorm];
  static needs = ["pebble"];
  static GUESSES = 3;

  build() {
    this.tokens = h("div", { class: "residual-stream__tokens", role: "group", "aria-label": "Tokens: choose the one whose next token is asked for" });
    this.rows = h("tbody");
    const columns = ["After", "Share of the final choice", "Likeliest next tokens", "Length"];
    const reset = { token: -1 };
    return [
      h("div", { class: "live__controls" },
        this.field("text", "Your text", reset),
        this.choice("mode", "Read it as", [["question", "a question to Pebble"], ["text", "a text to go on with"]], reset)),
      this.tokens,
      liveTable("Layer by layer", columns, this.rows, 7, "text"),
    ]; // prettier-ignore
  }

  /** @returns {number[]} */
  ids() {
    const { text, mode } = this.state;
    if (mode === "question") return this.model.tokenizer.encode(chatPrompt([{ role: "user", content: text }]), true);
    return [BEGIN, ...this.model.tokenizer.encode(text)];
  }

  draw() {
    const ids = this.ids();
    const at = this.state.token in ids ? this.state.token : ids.length - 1;
    const trace = newTrace();
    this.model.forward(ids, undefined, { last: 0, trace });
    const layers = trace.residual.map((rows) => ({ length: Math.sqrt(dot(rows[at], rows[at], rows[at].length)), p: softmax(this.model.logits([rows[at]])[0]) }));
    const final = argmax(layers[layers.length - 1].p);
    this.showTokens(ids, at);
    this.rows?.replaceChildren(...layers.map(({ length, p }, n) => this.row(n, length, p, final)));
    const first = layers.findIndex((_, n) => layers.slice(n).every(({ p }) => argmax(p) === final));
    const name = visible(this.model.tokenizer.decode([final]));
    const when = first === 0 ? "already the embedding says so" : `from layer ${first} on it is the likeliest`;
    this.say(`After “${visible(this.model.tokenizer.decode([ids[at]]))}” Pebble says “${name}”: ${when}.`);
  }

  /** @param {number} n @param {number} length @param {Float32Array} p @param {number} final */
  row(n, length, p, final) {
    const guesses = likeliest(p, ResidualStream.GUESSES).map((token) =>
      h("span", { class: "residual-stream__guess" }, h("span", { class: `token ${token === final ? "token--good" : ""}` }, visible(this.model.tokenizer.decode([token]))), ` ${percent(p[token])}`));
    const track = h("span", { class: "bar__track c-good" }, h("span", { class: "bar__fill", style: `width:${p[final] * 100}%` }));
    return h("tr", null,
      h("th", { scope: "row" }, n ? `layer ${n}` : "embedding"),
      h("td", null, h("span", { class: "residual-stream__share" }, track, percent(p[final]))),
      h("td", null, ...guesses),
      h("td", { class: "number" }, length.toFixed(1))); // prettier-ignore
  }

  /** @param {number[]} ids @param {number} at */
  showTokens(ids, at) {
    const focused = this.tokens?.contains(document.activeElement);
    const buttons = ids.map((id, n) =>
      this.button(visible(this.model.tokenizer.decode([id])), () => this.set({ token: n }), { class: `token ${id < SPECIAL.length ? "token--control" : ""}`, "aria-pressed": String(n === at) }));
    this.tokens?.replaceChildren(...buttons);
    if (focused) buttons[at].focus();
  }
}

customElements.define("residual-stream", ResidualStream);
