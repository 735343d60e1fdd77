// @ts-check
// Tables that readers sort and filter. In a page:
//
//   <div class="sortable" data-rows="models" markdown="1">  … a Markdown table …  </div>
//
// Without this script the table is a plain table. With it, each heading becomes a button that sorts
// (the state is in aria-sort), and above stands a field that filters, with a count that is read out.
// A column sorts as dates ("Nov 2026") or numbers ("1.05M", "671B", "16 GB") if all its cells are such, else as text.
// Cells with only a dash, for what no source gave, come last in both directions.
(() => {
  const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
  const UNITS = { K: 1e3, M: 1e6, B: 1e9, T: 1e12 };

  /** @param {string} text @returns {number} months since year 0 for "Nov 2026", else NaN */
  const asDate = (text) => {
    const [month, year, more] = text.split(" ");
    return more === undefined && MONTHS.includes(month) ? Number(year) * 12 + MONTHS.indexOf(month) : NaN;
  };

  /** @param {string} text @returns {number} the value of "1.05M", "128K", "16 GB", "5.5%" or "131,072", else NaN */
  const asNumber = (text) => {
    const match = /^([\d.,]+)\s?([KMBT])?(?: ?GB|%)?$/.exec(text);
    if (!match) return NaN;
    return Number(match[1].replaceAll(",", "")) * (UNITS[/** @type {keyof UNITS} */ (match[2])] ?? 1);
  };

  /** @param {HTMLTableRowElement} row @param {number} column @returns {string} the cell's text, "" for a dash */
  const textOf = (row, column) => (row.cells[column]?.textContent ?? "").trim().replace(/^–$/, "");

  /**
   * @param {HTMLTableRowElement[]} rows @param {number} column @param {boolean} descending
   * @returns {HTMLTableRowElement[]} the rows in order; rows that are equal keep their places
   */
  const sorted = (rows, column, descending) => {
    const known = rows.filter((row) => textOf(row, column));
    const key = [asDate, asNumber].find((read) => known.every((row) => !Number.isNaN(read(textOf(row, column)))));
    const sign = descending ? -1 : 1;
    known.sort((a, b) => {
      const [x, y] = [textOf(a, column), textOf(b, column)];
      return sign * (key ? key(x) - key(y) : x.localeCompare(y, "en", { numeric: true }));
    });
    return [...known, ...rows.filter((row) => !textOf(row, column))];
  };

  /** @param {HTMLElement} container a .sortable element that holds one table */
  const enhance = (container) => {
    const table = container.querySelector("table");
    const body = table?.tBodies[0];
    if (!table?.tHead || !body || container.querySelector("input")) return;
    const rows = [...body.rows];
    const noun = container.dataset.rows ?? "rows";
    const headings = [...table.tHead.rows[0].cells];

    const label = document.createElement("label");
    const filter = document.createElement("input");
    const status = document.createElement("p");
    filter.type = "search";
    label.append(`Filter ${noun} `, filter);
    status.setAttribute("role", "status");
    container.prepend(label, status);

    const tell = () => {
      const shown = rows.filter((row) => !row.hidden).length;
      const by = headings.find((heading) => heading.hasAttribute("aria-sort"));
      const order = by ? `, sorted by ${by.textContent}, ${by.getAttribute("aria-sort")}` : "";
      status.textContent = `${shown} of ${rows.length} ${noun}${order}`;
    };

    filter.addEventListener("input", () => {
      const words = filter.value.toLowerCase().split(/\s+/);
      for (const row of rows) row.hidden = !words.every((word) => row.textContent?.toLowerCase().includes(word));
      tell();
    });

    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const descending = heading.getAttribute("aria-sort") === "ascending";
        for (const other of headings) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
        body.append(...sorted(rows, column, descending));
        tell();
      });
    });
    tell();
  };

  document.querySelectorAll(".sortable").forEach((element) => enhance(/** @type {HTMLElement} */ (element)));
})();
