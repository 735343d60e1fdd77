// @ts-check
"use strict";
/**
 * A text becomes tokens, and each merge on the way is replayed.
 *
 *   <text-tokens text="Tokenizers split unfamiliar words."></text-tokens>
 */
class TextTokens extends LiveFigure {
  static defaults = {
    text: "A tokenizer splits unfamiliar words, and numbers like 1962.",
    piece: 1, // which piece is taken apart below
    stage: 99, // how many of its merges are shown
  };
  static title = "Watch Pebble's tokenizer merge";
  static about =
    "Text is first cut into pieces that no merge may cross. Each piece starts as single bytes (␣ is the space before a word). Then, " +
    "again and again, the pair of neighbours that was learned earliest is joined, until no pair in it was ever learned. The numbers under " +
    "the tokens are all that the model sees.";
  static source = () => [Tokenizer.prototype.merges, joinPairs];
  static needs = ["pebble"];

  build() {
    this.pieces = h("div", { class: "text-tokens__pieces", role: "group", "aria-label": "Pieces of the text: choose one to take it apart" });
    this.stages = h("ol", { class: "text-tokens__stages", tabindex: "0", "aria-label": "Merges of the chosen piece" });
    return [
      h("div", { class: "live__controls" }, this.field("text", "Your text", { piece: 0, stage: 99 })),
      this.pieces,
      this.stages,
      h("div", { class: "live__buttons" },
        this.button("Replay the merges", () => this.replay()),
        this.button("One back", () => this.set({ stage: Math.max(0, this.shown() - 1) })),
        this.button("One on", () => this.set({ stage: Math.min(this.last(), this.shown() + 1) }))),
    ]; // prettier-ignore
  }

  /** @returns {string[]} */
  cut() {
    return this.state.text.match(PIECE) ?? [];
  }

  chosen() {
    return this.cut()[this.state.piece] ?? this.cut()[0] ?? "";
  }

  last() {
    return this.model.tokenizer.merges(this.chosen()).length - 1;
  }

  shown() {
    return Math.min(this.state.stage, this.last());
  }

  replay() {
    this.set({ stage: 0 });
    this.play(() => {
      this.set({ stage: this.shown() + 1 });
      return this.shown() < this.last();
    }, 900);
  }

  draw() {
    const { tokenizer } = this.model;
    const cut = this.cut();
    const focused = this.pieces?.contains(document.activeElement);
    const buttons = cut.map((piece, n) => {
      const ids = tokenizer.encode(piece);
      const chips = ids.map((id) => h("span", { class: "text-tokens__token" }, h("span", { class: "token" }, this.read(id)), h("small", null, String(id))));
      return this.button("", () => this.set({ piece: n, stage: 99 }), { class: "text-tokens__piece", "aria-pressed": String(piece === this.chosen() && n === this.index()) }, chips);
    });
    this.pieces?.replaceChildren(...buttons);
    if (focused) buttons[this.index()]?.focus();
    this.showStages();
    const count = cut.reduce((sum, piece) => sum + tokenizer.encode(piece).length, 0);
    const bytes = new TextEncoder().encode(this.state.text).length;
    const [start, ...end] = [tokenizer.merges(this.chosen())[0].length, this.last()];
    this.say(`${bytes} bytes in ${cut.length} pieces become ${count} tokens. “${visible(this.chosen())}”: ${start} bytes, ${end[0]} merges, ${start ? tokenizer.encode(this.chosen()).length : 0} tokens.`);
  }

  index() {
    return this.state.piece < this.cut().length ? this.state.piece : 0;
  }

  /** A token's bytes as text, or as hexadecimal numbers if they are only part of a character. @param {number} id */
  read(id) {
    const text = this.model.tokenizer.decode([id]);
    return text.includes("\ufffd") ? Array.from(this.model.tokenizer.bytes[id], (byte) => byte.toString(16)).join(" ") : visible(text);
  }

  showStages() {
    const { tokenizer } = this.model;
    const stages = tokenizer.merges(this.chosen()).slice(0, this.shown() + 1);
    const lines = stages.map((tokens, n) => {
      const before = stages[n - 1];
      const at = before ? tokens.findIndex((token, i) => token !== before[i]) : -1;
      const rank = at >= 0 ? (tokenizer.ranks.get(`${before[at]} ${before[at + 1]}`) ?? 0) + 1 : 0;
      const chips = tokens.map((token) => {
        const joined = before && token === tokens[at];
        return h("span", { class: `token ${joined ? "token--new" : ""}` }, this.read(tokenizer.numbers.get(token) ?? 0));
      });
      const note = n ? `merge ${rank} of ${tokenizer.ranks.size}` : "single bytes";
      return h("li", null, h("span", null, ...chips), h("small", null, note));
    });
    this.stages?.replaceChildren(...lines);
  }
}

customElements.define("text-tokens", TextTokens);
