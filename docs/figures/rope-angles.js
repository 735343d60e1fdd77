// @ts-check
"use strict";
/**
 * Rotary positions: how far each pair of channels turns, and why a score depends on distance only.
 *
 *   <rope-angles query="40" key="30" base="100000"></rope-angles>
 */
class RopeAngles extends LiveFigure {
  static defaults = {
    query: 24, // position of the token that looks
    key: 20, // position of the token that is looked at
    base: 5, // power of ten; Pebble's is 100 000
  };
  static title = "Turn pairs of channels by position";
  static about =
    "A head of 32 channels has 16 pairs. Position p turns pair i by p · base^(−i/16) radians: the first pair by a whole radian a token, the " +
    "last hardly at all. Query and key are turned by their own positions, so that in their product only the difference of the angles is " +
    "left. For the curve both vectors are all ones before they are turned; a real score mixes the same waves by its own channels.";
  static source = () => [ropeAngles, rotate, ropeScore];
  static needs = ["engine/model.js"];
  static PAIRS = 16;
  static WINDOW = 512;

  build() {
    const hand = () => [s("path", { class: "line c-query", "stroke-width": 2.5 }), s("path", { class: "line c-key", "stroke-width": 2.5 })];
    this.dials = Array.from({ length: RopeAngles.PAIRS }, (_, n) =>
      s("g", { transform: `translate(${30 + (n % 8) * 60} ${32 + Math.floor(n / 8) * 72})` }, s("circle", { class: "grid", r: 24 }), ...hand(), s("text", { class: "t-small t-mid", y: 38 }, `${n}`)));
    this.curve = s("svg", { viewBox: "0 0 480 170", role: "img", "aria-label": "Score by distance" });
    const position = { min: 0, max: RopeAngles.WINDOW - 1 };
    return [
      h("div", { class: "live__controls" },
        this.slider("query", "Query at position", position),
        this.slider("key", "Key at position", position),
        this.slider("base", "Base", { min: 2, max: 6, step: 0.5, format: (n) => Math.round(10 ** n).toLocaleString("en") })),
      h("p", null, "Each dial is a pair of channels: ", h("span", { class: "rope-angles__query" }, "the query’s angle"), " and ", h("span", { class: "rope-angles__key" }, "the key’s"), "."),
      s("svg", { viewBox: "0 0 480 150", role: "img", "aria-label": "Angles of the 16 pairs" }, ...this.dials),
      this.curve,
      h("div", { class: "live__buttons" },
        this.button("Move both by 10", () => this.shift(10)),
        this.button("Move both back by 10", () => this.shift(-10))),
    ]; // prettier-ignore
  }

  /** @param {number} by */
  shift(by) {
    const { query, key } = this.state;
    const most = RopeAngles.WINDOW - 1;
    const step = Math.max(-Math.min(query, key), Math.min(by, most - Math.max(query, key)));
    this.set({ query: query + step, key: key + step });
  }

  draw() {
    const { query, key, base } = this.state;
    const width = 2 * RopeAngles.PAIRS;
    const shape = { hidden_size: width, num_attention_heads: 1, max_position_embeddings: RopeAngles.WINDOW, rope_theta: 10 ** base };
    const angles = ropeAngles(/** @type {Config} */ (/** @type {unknown} */ (shape)));
    const hand = (/** @type {Angles[number]} */ { cos, sin }, /** @type {number} */ n) => `M0 0L${cos[n] * 22} ${-sin[n] * 22}`;
    this.dials?.forEach((dial, n) => {
      dial.children[1].setAttribute("d", hand(angles[query], n));
      dial.children[2].setAttribute("d", hand(angles[key], n));
    });
    const far = 256;
    const scores = Array.from({ length: far }, (_, distance) => ropeScore(angles, distance, 0));
    const [x, y] = [(/** @type {number} */ d) => 40 + (d / (far - 1)) * 430, (/** @type {number} */ score) => 85 - score * 65];
    const distance = Math.abs(query - key);
    const score = ropeScore(angles, query, key);
    this.curve?.replaceChildren(
      ...[-1, 0, 1].flatMap((v) => [s("path", { class: "grid", d: `M40 ${y(v)}H470` }), s("text", { class: "t-small t-end", x: 34, y: y(v) + 4 }, String(v))]),
      s("path", { class: "line c-accent", d: `M${scores.map((v, d) => `${x(d)} ${y(v)}`).join("L")}` }),
      s("circle", { class: "mark c-accent", r: distance < far ? 5 : 0, cx: x(distance), cy: y(score) }),
      s("text", { class: "t-small t-end", x: 470, y: 168 }, `distance, 0 to ${far - 1}`),
      s("text", { class: "t-small", x: 40, y: 12 }, "score ÷ 32"),
    );
    this.say(`Query at ${query}, key at ${key}: ${distance} apart. The score is ${score.toFixed(3)}, and the same wherever they stand ${distance} apart.`);
  }
}

/** The product of two vectors of ones, turned by their positions, divided by their width.
 * @param {Angles} angles @param {number} query @param {number} key */
function ropeScore(angles, query, key) {
  const width = 2 * angles[0].cos.length;
  const [q, k] = [new Float32Array(width).fill(1), new Float32Array(width).fill(1)];
  rotate(q, angles[query]);
  rotate(k, angles[key]);
  return dot(q, k, width) / width;
}

customElements.define("rope-angles", RopeAngles);
