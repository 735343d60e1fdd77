// @ts-check
"use strict";
/**
 * How much memory a language model takes: its weights, its training, its KV cache. sitekit/memory.py in JavaScript;
 * the sources of the numbers are there. A gigabyte (GB) is 1e9 bytes. Activations are left out everywhere.
 */

/**
 * @typedef {object} Shape a row of docs/facts/models.yml: the sizes that memory depends on
 * @property {string} id
 * @property {string} name
 * @property {number} parameters billions
 * @property {number} layers
 * @property {number} heads
 * @property {number} [kv_heads]
 * @property {number} [head_dim]
 * @property {number} [latent] multi-head latent attention: with rope_dim: one latent vector for all heads
 * @property {number} [rope_dim] and one rotary key
 * @property {number} [window] how many tokens back a layer with a sliding window sees
 * @property {number} [windowed_layers] how many of the layers have one
 * @property {number} [hidden]
 * @property {number} [ffn]
 * @property {number} [vocabulary]
 * @property {boolean} [tied]
 */

const NF4 = (4 + 8 / 64 + 32 / (64 * 256)) / 8; // bytes a weight, with its scales
const TRAINING = [
  { name: "Full, mixed-precision AdamW", bytes: 16 },
  { name: "Full, pure BF16 AdamW", bytes: 8 },
  { name: "Full, BF16 with 8-bit Adam", bytes: 6 },
  { name: "LoRA (rank 16) on a BF16 base", bytes: 2, lora: true },
  { name: "QLoRA (rank 16) on an NF4 base", bytes: NF4, lora: true },
];

/** @returns {Shape[]} */
const openModels = () => /** @type {any} */ (globalThis).FACTS.models;

/** @param {number} parameters @param {number} bits */
const weightsBytes = (parameters, bits) => (parameters * bits) / 8;

/** What one token leaves in the cache of one layer: a key and a value for each KV head, or the latent vector of MLA.
 * @param {Shape} shape @param {number} bytes a number @returns {number} */
const kvBytesPerLayer = ({ latent, rope_dim, kv_heads, head_dim }, bytes) =>
  latent && rope_dim ? (latent + rope_dim) * bytes : 2 * (kv_heads ?? 0) * (head_dim ?? 0) * bytes;

/** The cache of one sequence. A layer with a sliding window keeps only its window.
 * @param {Shape} shape @param {number} tokens @param {number} bytes a number @returns {number} */
function kvBytes(shape, tokens, bytes) {
  const windowed = shape.windowed_layers ?? 0;
  const kept = (shape.layers - windowed) * tokens + windowed * Math.min(tokens, shape.window ?? tokens);
  return kept * kvBytesPerLayer(shape, bytes);
}

/** The weights, gradients and optimiser states of the n-th method of TRAINING; null where the facts lack a size.
 * @param {Shape} shape @param {number} n @returns {number | null} */
function trainingBytes(shape, n) {
  const { bytes, lora } = TRAINING[n];
  const parameters = shape.parameters * 1e9;
  if (!lora) return parameters * bytes;
  const { hidden, ffn, vocabulary, kv_heads, head_dim, heads, layers, tied } = shape;
  if (!hidden || !ffn || !vocabulary || !kv_heads || !head_dim) return null;
  const [queries, keys] = [heads * head_dim, kv_heads * head_dim];
  const linear = [hidden + queries, hidden + keys, hidden + keys, queries + hidden, hidden + ffn, hidden + ffn, ffn + hidden]; // inputs + outputs
  const adapter = layers * 16 * linear.reduce((a, b) => a + b) * 16; // rank 16; 16 bytes for each of its weights
  const embeddings = bytes === NF4 ? hidden * vocabulary * (tied ? 1 : 2) : 0; // which 4-bit loading leaves in BF16
  return (parameters - embeddings) * bytes + embeddings * 2 + adapter;
}

/** The kind of attention in words. @param {Shape} shape */
function attentionKind({ latent, rope_dim, heads, kv_heads, window, windowed_layers, layers }) {
  const kind = latent ? `MLA, ${latent} + ${rope_dim} numbers for all ${heads} heads` : kv_heads === heads ? `MHA, ${heads} heads` : `GQA, ${heads} heads share ${kv_heads}`;
  return window ? `${kind}; ${windowed_layers} of ${layers} layers see ${window} tokens` : kind;
}

/** A number of tokens as people say it. @param {number} tokens */
const asTokens = (tokens) => (tokens < 1024 ? `${tokens}` : tokens < 2 ** 20 ? `${tokens / 1024}K` : `${tokens / 2 ** 20}M`);
