// @ts-check
"use strict";
/**
 * Type, see the tokens and the likeliest next ones, and write on, a token at a time.
 *
 *   <next-token text="Once upon a"></next-token>
 *   <next-token text="What is a token?" mode="question"></next-token>     wrapped as a chat, as Pebble was trained
 */
class NextToken extends LiveFigure {
  static defaults = {
    text: "Once upon a",
    mode: "text", // or "question"
    temperature: 1,
    topk: 0,
    topp: 1,
    minp: 0,
    written: "", // numbers of the tokens appended so far, with commas
    seed: 1,
  };
  static title = "Let Pebble choose the next token";
  static about =
    "Pebble, a model with 1.2 million weights, runs in this page. It reads the tokens and gives every token of its vocabulary a score. " +
    "The filters turn scores into probabilities, and a random number picks one. Dashed: what the model itself gave, before any filter. " +
    "Tokens already read are kept in the cache.";
  static source = () => [distribution, softmax, draw];
  static needs = ["pebble"];

  build() {
    this.tokens = h("p", { class: "next-token__text", role: "group", "aria-label": "Tokens so far" });
    this.bars = h("div", { class: "bars" }, ...Array.from({ length: NextToken.SHOWN }, () => this.bar()));
    const reset = { written: "" };
    return [
      h("div", { class: "live__controls" },
        this.field("text", "Your text", reset),
        this.choice("mode", "Read it as", [["text", "a text to go on with"], ["question", "a question to Pebble"]], reset)),
      h("div", { class: "live__controls" },
        this.slider("temperature", "Temperature", { min: 0, max: 2, step: 0.05, format: (t) => t.toFixed(2) }),
        this.slider("topk", "Top-k", { min: 0, max: 20, format: (k) => (k ? `${k}` : "off") }),
        this.slider("topp", "Top-p", { min: 0.05, max: 1, step: 0.05, format: (p) => (p < 1 ? p.toFixed(2) : "off") }),
        this.slider("minp", "Min-p", { min: 0, max: 0.5, step: 0.01, format: (p) => (p ? p.toFixed(2) : "off") })),
      this.tokens,
      this.bars,
      h("div", { class: "live__buttons" },
        this.button("Take the likeliest", () => this.take(argmax(this.p))),
        this.button("Draw one", () => this.drawOne()),
        this.button("Write on", () => (this.hasAttribute("playing") ? this.pause() : this.play(() => this.drawOne(), 120))),
        this.button("One back", () => this.set({ written: this.written().slice(0, -1).join() })),
        this.button("Start again", () => (this.pause(), this.set({ written: "", seed: this.state.seed + 1 })))),
    ]; // prettier-ignore
  }

  static SHOWN = 8;
  /** The probabilities from which to draw. @type {Float64Array} */
  p = new Float64Array();
  /** @type {Reader | undefined} */
  reader;
  ended = false;

  bar() {
    const parts = ["name", "ghost", "fill", "value"].map((part) => h("span", { class: `bar__${part}` }));
    const [name, ghost, fill, value] = parts;
    const row = this.button("", () => this.take(Number(row.dataset.token)), { class: "bar", disabled: true, "aria-label": "Not computed yet" });
    row.append(name, h("span", { class: "bar__track c-token" }, fill, ghost), value);
    return row;
  }

  /** @returns {number[]} */
  written() {
    return this.state.written ? this.state.written.split(",").map(Number).filter((/** @type {number} */ id) => id in this.model.tokenizer.vocab) : [];
  }

  /** @returns {number[]} */
  start() {
    const { text, mode } = this.state;
    if (mode === "question") return this.model.tokenizer.encode(chatPrompt([{ role: "user", content: text }]), true);
    return [BEGIN, ...this.model.tokenizer.encode(text)];
  }

  draw() {
    const { temperature, topk, topp, minp } = this.state;
    const [start, written] = [this.start(), this.written()];
    this.reader ??= new Reader(this.model);
    this.showTokens(start, written);
    this.ended = written.at(-1) === END;
    const logits = this.reader.read([...start, ...written]);
    this.p = distribution(logits, { temperature, topK: topk, topP: topp, minP: minp });
    if (temperature === 0) this.p.fill(0)[argmax(logits)] = 1;
    const own = softmax(logits); // what the model gave, before any filter
    const best = likeliest(logits, NextToken.SHOWN);
    best.forEach((token, n) => this.showBar(/** @type {HTMLButtonElement} */ (this.bars?.children[n]), token, own[token]));
    const left = this.p.filter((share) => share > 0).length;
    const text = (/** @type {number} */ token) => `“${visible(this.model.tokenizer.decode([token]))}”`;
    const likely = best.slice(0, 3).map((token) => `${text(token)} ${percent(this.p[token])}`);
    this.say(this.ended ? "Pebble has ended its answer." : `Likeliest next: ${likely.join(", ")}. ${left} of ${this.p.length} tokens can be drawn.`);
  }

  /** @param {HTMLButtonElement} row @param {number} token @param {number} own */
  showBar(row, token, own) {
    const [name, track, value] = /** @type {HTMLElement[]} */ ([...row.children]);
    const [fill, ghost] = /** @type {HTMLElement[]} */ ([...track.children]);
    const share = this.p[token];
    row.dataset.token = String(token);
    row.disabled = Boolean(this.ended);
    row.style.opacity = share ? "1" : "0.55";
    name.textContent = visible(this.model.tokenizer.decode([token]));
    value.textContent = percent(share);
    fill.style.width = `${share * 100}%`;
    ghost.style.width = `${own * 100}%`;
    row.setAttribute("aria-label", `${name.textContent}, ${percent(share)}: append it`);
  }

  /** @param {number[]} start @param {number[]} written */
  showTokens(start, written) {
    const chip = (/** @type {number} */ id, /** @type {string} */ kind) =>
      h("span", { class: `token ${id < SPECIAL.length ? "token--control" : kind}` }, visible(this.model.tokenizer.decode([id])));
    this.tokens?.replaceChildren(...start.map((id) => chip(id, "")), ...written.map((id) => chip(id, "token--new")));
  }

  drawOne() {
    // the seed and the number of tokens fix the random number, so that a link shows the same text again
    const count = this.written().length;
    if (this.ended || count >= 120) return false;
    this.take(draw(this.p, randomFrom(this.state.seed * 1000 + count)()));
    return !this.ended;
  }

  /** @param {number} token */
  take(token) {
    if (!this.ended) this.set({ written: [...this.written(), token].join() });
  }

}

customElements.define("next-token", NextToken);
