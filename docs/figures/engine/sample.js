// @ts-check
"use strict";
/**
 * From scores to text: choose a token, append it, ask again. pebble/sample.py in JavaScript.
 *
 * The forward pass never decides anything. All that is called "creative" or "deterministic" happens here.
 */

/**
 * @typedef {object} Filters
 * @property {number} [temperature] divides the scores; below 1 sharpens, above 1 flattens. At 0 the filters still apply
 * @property {number} [topK] keep the k likeliest tokens; 0 keeps all
 * @property {number} [topP] keep the likeliest tokens that together reach probability p
 * @property {number} [minP] keep tokens with at least this share of the likeliest token's probability
 */

/** Probabilities [V] from which to draw, after every filter.
 * @param {Float32Array} logits @param {Filters} [filters] @returns {Float64Array} */
function distribution(logits, { temperature = 1, topK = 0, topP = 1, minP = 0 } = {}) {
  const scores = Float64Array.from(logits, (score) => (temperature > 0 ? score / temperature : score));
  const drop = (/** @type {number} */ token) => (scores[token] = -Infinity);
  if (topK > 0) {
    const least = Float64Array.from(scores).sort().at(-Math.min(topK, scores.length)) ?? 0;
    scores.forEach((score, token) => score < least && drop(token));
  }
  if (topP < 1) {
    const p = softmax(scores);
    let before = 0; // mass of all likelier tokens
    for (const [n, token] of likeliest(p).entries()) {
      if (n > 0 && before >= topP) drop(token); // the likeliest token always stays
      before += p[token];
    }
  }
  if (minP > 0) {
    const p = softmax(scores);
    const least = minP * p[argmax(p)];
    p.forEach((share, token) => share < least && drop(token));
  }
  return softmax(scores);
}

/** Token numbers, the likeliest first. @param {Float32Array | Float64Array} scores @param {number} [count] @returns {number[]} */
const likeliest = (scores, count = scores.length) =>
  Array.from(scores.keys())
    .sort((a, b) => scores[b] - scores[a])
    .slice(0, count);

/** @param {Float32Array | Float64Array} scores */
function argmax(scores) {
  let best = 0;
  for (let i = 1; i < scores.length; i++) if (scores[i] > scores[best]) best = i;
  return best;
}

/** Walk along the probabilities until a random number between 0 and 1 is used up.
 * @param {Float64Array} p @param {number} random @returns {number} */
function draw(p, random) {
  let left = random;
  for (let token = 0; token < p.length; token++) {
    left -= p[token];
    if (left < 0) return token;
  }
  return argmax(p); // rounding left a crumb
}

/** The same random numbers again for the same seed (mulberry32). @param {number} seed @returns {() => number} */
function randomFrom(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * Continue `ids`, one token at a time, until the end token, maxTokens or a full context.
 * @param {Model} model @param {number[]} ids
 * @param {Filters & {maxTokens?: number, random?: () => number, without?: [number, number][]}} [settings] no randomness: always the likeliest
 * @returns {Generator<number>}
 */
function* generate(model, ids, { maxTokens = 256, random, without, ...filters } = {}) {
  const cache = new KVCache(model.config);
  let fresh = ids;
  const room = Math.min(maxTokens, model.config.max_position_embeddings - ids.length);
  for (let n = 0; n < room; n++) {
    const [logits] = model.forward(fresh, cache, { last: 1, without }); // [V]
    const token = random ? draw(distribution(logits, filters), random()) : argmax(logits);
    yield token;
    if (token === END) return;
    fresh = [token]; // the cache holds all the others
  }
}

/** Reads texts one after another, and of each only what is new: the cache holds the beginning that they share. */
class Reader {
  /** @param {Model} model @param {[number, number][]} [without] see Asked in model.js */
  constructor(model, without) {
    this.model = model;
    this.without = without;
    this.cache = new KVCache(model.config);
    /** @type {number[]} */
    this.ids = [];
  }

  /** Scores [V] for what follows `ids`. @param {number[]} ids */
  read(ids) {
    let same = 0;
    while (same < ids.length - 1 && ids[same] === this.ids[same]) same++; // the last is read anew: its scores are wanted
    this.cache.length = same;
    this.ids = ids.slice(0, same); // should the text be too long, this much is still true
    const [logits] = this.model.forward(ids.slice(same), this.cache, { last: 1, without: this.without });
    this.ids = [...ids];
    return logits;
  }
}

/** Speculative decoding that bets on repetition, since answers often repeat their prompt.
 * @param {Model} model @param {number[]} ids @param {{maxTokens?: number, ngram?: number, draft?: number}} [settings] */
function promptLookup(model, ids, { maxTokens, ngram = 3, draft = 8 } = {}) {
  return speculate(model, ids, (seen) => guess(seen, ngram).slice(0, draft), maxTokens);
}

/**
 * Greedy decoding that guesses ahead; each step yields what was guessed and what one forward pass confirmed.
 *
 * `bet` guesses how a text goes on. All of its guess is scored in one pass, and as much of it kept as greedy decoding
 * would have chosen. The output is the same; only the number of passes shrinks.
 * @param {Model} model @param {number[]} ids @param {(seen: number[]) => number[]} bet @param {number} [maxTokens]
 * @returns {Generator<{guessed: number[], confirmed: number[]}>}
 */
function* speculate(model, ids, bet, maxTokens = 256) {
  const cache = new KVCache(model.config);
  const seen = [...ids];
  if (seen.length > 1) model.forward(seen.slice(0, -1), cache, { last: 0 });
  let left = Math.min(maxTokens, model.config.max_position_embeddings - ids.length);
  while (left > 0) {
    const guessed = bet(seen).slice(0, left - 1);
    const choices = model.forward([seen[seen.length - 1], ...guessed], cache).map(argmax); // [1 + guessed]
    let right = 0;
    while (right < guessed.length && guessed[right] === choices[right]) right++;
    let confirmed = choices.slice(0, right + 1); // the guesses that held, and one more token for free
    if (confirmed.includes(END)) confirmed = confirmed.slice(0, confirmed.indexOf(END) + 1);
    seen.push(...confirmed);
    cache.length = seen.length - 1; // forget the guesses that were lost
    left -= confirmed.length;
    yield { guessed, confirmed };
    if (confirmed.at(-1) === END) return;
  }
}

/** Guesses `count` tokens ahead with a small model, greedily: a bet for `speculate`. */
class Draft {
  /** @param {Model} model @param {number} [count] */
  constructor(model, count = 4) {
    this.window = model.config.max_position_embeddings;
    this.count = count;
    this.reader = new Reader(model); // its cache keeps what held; a guess that was lost is overwritten
  }

  /** @param {number[]} seen @returns {number[]} */
  guess(seen) {
    const ids = [...seen];
    const end = Math.min(seen.length + this.count, this.window);
    while (ids.length < end) ids.push(argmax(this.reader.read(ids)));
    return ids.slice(seen.length);
  }
}

/** What followed the latest earlier occurrence of the last `ngram` tokens (or of fewer, down to one).
 * @param {number[]} seen @param {number} ngram @returns {number[]} */
function guess(seen, ngram) {
  for (let n = Math.min(ngram, seen.length - 1); n > 0; n--) {
    for (let start = seen.length - n - 1; start >= 0; start--) {
      if (seen.slice(-n).every((token, i) => token === seen[start + i])) return seen.slice(start + n);
    }
  }
  return [];
}
