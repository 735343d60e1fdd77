// @ts-check
"use strict";
/**
 * The forward pass of a Llama, from token numbers to a score for every possible next token:
 * pebble/model.py in plain JavaScript, to be read beside it. Every function keeps its name there.
 *
 *   const pebble = Model.load(PEBBLE);                  // PEBBLE comes with pebble-weights.js
 *   const logits = pebble.forward(pebble.tokenizer.encode("Once upon a"));   // row t scores what follows token t
 *
 * A matrix is an array of rows, each a Float32Array: x[t][d]. The weights arrive as whole numbers from -127
 * to 127 with one scale a row (int8), and are multiplied out once; sums are in double precision.
 *
 * Letters for the axes:
 *    T  tokens given now         P  positions seen so far, the T included     V  vocabulary
 *    D  width of the residual stream      F  width inside the feed-forward network
 *    H  query heads      K  key and value heads      C  width of a head (channels)
 */

/** @typedef {Float32Array[]} Rows */
/**
 * @typedef {object} Config the shape of a model, under the names that config.json of transformers gives them
 * @property {number} vocab_size V
 * @property {number} hidden_size D
 * @property {number} num_hidden_layers
 * @property {number} num_attention_heads H
 * @property {number} num_key_value_heads K, fewer than H: groups of H/K query heads share a key and a value head
 * @property {number} intermediate_size F
 * @property {number} max_position_embeddings the context window
 * @property {number} rope_theta
 * @property {number} rms_norm_eps
 */
/** @typedef {{config: Config, vocab: string, merges: string[], tensors: Record<string, Tensor>}} Stored see javascript() in pebble/export.py */
/** @typedef {{shape: number[], data: string}} Tensor base64 of float32, or of int8 and then a bfloat16 scale for each row */
/**
 * @typedef {object} Trace what happened inside, layer by layer
 * @property {Rows[]} residual [T, D], before the first layer and after each
 * @property {Rows[]} query [T, H * C], turned by their positions
 * @property {Rows[][]} attention [H][T] of [P up to and with t]; each row sums to 1
 * @property {Rows[]} mlp [T, F], the feed-forward network's inner activations
 */
/**
 * @typedef {object} Asked what else is wanted of a forward pass
 * @property {number} [last] for how many tokens at the end scores are computed; for all, if not said. Whoever writes
 *   needs one row, and the vocabulary is a seventh of the work
 * @property {Trace} [trace] to be filled: see `newTrace`
 * @property {[number, number][]} [without] pairs of layer and head that add nothing ("ablation")
 */

/** Keys and values of the tokens seen so far. They never change, so nobody need compute them twice. */
class KVCache {
  /** @param {Config} config */
  constructor(config) {
    /** @type {{keys: Rows, values: Rows}[]} of each layer, [P, K * C] */
    this.layers = Array.from({ length: config.num_hidden_layers }, () => ({ keys: [], values: [] }));
  }

  get length() {
    return this.layers[0].keys.length;
  }

  /** Forget all but the first tokens. */
  set length(tokens) {
    for (const { keys, values } of this.layers) keys.length = values.length = tokens;
  }
}

class Model {
  /** @param {Config} config @param {Record<string, Rows>} weights by name; a vector is a single row @param {Tokenizer} tokenizer */
  constructor(config, weights, tokenizer) {
    this.config = config;
    this.weights = weights;
    this.tokenizer = tokenizer;
    this.embedding = weights["model.embed_tokens.weight"]; // [V, D]
    this.layers = Array.from({ length: config.num_hidden_layers }, (_, n) => new Layer(config, weights, `model.layers.${n}.`));
    this.norm = weights["model.norm.weight"][0];
    this.rope = ropeAngles(config);
  }

  /** @param {Stored} stored */
  static load({ config, vocab, merges, tensors }) {
    const weights = Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, readTensor(tensor)]));
    return new Model(config, weights, new Tokenizer(vocab.split(" "), merges));
  }

  /**
   * Scores (logits) [T, V] for the token after each of `ids` [T].
   *
   * @param {number[]} ids
   * @param {KVCache} [cache] the tokens before `ids`, which it then takes in; without it `ids` start the text
   * @param {Asked} [asked]
   * @returns {Rows}
   */
  forward(ids, cache = new KVCache(this.config), { last = ids.length, trace, without = [] } = {}) {
    const total = cache.length + ids.length;
    const window = this.config.max_position_embeddings;
    if (total > window) throw new RangeError(`${total} tokens do not fit the context window of ${window}. Shorten the text.`);
    let x = ids.map((id) => this.embedding[id]); // [T, D]
    trace?.residual.push(x);
    this.layers.forEach((layer, n) => {
      const silent = without.filter(([where]) => where === n).map(([, head]) => head);
      x = add(x, layer.attend(x, this.rope, cache.layers[n], trace, silent)); // [T, D]
      x = add(x, layer.think(x, trace)); // [T, D]
      trace?.residual.push(x);
    });
    return this.logits(x.slice(x.length - last));
  }

  /**
   * From the residual stream [T, D] to scores [T, V], with the embedding used backwards ("tied").
   * Called on an earlier layer's residual stream it shows what the model would say if it stopped there
   * (the "logit lens").
   * @param {Rows} x @returns {Rows}
   */
  logits(x) {
    return multiply(rmsNorm(x, this.norm, this.config.rms_norm_eps), this.embedding);
  }
}

/** One transformer block: the tokens look at each other, then each thinks for itself. */
class Layer {
  /** @param {Config} config @param {Record<string, Rows>} weights @param {string} prefix */
  constructor(config, weights, prefix) {
    const named = (/** @type {string} */ name) => weights[`${prefix}${name}.weight`];
    this.config = config;
    this.attentionNorm = named("input_layernorm")[0]; // [D]
    this.query = named("self_attn.q_proj"); // [H * C, D]
    this.key = named("self_attn.k_proj"); // [K * C, D]
    this.value = named("self_attn.v_proj"); // [K * C, D]
    this.output = named("self_attn.o_proj"); // [D, H * C]
    this.mlpNorm = named("post_attention_layernorm")[0]; // [D]
    this.gate = named("mlp.gate_proj"); // [F, D]
    this.up = named("mlp.up_proj"); // [F, D]
    this.down = named("mlp.down_proj"); // [D, F]
  }

  /**
   * Grouped-query attention: each token gathers from itself and the tokens before it. [T, D] -> [T, D]
   * @param {Rows} x @param {Angles} rope @param {{keys: Rows, values: Rows}} cache this layer's, which takes x in
   * @param {Trace | undefined} trace @param {number[]} silent heads that are to add nothing
   */
  attend(x, rope, { keys, values }, trace, silent) {
    const { num_attention_heads: heads, num_key_value_heads: groups, rms_norm_eps: eps } = this.config;
    const width = this.config.hidden_size / heads; // C
    const past = keys.length;

    const normed = rmsNorm(x, this.attentionNorm, eps); // [T, D]
    const queries = multiply(normed, this.query); // [T, H * C]
    const newKeys = multiply(normed, this.key); // [T, K * C]
    // queries and keys carry their position; values do not
    [...queries.entries()].forEach(([t, query]) => (rotate(query, rope[past + t]), rotate(newKeys[t], rope[past + t])));
    keys.push(...newKeys); // [P, K * C]
    values.push(...multiply(normed, this.value)); // [P, K * C]

    /** @type {Rows[]} */
    const attention = Array.from({ length: heads }, () => []);
    const mixed = queries.map((query, t) => {
      const gathered = new Float32Array(heads * width);
      for (let head = 0; head < heads; head++) {
        const mine = head * width; // where this head's channels begin in the query …
        const shared = Math.floor((head * groups) / heads) * width; // … and in the keys that it shares with others
        const scores = new Float32Array(past + t + 1); // a token must not see the ones after it
        for (let p = 0; p < scores.length; p++) scores[p] = dot(query, keys[p], width, mine, shared) / Math.sqrt(width);
        const weights = softmax(scores);
        attention[head].push(weights);
        if (silent.includes(head)) continue;
        for (let p = 0; p < weights.length; p++) {
          const [weight, value] = [weights[p], values[p]];
          for (let c = 0; c < width; c++) gathered[mine + c] += weight * value[shared + c];
        }
      }
      return gathered;
    }); // [T, H * C]
    trace?.query.push(queries);
    trace?.attention.push(attention);
    return multiply(mixed, this.output); // [T, D]
  }

  /** SwiGLU feed-forward network: widen, let a gate decide what passes, narrow. [T, D] -> [T, D]
   * @param {Rows} x @param {Trace} [trace] */
  think(x, trace) {
    const normed = rmsNorm(x, this.mlpNorm, this.config.rms_norm_eps); // [T, D]
    const up = multiply(normed, this.up); // [T, F]
    const inner = multiply(normed, this.gate).map((gate, t) => gate.map((g, f) => (g / (1 + Math.exp(-g))) * up[t][f])); // silu(gate) * up
    trace?.mlp.push(inner);
    return multiply(inner, this.down); // [T, D]
  }
}

// --- the few operations that all of it is made of ---------------------------------------------------

/** The sum of products of `n` numbers, from `i` on in a and from `j` on in b.
 * @param {Float32Array} a @param {Float32Array} b @param {number} n a multiple of four @param {number} [i] @param {number} [j] */
function dot(a, b, n, i = 0, j = 0) {
  let [s0, s1, s2, s3] = [0, 0, 0, 0]; // four sums, so that the processor need not wait for one to finish
  for (let k = 0; k < n; k += 4) {
    s0 += a[i + k] * b[j + k];
    s1 += a[i + k + 1] * b[j + k + 1];
    s2 += a[i + k + 2] * b[j + k + 2];
    s3 += a[i + k + 3] * b[j + k + 3];
  }
  return s0 + s1 + s2 + s3;
}

/** Each row of x [T, in] through the matrix w [out, in]: [T, out]. Nearly all of the time is spent here.
 * @param {Rows} x @param {Rows} w @returns {Rows} */
function multiply(x, w) {
  const result = x.map(() => new Float32Array(w.length));
  const [tokens, rows] = [x.length - (x.length % 2), w.length - (w.length % 4)]; // those in whole blocks
  for (let o = 0; o < rows; o += 4) for (let t = 0; t < tokens; t += 2) block(x, w, result, t, o);
  for (let o = 0; o < w.length; o++)
    for (let t = o < rows ? tokens : 0; t < x.length; t++) result[t][o] = dot(x[t], w[o], w[o].length);
  return result;
}

/** Two tokens from `t` on with four rows of w from `o` on: eight sums at once, which share what is read from memory.
 * @param {Rows} x @param {Rows} w @param {Rows} result @param {number} t @param {number} o */
function block(x, w, result, t, o) {
  const [x0, x1, w0, w1, w2, w3] = [x[t], x[t + 1], w[o], w[o + 1], w[o + 2], w[o + 3]];
  let [a0, a1, a2, a3, b0, b1, b2, b3] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let k = 0; k < x0.length; k++) {
    const a = x0[k];
    const b = x1[k];
    (a0 += a * w0[k]), (a1 += a * w1[k]), (a2 += a * w2[k]), (a3 += a * w3[k]);
    (b0 += b * w0[k]), (b1 += b * w1[k]), (b2 += b * w2[k]), (b3 += b * w3[k]);
  }
  const y0 = result[t]; // only now: in the loop there are as many names as the processor has registers
  const y1 = result[t + 1];
  (y0[o] = a0), (y0[o + 1] = a1), (y0[o + 2] = a2), (y0[o + 3] = a3);
  (y1[o] = b0), (y1[o + 1] = b1), (y1[o + 2] = b2), (y1[o + 3] = b3);
}

/** @param {Rows} x @param {Rows} y @returns {Rows} */
const add = (x, y) => x.map((row, t) => row.map((value, d) => value + y[t][d]));

/** Scale each row to a root mean square of 1, then each channel by its learned weight.
 * @param {Rows} x @param {Float32Array} weight @param {number} eps @returns {Rows} */
function rmsNorm(x, weight, eps) {
  return x.map((row) => {
    const scale = 1 / Math.sqrt(dot(row, row, row.length) / row.length + eps);
    return row.map((value, d) => value * scale * weight[d]);
  });
}

/** Positive shares that sum to 1. The greatest is subtracted lest exp overflow.
 * @template {Float32Array | Float64Array} A @param {A} scores @returns {A} */
function softmax(scores) {
  const shares = /** @type {A} */ (scores.slice());
  let greatest = -Infinity;
  for (const score of scores) greatest = Math.max(greatest, score);
  let sum = 0;
  for (let i = 0; i < shares.length; i++) sum += shares[i] = Math.exp(scores[i] - greatest);
  for (let i = 0; i < shares.length; i++) shares[i] /= sum;
  return shares;
}

/** @typedef {{cos: Float32Array, sin: Float32Array}[]} Angles of each position, [C/2] */

/** Rotary positions: position p turns channel pair i by p * theta^(-2i/C).
 * The first pairs turn fast and tell neighbours apart; the last hardly turn at all and compare content only.
 * @param {Config} config @returns {Angles} */
function ropeAngles(config) {
  const half = config.hidden_size / config.num_attention_heads / 2;
  const speeds = Float64Array.from({ length: half }, (_, i) => config.rope_theta ** (-i / half));
  return Array.from({ length: config.max_position_embeddings }, (_, p) => ({
    cos: Float32Array.from(speeds, (speed) => Math.cos(p * speed)),
    sin: Float32Array.from(speeds, (speed) => Math.sin(p * speed)),
  }));
}

/** Turn each pair of channels of every head in x, in place. A pair is i and i + C/2, as the weights are stored;
 * model.py first brings the two side by side, as one complex number. The scores are the same.
 * The product of a turned query and a turned key depends on how far apart they are, not on where they stand.
 * @param {Float32Array} x [heads * C] @param {Angles[number]} angles */
function rotate(x, { cos, sin }) {
  const half = cos.length;
  for (let start = 0; start < x.length; start += 2 * half) {
    for (let i = 0; i < half; i++) {
      const [first, second] = [x[start + i], x[start + i + half]];
      x[start + i] = first * cos[i] - second * sin[i];
      x[start + i + half] = second * cos[i] + first * sin[i];
    }
  }
}

/** @returns {Trace} an empty one, for `forward` to fill */
const newTrace = () => ({ residual: [], query: [], attention: [], mlp: [] });

/** @param {Tensor} tensor @returns {Rows} */
function readTensor({ shape, data }) {
  const text = atob(data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  if (shape.length === 1) return [new Float32Array(bytes.buffer)];
  const [rows, columns] = shape;
  const numbers = new Int8Array(bytes.buffer, 0, rows * columns);
  const halves = new Uint16Array(bytes.buffer.slice(rows * columns)); // bfloat16 is the upper half of float32
  const scales = new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer); // [rows]
  return Array.from(scales, (scale, r) => Float32Array.from(numbers.subarray(r * columns, (r + 1) * columns), (n) => n * scale));
}
