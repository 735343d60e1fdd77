// @ts-check
"use strict";
/**
 * A conversation as text, and tool calls back out of what the model wrote: pebble/chat.py and its template in
 * JavaScript. A model only continues text; "chat" is a convention for writing down who says what.
 */

/** @typedef {{name: string, arguments: string}} Call arguments are JSON, as the model wrote them */
/** @typedef {{role: "system" | "user" | "assistant" | "tool", content?: string, calls?: Call[]}} Message */
/** @typedef {{name: string, description: string, parameters: string[]}} Tool */

/** The text of a conversation, up to where the assistant's reply begins.
 * @param {Message[]} messages @param {Tool[]} [tools] @returns {string} */
function chatPrompt(messages, tools = []) {
  const [first] = messages;
  const system = first?.role === "system" ? defuse(first.content ?? "") : "";
  const shown = tools.map(({ name, parameters, description }) => `\n${name}(${parameters.join(", ")}): ${description}`);
  const list = tools.length ? `${system && "\n"}Tools:${defuse(shown.join(""))}` : "";
  const head = system || list ? `<|system|>${system}${list}<|end|>` : "";
  const turns = messages.filter(({ role }) => role !== "system").map((message) => `<|${message.role}|>${said(message)}<|end|>`);
  return `<|begin|>${head}${turns.join("")}<|assistant|>`;
}

/** @param {Message} message */
function said({ content = "", calls = [] }) {
  const written = calls.map((call) => `<tool_call>{"name": "${defuse(call.name)}", "arguments": ${defuse(call.arguments)}}</tool_call>`);
  return defuse(content) + written.join("");
}

/** Control tokens that somebody wrote into a message, made harmless with a space: text from outside must not be
 * able to end the user's turn and speak as the system. @param {string} text */
const defuse = (text) => SPECIAL.reduce((safe, special) => safe.replaceAll(special, `${special[0]} ${special.slice(1)}`), text);

/** The assistant's message in generated text: what it says and the tools it calls.
 * A call that is not a JSON object with a name and arguments stays text. @param {string} text @returns {Message} */
function parseReply(text) {
  /** @type {Call[]} */
  const calls = [];
  const [before, ...rest] = text.split("<tool_call>");
  const content = rest.map((part) => {
    const [body, ...after] = part.split("</tool_call>");
    try {
      const { name, arguments: given } = JSON.parse(body);
      if (typeof name !== "string" || typeof given !== "object" || !given) throw new TypeError();
      calls.push({ name, arguments: spaced(given) });
      return after.join("</tool_call>");
    } catch {
      return `<tool_call>${part}`;
    }
  });
  return { role: "assistant", content: (before + content.join("")).trim(), ...(calls.length ? { calls } : {}) };
}

/** JSON with a space after commas and colons, as Python writes it and as Pebble has learned to read it.
 * @param {object} value @returns {string} */
function spaced(value) {
  return JSON.stringify(value, null, 1).replace(/,\n\s*/g, ", ").replace(/\n\s*/g, "");
}
