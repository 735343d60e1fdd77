"use strict";
/**
 * Material starts its search worker and asks for the whole search index on every page.
 * Hold both back until somebody searches: that is a third of a first visit's bytes.
 * This must run before Material's own script, so it is not deferred.
 */
(({ open, send }, RealWorker) => {
  XMLHttpRequest.prototype.open = function (method, url, ...rest) {
    this.wanted = !String(url).endsWith("search/search_index.json") || location.search.includes("h=");
    return open.call(this, method, url, ...rest);
  };
  XMLHttpRequest.prototype.send = function (body) {
    if (this.wanted) return send.call(this, body);
    document.forms.search.addEventListener("focusin", () => send.call(this, body), { once: true });
  };
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.url = url;
    }
    postMessage(message) { // the first one brings the index
      if (!this.worker) {
        this.worker = new RealWorker(this.url);
        this.worker.onmessage = ({ data }) => this.dispatchEvent(new MessageEvent("message", { data }));
      }
      this.worker.postMessage(message);
    }
  };
})(XMLHttpRequest.prototype, Worker);
