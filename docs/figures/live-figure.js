// @ts-check
"use strict";
/**
 * What every live figure is made of. In a page:
 *
 *   <next-token text="Once upon a"></next-token>       after the static figure that says the same without scripts,
 *                                                      or around it
 *
 * A figure is a class that extends LiveFigure and gives
 *
 *   static defaults   its attributes with their defaults: the state of the figure, which a link can restore
 *   static title      what it lets one do
 *   static about      how it works, in a sentence or two …
 *   static source     … and the functions of the engine that do it, as code to be shown
 *   static needs      what it loads when seen: "pebble" (the model, as this.model), or scripts such as "facts.js"
 *   build()           the controls and an empty picture, made at once, so that nothing moves later
 *   draw()            fills the picture from this.state; called when the figure is first seen, and on every change
 *
 *        connected              seen for the first time          scripts loaded
 *   ────────────────> built ─────────────────────────> waking ──────────────────> alive ⇄ asleep (out of sight)
 *                                                         └──────── failed: a plain message
 *
 * Attributes in, events out: each change of state fires "figure-change", which bubbles, with the state in `detail`.
 * The README beside this file shows how to write one.
 */

/** @typedef {Record<string, any>} State */
/** @typedef {Node | string | null | undefined | false} Child */

const FIGURES_URL = new URL(".", /** @type {HTMLScriptElement} */ (document.currentScript).src).href;
const ENGINE = ["engine/tokenizer.js", "engine/model.js", "engine/sample.js", "engine/chat.js"];

/** An HTML element. Properties that start with "on" listen, others are attributes; false and null are left out.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {Record<string, any> | null} [properties] @param {...Child} children @returns {HTMLElementTagNameMap[K]} */
function h(tag, properties, ...children) {
  return dress(document.createElement(tag), properties, children);
}

/** The same for SVG.
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag @param {Record<string, any> | null} [properties] @param {...Child} children @returns {SVGElementTagNameMap[K]} */
function s(tag, properties, ...children) {
  return dress(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);
}

/** @template {Element} E @param {E} element @param {Record<string, any> | null | undefined} properties @param {Child[]} children */
function dress(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(.../** @type {(Node | string)[]} */ (children.filter((child) => child || child === "")));
  return element;
}

/** A token's text with its spaces and line breaks to be seen. @param {string} text */
const visible = (text) => text.replaceAll(" ", "␣").replaceAll("\n", "↵");

/** @param {number} share */
const percent = (share) => (share === 0 ? "0" : share < 0.001 ? "<0.1%" : `${(share * 100).toFixed(share < 0.0995 ? 1 : 0)}%`);

/** Bytes as people say them; GB is 1e9. @param {number} bytes */
function asBytes(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes * 1.0005) / 3));
  const value = bytes / 1000 ** step;
  return `${step === 0 || value >= 99.95 ? Math.round(value) : value.toPrecision(value >= 9.995 ? 3 : 2)} ${units[step]}`;
}

/** A table in a box that scrolls sideways, its rows blank for now, so that nothing moves when they come.
 * All columns but the first are numbers, unless said otherwise.
 * @param {string} label @param {string[]} columns @param {HTMLElement} body @param {number} rows @param {string} [kind] "text" if the columns are text */
function liveTable(label, columns, body, rows, kind = "number") {
  const cell = (/** @type {string} */ text, /** @type {number} */ n) => (text ? h("th", { scope: "col", class: n ? kind : null }, text) : h("td"));
  body.append(...Array.from({ length: rows }, () => h("tr", null, h("td", { colspan: columns.length }, "\u00a0"))));
  const table = h("table", { class: "live__table" }, h("thead", null, h("tr", null, ...columns.map(cell))), body);
  return h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": label }, table);
}

/** @type {Map<string, Promise<void>>} */
const loading = new Map();

/** Load one of our scripts, once a page. @param {string} file below docs/figures/ @returns {Promise<void>} */
function load(file) {
  let promise = loading.get(file);
  if (!promise) {
    promise = new Promise((resolve, reject) => {
      const script = h("script", { src: FIGURES_URL + file, onload: () => resolve(), onerror: () => reject(new Error(`${file} did not load.`)) });
      script.async = false; // several run in the order in which they were asked for
      document.head.append(script);
    });
    promise.catch(() => loading.delete(file)); // so that another try asks again
    loading.set(file, promise);
  }
  return promise;
}

/** @type {Promise<any> | undefined} */
let thePebble;

/** The model, loaded when the first figure of a page needs it. @returns {Promise<any>} a Model of engine/model.js */
function pebble() {
  thePebble ??= Promise.all([...ENGINE, "pebble-weights.js"].map(load)).then(() => Model.load(/** @type {any} */ (globalThis).PEBBLE));
  thePebble.catch(() => (thePebble = undefined));
  return thePebble;
}

class LiveFigure extends HTMLElement {
  /** @type {State} */
  static defaults = {};
  static title = "";
  static about = "";
  /** @type {() => Function[]} */
  static source = () => [];
  /** @type {string[]} */
  static needs = [];

  constructor() {
    super();
    /** @type {State} */
    this.state = {};
    /** The model, once the figure is awake. @type {Model} */
    this.model = /** @type {any} */ (undefined);
    this.alive = false;
    this.inSight = false;
    /** @type {Record<string, (value: any) => void>} what keeps each control showing the state */
    this.controls = {};
    this.timers = { say: 0, play: 0 };
    this.watcher = new IntersectionObserver(([entry]) => this.seen(entry.isIntersecting), { rootMargin: "200px" });
  }

  /** @returns {typeof LiveFigure} */
  get kind() {
    return /** @type {any} */ (this.constructor);
  }

  connectedCallback() {
    if (!this.picture) this.frame();
    this.watcher.observe(this);
  }

  disconnectedCallback() {
    this.watcher.disconnect();
    clearTimeout(this.timers.say);
    this.pause();
  }

  /** The frame around what `build` makes. */
  frame() {
    const name = this.localName;
    this.still = [...this.childNodes]; // what the page says here without scripts
    this.id ||= `live-${name}`;
    this.state = this.firstState();
    this.picture = h("div", { class: "live__picture" }, ...this.build());
    this.words = h("p", { class: "live__words", role: "status" });
    this.link = h("a", { class: "live__link" }, "Link to this state");
    this.setAttribute("role", "group");
    this.setAttribute("aria-labelledby", `${this.id}-title`);
    this.classList.add("live");
    const title = h("p", { class: "live__title", id: `${this.id}-title` }, h("span", { class: "live__badge" }, "Live"), ` ${this.kind.title}`);
    this.replaceChildren(title, this.picture, this.words, h("div", { class: "live__foot" }, this.explanation(), this.link));
    this.showState();
  }

  /** Defaults, then attributes, then what a link to this figure carries. @returns {State} */
  firstState() {
    const query = new URLSearchParams(location.search);
    const linked = query.get("figure") === this.id;
    const given = (/** @type {string} */ key) => (linked ? query.get(key) : null) ?? this.getAttribute(key);
    const state = Object.entries(this.kind.defaults).map(([key, value]) => {
      const text = given(key);
      const number = Number(text);
      if (text === null || (typeof value === "number" && !Number.isFinite(number))) return [key, value];
      return [key, typeof value === "number" ? number : text];
    });
    return Object.fromEntries(state);
  }

  /** @param {boolean} inSight */
  seen(inSight) {
    this.inSight = inSight;
    if (!inSight) this.pause();
    else if (!this.waking) this.waking = this.wake();
  }

  async wake() {
    try {
      for (const need of this.kind.needs) {
        if (need === "pebble") this.model = await pebble();
        else await load(need);
      }
      this.alive = true;
      this.redraw();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Say plainly what is wrong and what remains. @param {unknown} error */
  fail(error) {
    this.alive = false;
    this.pause();
    const reason = error instanceof Error ? error.message : String(error);
    const again = h("button", { type: "button", onclick: () => ((this.waking = this.wake()), message.replaceWith(/** @type {Node} */ (this.picture))) }, "Try again");
    const message = h("p", { class: "live__failed", role: "alert" }, `This figure is not live here: ${reason} The page says the same without it. `, again, ...(this.still ?? []));
    this.picture?.replaceWith(message);
  }

  /** Change the state, show it, tell it. @param {State} changes */
  set(changes) {
    Object.assign(this.state, changes);
    this.showState();
    this.redraw();
    this.dispatchEvent(new CustomEvent("figure-change", { bubbles: true, detail: { ...this.state } }));
  }

  redraw() {
    if (!this.alive) return;
    try {
      this.draw();
    } catch (error) {
      if (error instanceof RangeError) this.say(error.message); // too long a text: the figure stays, and says so
      else this.fail(error);
    }
  }

  showState() {
    for (const [key, show] of Object.entries(this.controls)) show(this.state[key]);
    const query = new URLSearchParams({ figure: this.id });
    for (const [key, value] of Object.entries(this.state)) if (value !== this.kind.defaults[key]) query.set(key, String(value));
    if (this.link) this.link.href = `?${query}#${this.id}`;
  }

  /** Say in words what the picture shows: for everybody to read, and read out once the reader pauses. @param {string} words */
  say(words) {
    clearTimeout(this.timers.say);
    this.timers.say = window.setTimeout(() => this.words && (this.words.textContent = words), this.words?.textContent ? 300 : 0);
  }

  /** Repeat until it returns false, or the figure goes out of sight. @param {() => boolean | void} step @param {number} every milliseconds */
  play(step, every) {
    this.pause();
    const turn = () => {
      if (step() === false || !this.inSight || !this.alive) this.pause();
      else this.timers.play = window.setTimeout(turn, every);
    };
    this.toggleAttribute("playing", true);
    this.timers.play = window.setTimeout(turn, 0);
  }

  pause() {
    clearTimeout(this.timers.play);
    this.toggleAttribute("playing", false);
  }

  // --- controls that are bound to the state --------------------------------------------------------

  /** @param {string} key @param {string} label @param {{min: number, max: number, step?: number, format?: (value: number) => string}} range */
  slider(key, label, { min, max, step = 1, format = String }) {
    const input = h("input", { type: "range", min, max, step, oninput: () => this.set({ [key]: Number(input.value) }) });
    const shown = h("strong");
    this.controls[key] = (value) => {
      input.value = String(value);
      shown.textContent = format(value);
      input.setAttribute("aria-valuetext", format(value));
    };
    return h("label", { class: "live__control" }, h("span", null, label, " ", shown), input);
  }

  /** @param {string} key @param {string} label @param {State} [more] other state that a new text resets */
  field(key, label, more = {}) {
    const input = h("input", { type: "text", spellcheck: "false", autocomplete: "off", maxlength: 400, oninput: () => this.set({ ...more, [key]: input.value }) });
    this.controls[key] = (value) => input.value !== value && (input.value = value);
    return h("label", { class: "live__control live__control--wide" }, h("span", null, label), input);
  }

  /** @param {string} key @param {string} label @param {[value: string, text: string][]} options @param {State} [more] other state that a choice resets */
  choice(key, label, options, more = {}) {
    const select = h("select", { onchange: () => this.set({ ...more, [key]: typeof this.kind.defaults[key] === "number" ? Number(select.value) : select.value }) });
    select.append(...options.map(([value, text]) => h("option", { value }, text)));
    this.controls[key] = (value) => (select.value = String(value));
    return h("label", { class: "live__control" }, h("span", null, label), select);
  }

  /** The row of the facts that the state names. The choice among them is put into `place` on the first call, from
   * `draw`: the facts are there only once the figure is seen.
   * @template {{id: string, name: string}} R
   * @param {HTMLElement | undefined} place @param {string} key @param {string} label @param {R[]} rows @returns {R} */
  factChosen(place, key, label, rows) {
    if (!place?.hasChildNodes()) {
      place?.append(this.choice(key, label, rows.map(({ id, name }) => [id, name])));
      this.showState();
    }
    const row = rows.find(({ id }) => id === this.state[key]);
    if (!row) throw new Error(`The facts know no ${label.toLowerCase()} “${this.state[key]}” that fits here.`);
    return row;
  }

  /** @param {string} label @param {() => void} action @param {Record<string, any>} [properties] @param {Child[]} [children] */
  button(label, action, properties, children = []) {
    return h("button", { type: "button", ...properties, onclick: () => this.alive && action() }, label, ...children);
  }

  /** "How this works": the very code that runs, as the browser has it. */
  explanation() {
    const code = h("pre", { tabindex: "0" }, h("code"));
    const fill = async () => {
      try {
        await Promise.all(this.kind.needs.flatMap((need) => (need === "pebble" ? ENGINE : [need])).map(load));
        code.replaceChildren(h("code", null, this.kind.source().map(String).join("\n\n")));
      } catch (error) {
        code.textContent = String(error);
      }
    };
    const engine = this.kind.needs.includes("pebble") ? h("p", null, "All of it: ", ...this.engineLinks()) : null;
    return h("details", { ontoggle: fill }, h("summary", null, "How this works"), h("p", null, this.kind.about), code, engine);
  }

  engineLinks() {
    const link = (/** @type {string} */ file) => h("a", { href: FIGURES_URL + file }, file.replace("engine/", ""));
    return ENGINE.flatMap((file, n) => (n ? [", ", link(file)] : [link(file)]));
  }

  /** @returns {Child[]} */
  build() {
    return [];
  }

  draw() {}
}
