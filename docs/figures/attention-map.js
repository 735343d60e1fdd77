// @ts-check
"use strict";
/**
 * Every layer and head over a text: what each token attends to, what kind of head that makes it, and what
 * changes when a head is silenced.
 *
 *   <attention-map text="Mira Dahl came to the library. Mira"></attention-map>
 */
class AttentionMap extends LiveFigure {
  static defaults = {
    text: "zorvik plans a trip. zorvik plans a",
    mode: "text", // or "question"
    layer: 1, // counted from 0, as in the code
    head: 0,
    silent: "", // heads that add nothing: "1.0,4.3"
  };
  static title = "See every head of Pebble attend";
  static about =
    "Each small square is a head: a row for each token that looks, a column for each token that is looked at. What a head is called is " +
    "measured on your text: “copy” if a token that occurred before gives at least 30% of its attention to the token that followed it then, " +
    "“previous” if at least 50% goes to the token before, “first” if at least 60% goes to the first. A silenced head adds nothing to the " +
    "residual stream. That a change follows shows that the head matters here, not that it does the work alone.";
  static source = () => [Layer.prototype.attend, headKind];
  static needs = ["pebble"];

  build() {
    this.heads = h("div", { class: "attention-map__heads", role: "group", "aria-label": "Heads: a row for each layer" });
    this.map = h("div", { class: "attention-map__map", onpointerover: (/** @type {PointerEvent} */ e) => this.point(/** @type {HTMLElement} */ (e.target)), onpointerleave: () => this.link_(-1, -1) });
    this.detail = h("p", { class: "attention-map__detail", role: "status" });
    this.silence = this.button("Silence this head", () => this.toggle());
    this.answers = h("div", { class: "attention-map__answers" });
    return [
      h("div", { class: "live__controls" },
        this.field("text", "Your text", { silent: "" }),
        this.choice("mode", "Read it as", [["text", "a text to go on with"], ["question", "a question to Pebble"]], { silent: "" })),
      h("div", { class: "attention-map__both" }, this.heads, h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "The chosen head's attention: arrow keys choose a row", onkeydown: (/** @type {KeyboardEvent} */ e) => this.walk(e) }, this.map)),
      this.detail,
      h("div", { class: "live__buttons" }, this.silence, this.button("Silence none", () => this.set({ silent: "" }))),
      this.answers,
    ]; // prettier-ignore
  }

  /** @returns {number[]} */
  ids() {
    const { text, mode } = this.state;
    const { tokenizer } = this.model;
    return mode === "question" ? tokenizer.encode(chatPrompt([{ role: "user", content: text }]), true) : [BEGIN, ...tokenizer.encode(text)];
  }

  /** @returns {[number, number][]} pairs of layer and head, counted from 0 */
  silent() {
    const { num_hidden_layers, num_attention_heads } = this.model.config;
    return this.state.silent.split(",").flatMap((/** @type {string} */ pair) => {
      const [layer, head] = pair.split(".").map(Number);
      return pair && layer >= 0 && layer < num_hidden_layers && head >= 0 && head < num_attention_heads ? [[layer, head]] : [];
    });
  }

  toggle() {
    const { layer, head } = this.state;
    const heads = this.silent().map(([l, h]) => `${l}.${h}`);
    const name = `${layer}.${head}`;
    this.set({ silent: (heads.includes(name) ? heads.filter((other) => other !== name) : [...heads, name]).join() });
  }

  draw() {
    const ids = this.ids();
    if (ids.length > 40) throw new RangeError(`The map has room for 40 tokens; this text has ${ids.length}. Shorten it.`);
    const { num_hidden_layers: layers, num_attention_heads: heads } = this.model.config;
    const trace = newTrace();
    const silent = this.silent();
    const [whole] = this.model.forward(ids, undefined, { last: 1 });
    const [logits] = this.model.forward(ids, undefined, { last: 1, trace, without: silent });
    const layer = Math.min(Math.max(0, Math.round(this.state.layer)), layers - 1);
    const head = Math.min(Math.max(0, Math.round(this.state.head)), heads - 1);
    this.names = ids.map((id) => visible(this.model.tokenizer.decode([id])));
    this.rows = trace.attention[layer][head];
    const kinds = trace.attention.map((ofLayer) => ofLayer.map((rows) => headKind(rows, ids)));
    this.showHeads(trace.attention, kinds, layer, head, silent);
    this.showMap();
    const off = silent.some(([l, h]) => l === layer && h === head);
    if (this.silence) this.silence.textContent = off ? "Let this head speak" : "Silence this head";
    this.showAnswers(softmax(whole), softmax(logits), silent.length);
    const copies = kinds.flatMap((ofLayer, l) => ofLayer.flatMap((kind, h) => (kind === "copy" ? [`${l}.${h}`] : [])));
    this.say(`Layer ${layer}, head ${head}${kinds[layer][head] ? `: a “${kinds[layer][head]}” head here` : ""}. Heads that copy on this text: ${copies.join(", ") || "none"}.`);
    this.link_(ids.length - 1, -1);
  }

  /** @param {Rows[][]} attention @param {string[][]} kinds @param {number} layer @param {number} head @param {[number, number][]} silent */
  showHeads(attention, kinds, layer, head, silent) {
    const focused = this.heads?.contains(document.activeElement);
    const buttons = attention.flatMap((ofLayer, l) => ofLayer.map((rows, n) => {
      const off = silent.some(([a, b]) => a === l && b === n);
      const label = `Layer ${l}, head ${n}${kinds[l][n] ? `, ${kinds[l][n]}` : ""}${off ? ", silenced" : ""}`;
      const button = this.button("", () => this.set({ layer: l, head: n }), { class: "attention-map__head", "aria-label": label, title: label, "aria-pressed": String(l === layer && n === head) });
      button.append(this.thumbnail(rows), h("small", null, off ? "silent" : kinds[l][n] || `${l}.${n}`));
      button.style.opacity = off ? "0.45" : "1";
      return button;
    })); // prettier-ignore
    this.heads?.style.setProperty("--heads", String(attention[0].length));
    this.heads?.replaceChildren(...buttons);
    if (focused) buttons[layer * attention[0].length + head].focus();
  }

  /** @param {Rows} rows */
  thumbnail(rows) {
    const canvas = h("canvas", { width: rows.length, height: rows.length });
    const paint = canvas.getContext("2d");
    const colour = getComputedStyle(this).getPropertyValue("--accent");
    if (paint) paint.fillStyle = colour;
    rows.forEach((row, t) => row.forEach((share, p) => {
      if (!paint) return;
      paint.globalAlpha = Math.sqrt(share); // so that small shares are seen as well
      paint.fillRect(p, t, 1, 1);
    })); // prettier-ignore
    return canvas;
  }

  showMap() {
    const { names = [], rows = [] } = this;
    const cells = rows.flatMap((row, t) => [
      h("span", { class: "attention-map__name", "data-row": t }, names[t]),
      ...names.map((_, p) => h("i", { "data-row": t, "data-column": p, style: p < row.length ? `--share:${Math.sqrt(row[p]).toFixed(3)}` : null })),
    ]);
    const corner = h("span");
    const heads = names.map((name, p) => h("span", { class: "attention-map__column", "data-column": p }, name));
    this.map?.style.setProperty("--tokens", String(names.length));
    this.map?.replaceChildren(corner, ...heads, ...cells);
  }

  /** @param {HTMLElement} cell */
  point(cell) {
    if (cell.dataset.row || cell.dataset.column) this.link_(Number(cell.dataset.row ?? -1), Number(cell.dataset.column ?? -1));
  }

  /** @param {KeyboardEvent} event */
  walk(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step || !this.rows) return;
    event.preventDefault();
    this.link_(Math.max(0, Math.min(this.rows.length - 1, (this.lit ?? 0) + step)), -1);
  }

  /** Light up a row and a column, and say what the row's token attends to. @param {number} row @param {number} column */
  link_(row, column) {
    const { rows = [], names = [] } = this;
    this.lit = row >= 0 ? row : rows.length - 1;
    for (const cell of this.map?.querySelectorAll("span[data-row], span[data-column]") ?? []) {
      const { row: r, column: c } = /** @type {HTMLElement} */ (cell).dataset;
      cell.classList.toggle("is-lit", r === String(row) || c === String(column));
    }
    const shares = rows[this.lit];
    if (!this.detail || !shares) return;
    const best = likeliest(shares, 3).map((p) => `“${names[p]}” ${percent(shares[p])}`);
    this.detail.textContent = `“${names[this.lit]}” (token ${this.lit + 1}) attends to ${best.join(", ")}.`;
  }

  /** @param {Float32Array} whole @param {Float32Array} now @param {number} silenced */
  showAnswers(whole, now, silenced) {
    const list = (/** @type {Float32Array} */ p) => likeliest(p, 3).map((token) => h("li", null, h("span", { class: "token" }, visible(this.model.tokenizer.decode([token]))), ` ${percent(p[token])}`));
    this.answers?.replaceChildren(
      h("div", null, h("p", null, "Next token, all heads"), h("ol", null, ...list(whole))),
      h("div", null, h("p", null, silenced ? `Next token, ${silenced} silenced` : "Next token, none silenced"), h("ol", null, ...list(now)))); // prettier-ignore
  }

  /** @type {Rows | undefined} */
  rows;
  /** @type {string[] | undefined} */
  names;
  /** @type {number | undefined} */
  lit;
}

/** What a head does on this text, by its mean attention [T][P]: "copy", "previous", "first" or nothing of these.
 * @param {Rows} rows @param {number[]} ids */
function headKind(rows, ids) {
  const mean = (/** @type {number[]} */ shares) => (shares.length ? shares.reduce((a, b) => a + b, 0) / shares.length : 0);
  const copied = rows.flatMap((row, t) => {
    const before = ids.lastIndexOf(ids[t], t - 1); // this token's latest earlier occurrence …
    return t > 0 && before >= 0 ? [row[before + 1]] : []; // … and the attention to what followed it
  });
  if (copied.length > 1 && mean(copied) >= 0.3) return "copy";
  const later = rows.slice(2); // for the first two tokens, "previous" and "first" are the same
  if (mean(later.map((row) => row[row.length - 2])) >= 0.5) return "previous";
  if (mean(later.map((row) => row[0])) >= 0.6) return "first";
  return "";
}

customElements.define("attention-map", AttentionMap);
