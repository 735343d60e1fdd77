// @ts-check
"use strict";
/**
 * The definition of a glossary term, shown while one points at its link or has the keyboard on it.
 *
 * A link is <a class="term" href="…/glossary/#token">; without this script it is a plain link, and on a touch screen
 * it stays one. All definitions come from one script beside this one, asked for at the first need.
 * The tooltip can be pointed at, stays as long as its link or itself is pointed at, and Escape takes it away
 * (WCAG 1.4.13).
 */
(() => {
  const source = /** @type {HTMLScriptElement} */ (document.currentScript).src.replace("term-tooltips", "glossary-definitions");
  const tooltip = Object.assign(document.createElement("div"), { id: "term-tooltip", className: "term-tooltip", hidden: true });
  tooltip.setAttribute("role", "tooltip");
  document.querySelector("article")?.append(tooltip);

  /** @type {Promise<Record<string, string>> | undefined} */
  let loading;
  const definitions = () =>
    (loading ??= new Promise((resolve, reject) => {
      const script = Object.assign(document.createElement("script"), { src: source });
      script.onload = () => resolve(/** @type {any} */ (window).glossary);
      script.onerror = reject;
      document.head.append(script);
    }));

  /** @type {HTMLAnchorElement | null} the link whose definition is shown, or about to be */
  let current = null;
  let timer = 0;

  /** @param {HTMLAnchorElement} link */
  async function show(link) {
    hide();
    current = link;
    const text = (await definitions())[decodeURIComponent(link.hash.slice(1))];
    if (!text || current !== link) return;
    tooltip.textContent = text;
    tooltip.hidden = false;
    link.setAttribute("aria-describedby", tooltip.id);
    place(link);
  }

  /** Above the link if there is room, else below; never beyond the edges of the window. @param {HTMLElement} link */
  function place(link) {
    const at = link.getClientRects()[0]; // the first line of a link that is broken over two
    const { width, height } = tooltip.getBoundingClientRect();
    const left = Math.max(8, Math.min(at.left, document.documentElement.clientWidth - width - 8));
    const top = at.top - height < 60 ? at.bottom : at.top - height; // 60: the site's header stays visible
    tooltip.style.left = `${left + scrollX}px`;
    tooltip.style.top = `${top + scrollY}px`;
  }

  function hide() {
    clearTimeout(timer);
    current?.removeAttribute("aria-describedby");
    current = null;
    tooltip.hidden = true;
  }

  /** @param {EventTarget | null} target @returns {HTMLAnchorElement | null} */
  const termAt = (target) => (target instanceof Element ? target.closest("a.term") : null);

  // a little patience both ways: not every word that is passed over is asked for, and the way to the tooltip takes time
  document.addEventListener("pointerover", ({ target, pointerType }) => {
    if (pointerType === "touch") return;
    const link = termAt(target);
    clearTimeout(timer);
    if (link && link !== current) timer = setTimeout(() => show(link).catch(hide), 150);
    else if (!link && target !== tooltip && current !== document.activeElement) timer = setTimeout(hide, 250);
  });
  document.addEventListener("focusin", ({ target }) => {
    const link = termAt(target);
    if (link?.matches(":focus-visible")) show(link).catch(hide);
    else hide();
  });
  document.addEventListener("focusout", ({ target }) => target === current && hide());
  document.addEventListener("keydown", ({ key }) => key === "Escape" && hide());
})();
