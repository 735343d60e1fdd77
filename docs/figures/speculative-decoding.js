// @ts-check
"use strict";
/**
 * Guess several tokens ahead, check them in one pass, keep those that hold. The guesses come from the text itself
 * ("prompt lookup"); no smaller draft model is at work here.
 *
 *   <speculative-decoding></speculative-decoding>
 */
class SpeculativeDecoding extends LiveFigure {
  static defaults = {
    text: "Repeat: the old ferry leaves the harbour at nine.",
    ngram: 3, // how many tokens must match
    draft: 6, // how many tokens are guessed at most
    pass: 99, // up to which pass the picture goes
  };
  static title = "Guess ahead, check in one pass";
  static about =
    "If the last few tokens occurred before in the text, we bet that what followed them follows again. One pass scores all tokens of the " +
    "bet at once. Those up to the first wrong one are kept, and the model's own next token comes for free, so that the text is exactly " +
    "that of greedy decoding. A pass over several tokens costs more than one over a single token; how much more depends on the machine. " +
    "On a GPU that waits for memory it hardly does, in this page it nearly multiplies.";
  static source = () => [promptLookup, guess];
  static needs = ["pebble"];

  build() {
    this.passes = h("ol", { class: "speculative-decoding__passes", tabindex: "0", "aria-label": "Passes of the model" });
    this.numbers = h("tbody");
    return [
      h("div", { class: "live__controls" }, this.field("text", "Question to Pebble", { pass: 99 })),
      h("div", { class: "live__controls" }, this.slider("ngram", "Tokens that must match", { min: 1, max: 5 }), this.slider("draft", "Tokens guessed at most", { min: 0, max: 12 })),
      this.passes,
      liveTable("Compared", ["", "Passes", "Tokens a pass", "Milliseconds here"], this.numbers, 2),
      h("div", { class: "live__buttons" }, this.button("Replay", () => (this.set({ pass: 0 }), this.play(() => (this.set({ pass: this.state.pass + 1 }), this.state.pass < this.count), 500)))),
    ]; // prettier-ignore
  }

  count = 0;
  key = "";
  /** @type {{steps: {bet: number[], confirmed: number[]}[], ms: number, plainMs: number, plain: number[]} | undefined} */
  measured;

  measure() {
    const { text, ngram, draft } = this.state;
    const key = JSON.stringify([text, ngram, draft]);
    if (key === this.key && this.measured) return this.measured;
    const ids = this.model.tokenizer.encode(chatPrompt([{ role: "user", content: text }]), true);
    const [steps, ms] = timed(() => [...promptLookup(this.model, ids, { maxTokens: 60, ngram, draft })]);
    const [plain, plainMs] = timed(() => [...generate(this.model, ids, { maxTokens: 60 })]);
    if (steps.flatMap(({ confirmed }) => confirmed).join() !== plain.join()) throw new Error("The two ways disagree.");
    this.key = key;
    return (this.measured = { steps, ms, plainMs, plain });
  }

  draw() {
    const { steps, ms, plainMs, plain } = this.measure();
    this.count = steps.length;
    const chip = (/** @type {number} */ id, /** @type {string} */ kind) => h("span", { class: `token ${kind}` }, visible(this.model.tokenizer.decode([id])));
    const lines = steps.slice(0, this.state.pass).map(({ bet, confirmed }) => {
      const held = confirmed.slice(0, -1).length;
      const kept = confirmed.map((id, n) => chip(id, n < held || (n < bet.length && bet[n] === id) ? "token--good" : "token--new"));
      const lost = bet.slice(bet.findIndex((id, n) => id !== confirmed[n])).filter(() => bet.some((id, n) => id !== confirmed[n]));
      return h("li", null, ...kept, ...(lost.length ? [h("span", { class: "speculative-decoding__lost" }, "lost: ", ...lost.map((id) => chip(id, "token--bad")))] : []));
    });
    this.passes?.replaceChildren(...lines);
    if (this.passes) this.passes.scrollTop = this.passes.scrollHeight;
    const row = (/** @type {string} */ name, /** @type {number} */ passes, /** @type {number} */ time) =>
      h("tr", null, h("th", { scope: "row" }, name), ...[String(passes), (plain.length / passes).toFixed(2), time.toFixed(0)].map((text) => h("td", { class: "number" }, text)));
    this.numbers?.replaceChildren(row("Token by token", plain.length, plainMs), row("With bets", steps.length, ms));
    const bets = steps.reduce((sum, { bet }) => sum + bet.length, 0);
    const won = plain.length - steps.length;
    this.say(`${plain.length} tokens in ${steps.length} passes: ${won} of ${bets} guessed tokens were kept. In time here: ${(plainMs / ms).toFixed(2)} times as fast.`);
  }
}

/** A result, and the milliseconds of the faster of two runs: the first one also compiles. @template T @param {() => T} work @returns {[T, number]} */
function timed(work) {
  const times = [0, 1].map(() => {
    const begun = performance.now();
    work();
    return performance.now() - begun;
  });
  return [work(), Math.min(...times)];
}

customElements.define("speculative-decoding", SpeculativeDecoding);
