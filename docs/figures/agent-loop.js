// @ts-check
"use strict";
/**
 * Pebble as an agent: it calls a calculator and looks things up, step by step, and all the text it sees is shown.
 *
 *   <agent-loop ask="Add 12 and 30, then multiply by 2."></agent-loop>
 */
class AgentLoop extends LiveFigure {
  static defaults = {
    ask: "Add 12 and 30, then multiply by 2.",
    steps: 0, // calls of the model so far
  };
  static title = "Let Pebble call tools";
  static about =
    "The model writes text. When the text holds a call, this page runs the tool and appends the result; then the model is asked again, " +
    "with everything so far. Pebble chooses the tool, copies the arguments and reads the result. It has 1.2 million weights and often " +
    "chooses or copies wrongly; the loop is the same for a large model. The loop ends after at most four calls.";
  static source = () => [agentStep, parseReply, chatPrompt];
  static needs = ["pebble"];
  static EXAMPLES = ["Add 12 and 30, then multiply by 2.", "What is 17 times 23?", "What is the price of the umbrella?", "Multiply the price of the kettle by 3.", "Hello!"];

  build() {
    this.log = h("ol", { class: "agent-loop__log", tabindex: "0", "aria-label": "The conversation" });
    this.raw = h("pre", { class: "agent-loop__raw", tabindex: "0" });
    const examples = AgentLoop.EXAMPLES.map((ask) => this.button(ask, () => this.set({ ask, steps: 0 })));
    const prices = Object.entries(PRICES).map(([item, price]) => `${item} ${price}`);
    return [
      h("div", { class: "live__controls" }, this.field("ask", "Ask", { steps: 0 })),
      h("div", { class: "live__buttons", role: "group", "aria-label": "Examples" }, ...examples),
      h("p", { class: "agent-loop__tools" }, "Tools: calculate(expression), get_price(item), which knows ", prices.join(", "), "."),
      this.log,
      h("div", { class: "live__buttons" },
        this.button("Next step", () => this.set({ steps: this.state.steps + 1 })),
        this.button("Run", () => this.play(() => (this.set({ steps: this.state.steps + 1 }), !this.done), 700)),
        this.button("Start again", () => this.set({ steps: 0 }))),
      h("details", null, h("summary", null, "The raw text that the model goes on with"), this.raw),
    ]; // prettier-ignore
  }

  done = false;

  draw() {
    /** @type {Message[]} */
    const messages = [{ role: "user", content: this.state.ask }];
    this.done = false;
    let calls = 0;
    while (calls < Math.min(this.state.steps, AgentLoop.LIMIT) && !this.done) {
      const fresh = agentStep(this.model, messages);
      messages.push(...fresh);
      this.done = !fresh.some(({ role }) => role === "tool");
      calls++;
    }
    if (calls !== this.state.steps) this.state.steps = calls;
    const over = calls === AgentLoop.LIMIT && !this.done;
    this.done ||= over;
    this.log?.replaceChildren(...messages.flatMap((message) => this.lines(message)));
    if (this.log) this.log.scrollTop = this.log.scrollHeight;
    if (this.raw) this.raw.textContent = chatPrompt(messages, TOOLS);
    const [last] = messages.slice(-1);
    const state = over ? `Stopped after ${AgentLoop.LIMIT} calls of the model.` : this.done ? `Answer: ${last.content}` : last.role === "tool" ? `The tool gave: ${last.content}. The model is asked again next.` : "The model is asked next.";
    this.say(state);
  }

  static LIMIT = 4;

  /** @param {Message} message @returns {Node[]} */
  lines({ role, content, calls = [] }) {
    const line = (/** @type {string} */ kind, /** @type {string} */ colour, /** @type {string} */ text) => h("li", { class: colour }, h("strong", null, kind), ` ${text}`);
    if (role === "user") return [line("You", "c-token", content ?? "")];
    if (role === "tool") return [line("Tool", "c-value", content ?? "")];
    const asked = calls.map((call) => line("Call", "c-weight", `${call.name}(${call.arguments})`));
    return content ? [line("Pebble", "c-weight", content), ...asked] : asked;
  }
}

/** @type {Tool[]} */
const TOOLS = [
  { name: "calculate", description: "work out a sum", parameters: ["expression"] },
  { name: "get_price", description: "the price of an item", parameters: ["item"] },
];
/** @type {Record<string, string>} */
const PRICES = { umbrella: "19", kettle: "35", lamp: "24" };

/** Ask the model once, and run the tools that it calls: the messages that are added.
 * @param {Model} model @param {Message[]} messages @returns {Message[]} */
function agentStep(model, messages) {
  const { tokenizer } = model;
  const ids = tokenizer.encode(chatPrompt(messages, TOOLS), true);
  const written = [...generate(model, ids, { maxTokens: 100 })].filter((id) => id !== END);
  const reply = parseReply(tokenizer.decode(written));
  const results = (reply.calls ?? []).map((call) => /** @type {Message} */ ({ role: "tool", content: runTool(call) }));
  return [reply, ...results];
}

/** What a tool gives back; an error is a result as well, from which the model can go on. @param {Call} call @returns {string} */
function runTool({ name, arguments: json }) {
  const given = JSON.parse(json);
  if (name === "get_price") return PRICES[String(given.item).toLowerCase()] ?? `Error: unknown item ${given.item}`;
  if (name === "calculate") return calculate(String(given.expression));
  return `Error: there is no tool ${name}`;
}

/** Two numbers and + - * or /; no `eval`, since what a model writes is not to be trusted. @param {string} expression */
function calculate(expression) {
  const [, left, operator, right] = /^\s*(-?[\d.]+)\s*([-+*/])\s*(-?[\d.]+)\s*$/.exec(expression) ?? [];
  const [a, b] = [Number(left), Number(right)];
  const result = { "+": a + b, "-": a - b, "*": a * b, "/": a / b }[operator ?? ""];
  return result === undefined || !Number.isFinite(result) ? `Error: cannot work out ${expression}` : String(Math.round(result * 1e6) / 1e6);
}

customElements.define("agent-loop", AgentLoop);
