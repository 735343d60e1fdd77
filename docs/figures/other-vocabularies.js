// @ts-check
"use strict";
/**
 * The same sentence, cut into tokens by several vocabularies.
 *
 *   <other-vocabularies sentence="German"> … a table of the counts, for readers without scripts … </other-vocabularies>
 *
 * The cuts are rows of docs/facts/vocabularies.json; Pebble's is made with them by the build.
 */
class OtherVocabularies extends LiveFigure {
  static defaults = {
    sentence: "German",
  };
  static title = "One sentence, six vocabularies";
  static about =
    "Every box is a token; ␣ is a space, ↵ a line break. Two-digit boxes are single bytes, in hexadecimal, of characters that the vocabulary " +
    "has only in part. BERT drops capitals and spaces, marks with ## what continues a word, and writes [UNK] for what it cannot spell: " +
    "those words are lost.";
  static source = () => [tokenText];
  static needs = ["facts.js"];

  build() {
    this.select = h("span", { class: "other-vocabularies__select" });
    this.rows = h("tbody");
    this.sources = h("p", { class: "other-vocabularies__sources" });
    return [
      h("div", { class: "live__controls" }, this.select),
      liveTable("The sentence in each vocabulary", ["Vocabulary", "Tokens of the sentence"], this.rows, 6, "text"),
      this.sources,
    ]; // prettier-ignore
  }

  draw() {
    /** @type {{vocabularies: Vocabulary[], sentences: {id: string, name: string, text: string}[]}} */
    const { vocabularies, sentences } = /** @type {any} */ (globalThis).FACTS;
    const { id, text } = this.factChosen(this.select, "sentence", "Sentence", sentences);
    const lines = vocabularies.map(({ name, year, size, pieces }) => {
      const chips = pieces[id].map((piece) => h("span", { class: `token ${piece === "[UNK]" ? "token--bad" : ""}` }, tokenText(piece)));
      const about = h("small", null, `${year}, ${Number((size / 1000).toPrecision(3))}k tokens`);
      return h("tr", null, h("th", { scope: "row" }, name, about), h("td", null, h("span", { class: "big" }, String(chips.length)), " ", ...chips));
    });
    this.rows?.replaceChildren(...lines);
    const packages = [...new Set(vocabularies.map(({ source }) => source).filter(Boolean))];
    if (this.sources) this.sources.textContent = `Cut on ${vocabularies.at(-1)?.date} by ${packages.join(", ")}; Pebble’s by this site.`;
    const counts = vocabularies.map(({ name, pieces }) => `${name} ${pieces[id].length}`);
    const bytes = new TextEncoder().encode(text).length;
    this.say(`“${visible(text).replaceAll("␣", " ")}” has ${[...text].length} characters in ${bytes} bytes. Tokens: ${counts.join(", ")}.`);
  }
}

/**
 * @typedef {object} Vocabulary
 * @property {string} name
 * @property {number} year
 * @property {number} size tokens
 * @property {string} source the package that ships it
 * @property {string} date when it was asked
 * @property {Record<string, (string | number[])[]>} pieces of each sentence: the text of a token, or its bytes
 */

/** A token to be seen: its text, or its bytes where they are only part of a character. @param {string | number[]} piece */
const tokenText = (piece) => (typeof piece === "string" ? visible(piece) : piece.map((byte) => byte.toString(16)).join(" "));

customElements.define("other-vocabularies", OtherVocabularies);
