// @ts-check
"use strict";
/**
 * Counts the checks of a page that were answered right at the first try. The option that is opened first is the
 * answer. Kept in this browser only; without this script nothing is missing but the count.
 */
(() => {
  const groups = [...document.querySelectorAll(".quiz")];
  const page = document.querySelector("reader-progress")?.getAttribute("step") ?? document.title;
  const key = "llms-in-layers.checks"; // in localStorage: {"docs/llms/README.md": {"check-1-the-loop": true, …}, …}

  /** @returns {Record<string, Record<string, boolean>>} whether each check of each page was right at first */
  function read() {
    try {
      return JSON.parse(localStorage.getItem(key) ?? "{}") ?? {};
    } catch {
      return {}; // no storage, or somebody else's: begin anew
    }
  }

  const count = Object.assign(document.createElement("p"), { className: "quiz-count" });
  count.setAttribute("role", "status");
  const again = Object.assign(document.createElement("button"), { type: "button", className: "md-button", textContent: "Start again" });
  again.onclick = () => {
    write({});
    groups.forEach((group) => group.querySelectorAll("details").forEach((option) => (option.open = false)));
  };
  groups.at(-1)?.after(count);

  let answers = read()[page] ?? {};

  /** @param {Record<string, boolean>} given */
  function write(given) {
    answers = given;
    try {
      localStorage.setItem(key, JSON.stringify({ ...read(), [page]: answers }));
    } catch {
      // no room, or not allowed: count until the page is left
    }
    show();
  }

  function show() {
    const given = Object.values(answers);
    const right = given.filter(Boolean).length;
    const said = `${right} of ${groups.length} answered right at the first try` + (given.length < groups.length ? `, ${groups.length - given.length} to go. ` : ". ");
    count.replaceChildren(...(given.length ? [said, again] : ["Choose an answer to open its explanation."]));
  }

  document.addEventListener(
    "toggle",
    ({ target }) => {
      if (!(target instanceof HTMLDetailsElement) || !target.open) return;
      const id = target.closest(".quiz")?.previousElementSibling?.id;
      answers = { ...answers, ...read()[page] }; // this page may be open in another tab as well
      if (id && !(id in answers)) write({ ...answers, [id]: target.classList.contains("right") });
    },
    true, // toggle events do not bubble
  );
  show();
})();
