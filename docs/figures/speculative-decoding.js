// @ts-check
"use strict";
/**
 * Guess several tokens ahead, check them in one pass, keep those that hold. The guesses come from the text itself
 * ("prompt lookup"), or from a small model with the same tokenizer.
 *
 *   <speculative-decoding guesser="model" draft="4"></speculative-decoding>
 */
class SpeculativeDecoding extends LiveFigure {
  static defaults = {
    text: "Repeat: the old ferry leaves the harbour at nine.",
    guesser: "prompt", // who guesses: "prompt" or "model"
    draft: 6, // how many tokens are guessed at most
    ngram: 3, // how many tokens must match, where the prompt guesses
    pass: 99, // up to which pass the picture goes
  };
  static title = "Guess ahead, check in one pass";
  static about =
    "Somebody guesses how the text goes on, and one pass of Pebble scores all guessed tokens at once. Those up to the first wrong one are " +
    "kept, and Pebble's own next token comes for free: the text is exactly that of greedy decoding, or this figure stops. The prompt guesses " +
    "that what followed the last few tokens earlier will follow them again. The small model writes its guesses one by one, each in a pass of its own. " +
    "The milliseconds are those of the fastest of three runs each way, in this browser. They contain the reading of the question, by the small model too " +
    "if it guesses, which the passes do not count; “guesses alone” is the part of the time, and the small model's passes, that went into the guesses. A pass over several tokens costs more than one over a single token: on a GPU that waits for its memory " +
    "hardly more, in this page several times as much. So fewer passes need not mean less time here.";
  static source = () => [speculate, guess, Draft];
  static needs = ["pebble", "pebble-draft.js"];

  build() {
    this.passes = h("ol", { class: "speculative-decoding__passes", tabindex: "0", "aria-label": "Passes of Pebble" });
    this.numbers = h("tbody");
    this.matching = this.slider("ngram", "Tokens that must match", { min: 1, max: 5 });
    return [
      h("div", { class: "live__controls" }, this.field("text", "Question to Pebble", { pass: 99 })),
      h("div", { class: "live__controls" },
        this.choice("guesser", "Who guesses", [["prompt", "The prompt itself"], ["model", "A small model"]], { pass: 99 }),
        this.slider("draft", "Tokens guessed ahead", { min: 0, max: 12 }),
        this.matching),
      h("p", { class: "speculative-decoding__key" }, chip("guessed and kept", "good"), chip("guessed and lost", "bad"), chip("Pebble's own", "new")),
      this.passes,
      liveTable("Compared", ["", "Passes", "Tokens\na pass", "Time\nin ms"], this.numbers, 3),
      h("div", { class: "live__buttons" }, this.button("Replay", () => (this.set({ pass: 0 }), this.play(() => (this.set({ pass: this.state.pass + 1 }), this.state.pass < this.count), 500)))),
    ]; // prettier-ignore
  }

  count = 0;
  key = "";
  /** @type {Model | undefined} */
  small;
  /** @type {{ahead: Ahead, plain: {tokens: number[], ms: number}} | undefined} */
  measured;

  measure() {
    const { text, guesser, draft, ngram } = this.state;
    const key = JSON.stringify([text, guesser, draft, ngram]);
    if (key === this.key && this.measured) return this.measured;
    const ids = this.model.tokenizer.encode(chatPrompt([{ role: "user", content: text }]), true);
    const small = (this.small ??= Model.load(/** @type {any} */ (globalThis).PEBBLE_DRAFT));
    /** @returns {(seen: number[]) => number[]} */
    const newBet = () => {
      if (guesser !== "model") return (seen) => guess(seen, ngram).slice(0, draft);
      const drafter = new Draft(small, draft); // its cache is empty, as Pebble's is
      return (seen) => drafter.guess(seen);
    };
    const runs = [1, 2, 3].map(() => ({
      plain: timed(() => [...generate(this.model, ids, { maxTokens: 60 })]),
      ahead: guessAhead(this.model, ids, newBet()),
    })); // in turn, since code runs faster once the browser knows it
    const plain = fastest(runs.map((run) => run.plain));
    const ahead = fastest(runs.map((run) => run.ahead));
    if (ahead.steps.flatMap(({ confirmed }) => confirmed).join() !== plain.result.join()) throw new Error("The two ways disagree.");
    this.key = key;
    return (this.measured = { ahead, plain: { tokens: plain.result, ms: plain.ms } });
  }

  draw() {
    const { guesser, pass } = this.state;
    if (this.matching) this.matching.hidden = guesser === "model";
    const { ahead, plain } = this.measure();
    const { steps } = ahead;
    this.count = steps.length;
    this.passes?.replaceChildren(...steps.slice(0, pass).map((step) => this.line(step)));
    if (this.passes) this.passes.scrollTop = this.passes.scrollHeight;
    const each = (/** @type {number} */ passes) => (plain.tokens.length / passes).toFixed(2);
    const row = (/** @type {string} */ name, /** @type {(string | number)[]} */ ...cells) =>
      h("tr", null, h("th", { scope: "row" }, name), ...cells.map((cell) => h("td", { class: "number" }, String(cell))));
    this.numbers?.replaceChildren(
      row("Token by token", plain.tokens.length, each(plain.tokens.length), plain.ms.toFixed(1)),
      row("With guesses", steps.length, each(steps.length), ahead.ms.toFixed(1)),
      row("Guesses alone", ...(guesser === "model" ? [ahead.drafted, "1.00"] : ["–", "–"]), ahead.guessing.toFixed(1)),
    );
    const guesses = steps.reduce((sum, { guessed }) => sum + guessed.length, 0);
    const kept = steps.reduce((sum, step) => sum + held(step), 0);
    this.say(`${plain.tokens.length} tokens in ${steps.length} passes: ${kept} of ${guesses} guessed tokens were kept. In time here: ${(plain.ms / ahead.ms).toFixed(2)} times as fast.`);
  }

  /** One pass: what was kept, and what was lost. @param {Guessed} step */
  line(step) {
    const { guessed, confirmed } = step;
    const text = (/** @type {number} */ id) => visible(this.model.tokenizer.decode([id]));
    const kept = confirmed.map((id, n) => chip(text(id), n < held(step) ? "good" : "new"));
    const lost = guessed.slice(held(step)).map((id) => chip(text(id), "bad"));
    const count = guessed.length ? h("span", { class: "unseen" }, ` (${held(step)} of ${guessed.length} guesses kept) `) : null;
    return h("li", null, ...kept, count, ...(lost.length ? [h("span", { class: "speculative-decoding__lost" }, "lost: ", ...lost)] : []));
  }
}

/** @typedef {{guessed: number[], confirmed: number[]}} Guessed one pass */
/** @typedef {{steps: Guessed[], ms: number, guessing: number, drafted: number}} Ahead guessing: the milliseconds of it; drafted: tokens guessed */

/** @param {string} text @param {"good" | "bad" | "new"} kind */
const chip = (text, kind) => h("span", { class: `token token--${kind}` }, text);

/** How many guesses of a pass were kept. @param {Guessed} step */
const held = ({ guessed, confirmed }) => confirmed.filter((id, n) => id === guessed[n]).length;

/** Write up to 60 tokens, and time the guessing apart.
 * @param {Model} model @param {number[]} ids @param {(seen: number[]) => number[]} bet @returns {Ahead} */
function guessAhead(model, ids, bet) {
  let [guessing, drafted] = [0, 0];
  const watched = (/** @type {number[]} */ seen) => {
    const { result, ms } = timed(() => bet(seen));
    guessing += ms;
    drafted += result.length;
    return result;
  };
  const { result, ms } = timed(() => [...speculate(model, ids, watched, 60)]);
  return { steps: result, ms, guessing, drafted };
}

/** @template T @param {() => T} work @returns {{result: T, ms: number}} */
function timed(work) {
  const begun = performance.now();
  const result = work();
  return { result, ms: performance.now() - begun };
}

/** @template {{ms: number}} R @param {R[]} runs @returns {R} */
const fastest = (runs) => runs.reduce((best, run) => (run.ms < best.ms ? run : best));

customElements.define("speculative-decoding", SpeculativeDecoding);
