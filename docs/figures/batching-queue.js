// @ts-check
"use strict";
/**
 * A queue of requests, served in static batches and in continuous ones.
 *
 *   <batching-queue load="70" places="4"></batching-queue>
 *
 * A model of a server, not a server: each step writes one token for every request in a place, and a step takes
 * the same time however many places are taken. Reading the prompt is left out.
 */
class BatchingQueue extends LiveFigure {
  static defaults = {
    load: 80, // percent of what the places could write at most
    places: 4, // requests served at once
    spread: 80, // how different the lengths are, in percent
    seed: 1,
  };
  static title = "Serve a queue, two ways";
  static about =
    "The same requests arrive at the same times. A static batch starts together and ends with its longest answer: places whose answer is " +
    "done stay empty. A continuous batch gives a place that becomes free to the next request at the next step. Arrivals and lengths are " +
    "drawn at random from a seed; this is a model of a server, and it takes every step to last equally long.";
  static source = () => [serveQueue];
  static STEPS = 120;

  build() {
    this.charts = ["Static batches", "Continuous batches"].map((name) => h("div", null, h("p", null, name), s("svg", { viewBox: "0 0 480 64", role: "img", "aria-label": name })));
    this.rows = h("tbody");
    return [
      h("div", { class: "live__controls" },
        this.slider("load", "Load", { min: 10, max: 150, step: 5, format: (n) => `${n}%` }),
        this.slider("places", "Places", { min: 2, max: 8 }),
        this.slider("spread", "Lengths differ by", { min: 0, max: 100, step: 10, format: (n) => `${n}%` })),
      ...this.charts,
      liveTable("Compared", ["", "Finished", "Places in use", "Mean wait, steps", "Longest wait, steps"], this.rows, 2),
      h("div", { class: "live__buttons" }, this.button("Other requests", () => this.set({ seed: this.state.seed + 1 }))),
    ]; // prettier-ignore
  }

  draw() {
    const { load, places, spread, seed } = this.state;
    const requests = makeRequests(BatchingQueue.STEPS, load / 100, places, spread / 100, seed);
    const ways = [false, true].map((continuous) => serveQueue(requests, places, BatchingQueue.STEPS, continuous));
    ways.forEach((served, n) => this.showChart(/** @type {SVGSVGElement} */ (this.charts?.[n].querySelector("svg")), served));
    const numbers = ways.map((served) => servingNumbers(served, places, BatchingQueue.STEPS, requests));
    this.rows?.replaceChildren(...numbers.map(({ finished, used, wait, longest }, n) =>
      h("tr", null, h("th", { scope: "row" }, n ? "Continuous" : "Static"), ...[`${finished} of ${requests.length}`, percent(used), wait.toFixed(1), String(longest)].map((text) => h("td", { class: "number" }, text))))); // prettier-ignore
    const [still, flow] = numbers;
    this.say(`${requests.length} requests in ${BatchingQueue.STEPS} steps. Static: ${still.finished} finished, mean wait ${still.wait.toFixed(1)} steps. Continuous: ${flow.finished} finished, mean wait ${flow.wait.toFixed(1)}.`);
  }

  /** @param {SVGSVGElement} svg @param {Served[]} served */
  showChart(svg, served) {
    const { places } = this.state;
    const [width, height] = [480 / BatchingQueue.STEPS, 16];
    svg.setAttribute("viewBox", `0 0 480 ${places * height}`);
    const lanes = Array.from({ length: places }, (_, n) => s("rect", { class: "box-soft", x: 0, y: n * height, width: 480, height: height - 2 }));
    const bars = served.map(({ place, start, end, length }) => {
      const stop = Math.min(end, BatchingQueue.STEPS);
      const idle = Math.max(0, stop - start - length);
      return s("g", null,
        s("rect", { class: "mark c-token", x: start * width, y: place * height, width: Math.max(1, Math.min(length, stop - start) * width - 1), height: height - 2, rx: 2 }),
        idle > 0 && s("rect", { class: "box-soft c-bad", x: (start + length) * width, y: place * height, width: idle * width, height: height - 2 })); // prettier-ignore
    });
    svg.replaceChildren(...lanes, ...bars);
  }
}

/** @typedef {{arrives: number, length: number}} Wanted in steps */
/** @typedef {Wanted & {place: number, start: number, end: number}} Served `end`: when its place is free for another */

/** Requests that together need `load` of all places; lengths between 12·(1 − spread) and 12·(1 + spread) steps.
 * @param {number} steps @param {number} load @param {number} places @param {number} spread @param {number} seed @returns {Wanted[]} */
function makeRequests(steps, load, places, spread, seed) {
  let state = seed;
  const random = () => (state = (state * 48271) % 2147483647) / 2147483647; // Lehmer's generator
  random();
  const count = Math.round((steps * places * load) / 12);
  const arrivals = Array.from({ length: count }, () => Math.floor(random() * steps * 0.8)).sort((a, b) => a - b);
  return arrivals.map((arrives) => ({ arrives, length: Math.max(1, Math.round(12 * (1 + spread * (2 * random() - 1)))) }));
}

/** When each request is served. @param {Wanted[]} requests by arrival @param {number} places @param {number} steps @param {boolean} continuous @returns {Served[]} */
function serveQueue(requests, places, steps, continuous) {
  /** @type {Served[]} */
  const served = [];
  const free = new Array(places).fill(0); // from when each place is free
  for (let now = 0; now < steps; now++) {
    if (!continuous && free.some((from) => from > now)) continue; // a static batch starts when all of the last one are done
    const batch = [];
    for (let place = 0; place < places; place++) {
      const next = requests[served.length];
      if (free[place] > now || !next || next.arrives > now) continue;
      const request = { ...next, place, start: now, end: now + next.length };
      free[place] = request.end;
      batch.push(request);
      served.push(request);
    }
    if (continuous) continue;
    const end = Math.max(0, ...batch.map((request) => request.end));
    for (const request of batch) free[request.place] = request.end = end;
  }
  return served;
}

/** @param {Served[]} served @param {number} places @param {number} steps @param {Wanted[]} requests */
function servingNumbers(served, places, steps, requests) {
  const written = served.reduce((sum, { start, length }) => sum + Math.min(length, steps - start), 0);
  const waits = requests.map(({ arrives }, n) => (served[n]?.start ?? steps) - arrives); // who is not served waits to the end
  const finished = served.filter(({ start, length }) => start + length <= steps).length;
  const wait = waits.reduce((a, b) => a + b, 0) / Math.max(1, waits.length);
  return { finished, used: written / (places * steps), wait, longest: Math.max(0, ...waits) };
}

customElements.define("batching-queue", BatchingQueue);
