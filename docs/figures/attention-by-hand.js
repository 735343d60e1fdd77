// @ts-check
"use strict";
/**
 * Attention of one token over three, in two dimensions, by hand: drag the vectors.
 *
 *   <attention-by-hand tokens="The cat sat"></attention-by-hand>
 *
 * The vectors are made up. `query` is "x,y"; `keys` and `values` are three of these, separated by spaces.
 */
class AttentionByHand extends LiveFigure {
  static defaults = {
    tokens: "The cat sat",
    query: "1,1",
    keys: "-1,0.5 1.5,1 0.5,-1",
    values: "-1,1 1.5,0.5 0,-1.5",
  };
  static title = "Drag a query, keys and values";
  static about =
    "The score of a token is the dot product of the query with its key, divided by √2 because the vectors have two numbers. Softmax makes " +
    "the scores into shares that sum to 1, and the output is the values, mixed in these shares. A key that points where the query points " +
    "gets the largest share; how long it is counts too. These vectors are made up; a model computes them from the tokens.";
  static source = () => [attentionByHand, handSoftmax];

  build() {
    /** @type {Record<string, SVGGElement>} */
    this.arrows = {};
    const planes = [this.plane("Query and keys", ["query", "key0", "key1", "key2"]), this.plane("Values and their mix", ["value0", "value1", "value2", "out"])];
    this.rows = h("tbody");
    return [
      h("div", { class: "attention-by-hand__planes" }, ...planes),
      liveTable("The same in numbers", ["Token", "query · key", "÷ √2", "share", "value"], this.rows, 4),
      h("div", { class: "live__buttons" }, this.button("As it was", () => this.set({ ...AttentionByHand.defaults, tokens: this.state.tokens }))),
    ]; // prettier-ignore
  }

  /** A square from -2 to 2 with arrows in it, all but the output to be dragged. @param {string} title @param {string[]} names */
  plane(title, names) {
    const lines = [-2, -1, 0, 1, 2].flatMap((n) => [
      s("path", { class: n ? "grid" : "line", d: `M${n * 50} -110V110` }),
      s("path", { class: n ? "grid" : "line", d: `M-110 ${n * 50}H110` }),
    ]);
    const drawing = s("svg", { viewBox: "-125 -125 250 250", role: "group", "aria-label": title }, ...lines, ...names.map((name) => this.arrow(name)));
    return h("div", null, h("p", null, title), drawing);
  }

  /** @param {string} name */
  arrow(name) {
    const colour = name === "out" ? "c-accent" : name === "query" ? "c-query" : name.startsWith("key") ? "c-key" : "c-value";
    const handle = name === "out" ? {} : { tabindex: "0", role: "slider", "aria-valuemin": "-2", "aria-valuemax": "2", "aria-valuenow": "0", "aria-label": name };
    const group = s("g", { class: `attention-by-hand__arrow ${colour}`, "data-name": name, ...handle },
      s("path", { class: "line", "stroke-width": name === "out" ? 4 : 2 }), s("path", { class: "head" }), s("circle", { r: 14, class: "handle" }), s("text", { class: "t-strong", style: "font-size: 13px" })); // prettier-ignore
    if (name !== "out") {
      group.addEventListener("pointerdown", (event) => group.setPointerCapture(event.pointerId));
      group.addEventListener("pointermove", (event) => group.hasPointerCapture(event.pointerId) && this.drag(group, event));
      group.addEventListener("keydown", (event) => this.nudge(group, event));
    }
    if (this.arrows) this.arrows[name] = group;
    return group;
  }

  /** @param {SVGGElement} group @param {PointerEvent} event */
  drag(group, event) {
    const matrix = group.ownerSVGElement?.getScreenCTM()?.inverse();
    if (!matrix) return;
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
    this.move(group, [x / 50, -y / 50]);
  }

  /** Arrow keys move a vector by a tenth. @param {SVGGElement} group @param {KeyboardEvent} event */
  nudge(group, event) {
    const step = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[event.key];
    if (!step) return;
    event.preventDefault();
    const [x, y] = this.vector(group.dataset.name ?? "");
    this.move(group, [x + step[0], y + step[1]]);
  }

  /** @param {SVGGElement} group @param {number[]} to */
  move(group, to) {
    const text = to.map((n) => String(Math.round(Math.max(-2, Math.min(2, n)) * 10) / 10)).join();
    const name = group.dataset.name ?? "";
    if (name === "query") return this.set({ query: text });
    const list = name.startsWith("key") ? "keys" : "values";
    const vectors = this.state[list].split(" ");
    vectors[Number(name.at(-1))] = text;
    this.set({ [list]: vectors.join(" ") });
  }

  /** @param {string} name @returns {number[]} */
  vector(name) {
    const text = name === "query" ? this.state.query : this.state[name.startsWith("key") ? "keys" : "values"].split(" ")[Number(name.at(-1))];
    const [x, y] = String(text).split(",").map(Number);
    return [x || 0, y || 0];
  }

  draw() {
    const tokens = [...this.state.tokens.split(" "), "", "", ""].slice(0, 3);
    const three = (/** @type {string} */ kind) => [0, 1, 2].map((n) => this.vector(kind + n));
    const { scores, shares, output } = attentionByHand(this.vector("query"), three("key"), three("value"));
    this.place("query", this.vector("query"), "q", `query of ${tokens[2]}`);
    tokens.forEach((token, n) => {
      this.place(`key${n}`, this.vector(`key${n}`), token, `key of ${token}`);
      this.place(`value${n}`, this.vector(`value${n}`), token, `value of ${token}`, 0.25 + 0.75 * shares[n]);
    });
    this.place("out", output, "mix", "mix");
    const number = (/** @type {number} */ n) => h("td", { class: "number" }, n.toFixed(2));
    const rows = tokens.map((token, n) =>
      h("tr", null, h("th", { scope: "row" }, token), number(scores[n] * Math.SQRT2), number(scores[n]), number(shares[n]),
        h("td", { class: "number" }, this.vector(`value${n}`).map((x) => x.toFixed(1)).join(", ")))); // prettier-ignore
    const sum = h("tr", null, h("th", { scope: "row", colspan: 3 }, "Mix"), number(1), h("td", { class: "number" }, output.map((x) => x.toFixed(2)).join(", ")));
    this.rows?.replaceChildren(...rows, sum);
    const shared = tokens.map((token, n) => `${token} ${percent(shares[n])}`).join(", ");
    this.say(`“${tokens[2]}” attends to: ${shared}. Its output is (${output.map((x) => x.toFixed(2)).join(", ")}).`);
  }

  /** @param {string} name @param {number[]} vector @param {string} label @param {string} spoken @param {number} [opacity] */
  place(name, [x, y], label, spoken, opacity = 1) {
    const group = this.arrows?.[name];
    if (!group) return;
    const [line, head, circle, text] = group.children;
    const [px, py] = [x * 50, -y * 50];
    const turn = Math.atan2(py, px);
    line.setAttribute("d", `M0 0L${px - Math.cos(turn) * 8} ${py - Math.sin(turn) * 8}`);
    head.setAttribute("d", "M0 0L-11 -5L-11 5Z");
    head.setAttribute("transform", `translate(${px} ${py}) rotate(${(turn * 180) / Math.PI})`);
    circle.setAttribute("cx", String(px));
    circle.setAttribute("cy", String(py));
    const room = 122 - 8 * label.length; // a long word must not leave the drawing
    text.setAttribute("x", String(Math.min(px + (x < -1.2 ? 0 : 8), room)));
    text.setAttribute("y", String(py + (y < 0 ? 16 : -8)));
    text.textContent = label;
    group.style.opacity = String(opacity);
    group.setAttribute("aria-label", spoken);
    group.setAttribute("aria-valuenow", x.toFixed(1));
    group.setAttribute("aria-valuetext", `x ${x.toFixed(1)}, y ${y.toFixed(1)}`);
  }
}

/** One query [2] over keys and values [3, 2]. @param {number[]} query @param {number[][]} keys @param {number[][]} values */
function attentionByHand(query, keys, values) {
  const scores = keys.map((key) => (query[0] * key[0] + query[1] * key[1]) / Math.sqrt(2)); // [3]
  const shares = handSoftmax(scores); // [3], sum 1
  const output = [0, 1].map((d) => shares.reduce((sum, share, n) => sum + share * values[n][d], 0)); // [2]
  return { scores, shares, output };
}

/** @param {number[]} scores */
function handSoftmax(scores) {
  const exponentials = scores.map(Math.exp);
  const sum = exponentials.reduce((a, b) => a + b);
  return exponentials.map((e) => e / sum);
}

customElements.define("attention-by-hand", AttentionByHand);
