// @ts-check
"use strict";
/**
 * Text to numbers and back: pebble/tokenizer.py in JavaScript. Byte-level byte-pair encoding (BPE).
 *
 *   pebble.tokenizer.encode("What is a token?")   // one number for each of: What| is| a| token|?
 *
 * Left out: learning the merges, which pebble/tokenizer.py does.
 */

// Control tokens, numbered from 0. They shape a conversation, and no text that a user types can produce them.
const SPECIAL = ["<|begin|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<tool_call>", "</tool_call>"];
const BEGIN = 0;
const END = 1;
const ANY_SPECIAL = new RegExp(`(${SPECIAL.map((s) => s.replaceAll("|", "\\|")).join("|")})`);

// Text is cut into pieces that no merge may cross: contractions, words, punctuation (each with one space
// before it), and runs of white space. This is GPT-2's pattern.
// subtle: JavaScript's \s differs from Unicode's white space (it has U+FEFF and lacks U+0085)
const PIECE =
  /'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** A printable letter for each byte (a space is Ġ), so that the vocabulary can be written down. */
const BYTE_LETTERS = (() => {
  const printable = (/** @type {number} */ b) => (b > 32 && b < 127) || (b > 160 && b < 173) || b > 173;
  let others = 0;
  return Array.from({ length: 256 }, (_, b) => String.fromCharCode(printable(b) ? b : 256 + others++));
})();

class Tokenizer {
  /**
   * @param {string[]} vocab the tokens by number, their bytes written in BYTE_LETTERS; control tokens come first
   * @param {string[]} merges pairs of tokens, "left right", in the order in which they were learned
   */
  constructor(vocab, merges) {
    this.vocab = vocab;
    this.numbers = new Map(vocab.map((token, number) => [token, number]));
    this.ranks = new Map(merges.map((pair, rank) => [pair, rank]));
    const byteOf = new Map(BYTE_LETTERS.map((letter, byte) => [letter, byte]));
    /** What each number stands for, as bytes. */
    this.bytes = vocab.map((token) =>
      SPECIAL.includes(token) ? new TextEncoder().encode(token) : Uint8Array.from(token, (letter) => byteOf.get(letter) ?? 0),
    );
  }

  /** Numbers of a text. With `special`, control tokens written out in it count as such.
   * @param {string} text @param {boolean} [special] @returns {number[]} */
  encode(text, special = false) {
    const parts = special ? text.split(ANY_SPECIAL) : [text];
    return parts.flatMap((part) =>
      special && SPECIAL.includes(part)
        ? [SPECIAL.indexOf(part)]
        : (part.match(PIECE) ?? []).flatMap((piece) => this.merges(piece).at(-1) ?? []).map((token) => this.numbers.get(token) ?? 0),
    );
  }

  /** Start from single bytes, then apply the earliest learned merge for as long as there is one.
   * Gives every stage on the way: [h,e,l,l,o] [he,l,l,o] [he,ll,o] [hell,o].
   * @param {string} piece @returns {string[][]} */
  merges(piece) {
    let tokens = Array.from(new TextEncoder().encode(piece), (byte) => BYTE_LETTERS[byte]);
    const stages = [tokens];
    for (;;) {
      let best = -1; // where the earliest learned merge begins
      let rank = Infinity;
      for (let i = 0; i + 1 < tokens.length; i++) {
        const candidate = this.ranks.get(`${tokens[i]} ${tokens[i + 1]}`) ?? Infinity;
        if (candidate < rank) [best, rank] = [i, candidate];
      }
      if (best < 0) return stages;
      tokens = joinPairs(tokens, tokens[best], tokens[best + 1]);
      stages.push(tokens);
    }
  }

  /** The text of numbers; bytes that do not form a character (yet) become U+FFFD.
   * @param {Iterable<number>} ids @returns {string} */
  decode(ids) {
    const bytes = Array.from(ids, (id) => Array.from(this.bytes[id])).flat();
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
  }
}

/** Put every occurrence of two neighbours together, from left to right.
 * @param {string[]} tokens @param {string} left @param {string} right @returns {string[]} */
function joinPairs(tokens, left, right) {
  const result = [];
  for (let i = 0; i < tokens.length; i++) {
    const pair = tokens[i] === left && tokens[i + 1] === right;
    result.push(pair ? left + right : tokens[i]);
    if (pair) i++;
  }
  return result;
}
