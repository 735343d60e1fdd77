// @ts-check
"use strict";
/**
 * What pages do beyond showing text: remember what a reader has finished, link to headings, copy code, fold, focus,
 * and load their live figures.
 *
 * Progress is kept in this browser and sent nowhere:
 *
 *   <reader-progress step="docs/llms/README.md"></reader-progress>   on a page: a button that ticks it off
 *   <reader-progress></reader-progress>                              on the landing page: all steps, export, import, clear
 *
 * The landing page takes the steps there are from <script type="application/json" id="steps">.
 * An element with data-steps="… …" gets data-done when all those steps are done.
 */

/** @typedef {{id: string, title: string}} Step */
/** @typedef {{topic: string, title: string, steps: Step[]}} TopicSteps */

const progressKey = "llms-in-layers.done"; // in localStorage: {"docs/llms/README.md": "2026-11-24", …}

/** @returns {Record<string, string>} the day on which each step was done */
function readDone() {
  try {
    const stored = JSON.parse(localStorage.getItem(progressKey) ?? "{}");
    return stored && typeof stored === "object" ? stored : {};
  } catch {
    return {}; // no storage, or somebody else's: begin anew
  }
}

/** @param {Record<string, string>} done */
function writeDone(done) {
  try {
    localStorage.setItem(progressKey, JSON.stringify(done));
  } catch {
    alert("This browser does not let the site remember anything.");
    return;
  }
  tick(done);
  document.querySelectorAll("reader-progress").forEach((/** @type {any} */ element) => element.render());
}

/** Ticks on the layer bar. @param {Record<string, string>} done */
function tick(done) {
  document.querySelectorAll("[data-steps]").forEach((element) => {
    const steps = (element.getAttribute("data-steps") ?? "").split(" ");
    element.toggleAttribute("data-done", steps.every((step) => step in done));
  });
}

tick(readDone());

class ReaderProgress extends HTMLElement {
  connectedCallback() {
    this.render();
  }

  render() {
    const done = readDone();
    const step = this.getAttribute("step");
    this.replaceChildren(...(step ? this.page(step, done) : this.overview(done)));
  }

  /** @param {string} step @param {Record<string, string>} done @returns {Node[]} */
  page(step, done) {
    const since = done[step];
    const button = this.button(since ? "Not done after all" : "Mark as done", () => {
      const { [step]: _, ...others } = readDone();
      writeDone(since ? others : { ...others, [step]: new Date().toISOString().slice(0, 10) });
      this.querySelector("button")?.focus();
    });
    return [button, this.note(since ? `Done on ${since}. ` : "Your progress stays in this browser.")];
  }

  /** @param {Record<string, string>} done @returns {Node[]} */
  overview(done) {
    /** @type {TopicSteps[]} */
    const topics = JSON.parse(document.getElementById("steps")?.textContent ?? "[]");
    const lines = topics.map(({ title, steps }) => {
      const count = steps.filter(({ id }) => id in done).length;
      const item = document.createElement("li");
      const bar = Object.assign(document.createElement("progress"), { max: steps.length, value: count });
      bar.setAttribute("aria-label", `${title}: steps done`);
      item.append(bar, ` ${title}: ${count} of ${steps.length} done`);
      return item;
    });
    const list = document.createElement("ul");
    list.append(...lines);
    const heading = Object.assign(document.createElement("strong"), { textContent: "Your progress" });
    return [
      heading,
      list,
      this.button("Export", () => this.save(done)),
      this.button("Import", () => this.load()),
      this.button("Clear", () => confirm("Forget everything that you marked as done?") && writeDone({})),
      this.note("It is kept in this browser only; export it to take it elsewhere."),
    ];
  }

  /** @param {Record<string, string>} done */
  save(done) {
    const file = new Blob([JSON.stringify(done, null, 2)], { type: "application/json" });
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: "llms-in-layers-progress.json" });
    link.click();
    URL.revokeObjectURL(link.href);
  }

  load() {
    const input = Object.assign(document.createElement("input"), { type: "file", accept: "application/json" });
    input.onchange = async () => {
      try {
        const read = JSON.parse((await input.files?.[0].text()) ?? "");
        const isProgress = read && typeof read === "object" && Object.values(read).every((day) => /^\d{4}-\d\d-\d\d$/.test(day));
        if (!isProgress) throw new Error();
        writeDone({ ...readDone(), ...read });
      } catch {
        alert("That file is not a progress file of this site. Choose one that 'Export' has saved.");
      }
    };
    input.click();
  }

  /** @param {string} label @param {() => void} action */
  button(label, action) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "md-button", textContent: label });
    button.onclick = action;
    return button;
  }

  /** @param {string} text */
  note(text) {
    const note = Object.assign(document.createElement("p"), { textContent: text });
    note.setAttribute("role", "status");
    return note;
  }
}

customElements.define("reader-progress", ReaderProgress);

// --- headings: a link to each ---------------------------------------------------------------------

for (const heading of document.querySelectorAll("article :is(h1, h2, h3)[id]")) {
  const link = Object.assign(document.createElement("a"), { className: "headerlink", href: `#${heading.id}`, textContent: "¶" });
  link.title = "Permanent link";
  heading.append(link);
}

// --- code blocks: a button that copies ------------------------------------------------------------

for (const code of document.querySelectorAll(".highlight pre code")) {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "copy", textContent: "Copy" });
  button.setAttribute("aria-live", "polite"); // so that "Copied" is heard
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText((code.textContent ?? "").trimEnd());
      button.textContent = "Copied";
    } catch {
      getSelection()?.selectAllChildren(code); // no access to the clipboard: leave the last step to the reader
      button.textContent = "Selected";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  };
  code.closest(".highlight")?.append(button);
}

// --- narrow screens --------------------------------------------------------------------------------

// The table of contents is beside the text on wide screens, folded above it on narrow ones.
const wide = matchMedia("(min-width: 76.25em)");
const fold = () => document.querySelectorAll(".page-toc").forEach((/** @type {any} */ toc) => (toc.open = wide.matches));
wide.addEventListener("change", fold);
fold();

// Material focuses the search field when its icon is clicked; by keyboard the checkbox behind it is pressed.
document.getElementById("__search")?.addEventListener("change", ({ target }) => {
  if (/** @type {HTMLInputElement} */ (target).checked) document.forms.namedItem("search")?.query.focus();
});

// --- live figures: their scripts come when a reader comes near ----------------------------------------

const figures = new URL("../figures/", /** @type {HTMLScriptElement} */ (document.currentScript).src);

/** @type {Map<string, Promise<void>>} */
const figureScripts = new Map();

/** Load a script of docs/figures/, once. @param {string} name @returns {Promise<void>} */
function figureScript(name) {
  const script = Object.assign(document.createElement("script"), { src: `${figures}${name}.js` });
  const promise = figureScripts.get(name) ?? new Promise((loaded) => (document.head.append(script), (script.onload = () => loaded())));
  figureScripts.set(name, promise);
  return promise;
}

const near = new IntersectionObserver(
  async (entries) => {
    const come = entries.filter(({ isIntersecting }) => isIntersecting).map(({ target }) => target);
    if (!come.length) return;
    come.forEach((figure) => near.unobserve(figure));
    await figureScript("live-figure");
    await Promise.all(come.map(({ localName }) => figureScript(localName)));
    // figures take more room than was kept for them, so that a link to one finds it moved by those above
    come.find(({ id }) => location.hash === `#${id}`)?.scrollIntoView();
  },
  { rootMargin: "1000px" },
);
document.querySelectorAll(".live").forEach((figure) => near.observe(figure));
