/** The scans that are under way, as the server tells of them, and the moment at which each of them ends. */

import { ask } from "./api.js";

const CONFIRMED_WITHIN_MS = 1000;

/** Dispatches `change` when one that is under way has changed, `ended` with the scan (done or cancelled), and `erased` with its id. */
export class Scans extends EventTarget {
  active = new Map();
  worker = "ready";
  connected = true;
  #ended = new Set();
  #unconfirmed = new Set();

  constructor(feed) {
    super();
    for (const name of ["queued", "progress", "verdict", "cancelled"]) feed.addEventListener(name, ({ detail }) => this.put(detail));
    feed.addEventListener("erased", ({ detail }) => this.#erased(detail.id));
    feed.addEventListener("worker", ({ detail }) => this.#worker(detail.worker));
    feed.addEventListener("lost", () => {
      this.connected = false;
      this.#changed();
    });
    feed.addEventListener("hello", ({ detail }) => {
      this.connected = true;
      this.#worker(detail.worker);
      this.#confirm();
    });
  }

  /** Takes in what is known of a scan. */
  put(scan) {
    this.#unconfirmed.delete(scan.id);
    if (scan.state === "queued" || scan.state === "running") {
      // The answer to a request may come later than the event that the scan has ended.
      if (this.#ended.has(scan.id)) return;
      this.active.set(scan.id, scan);
      this.#changed();
    } else {
      this.#ended.add(scan.id);
      const wasActive = this.active.delete(scan.id);
      this.dispatchEvent(new CustomEvent("ended", { detail: { scan, wasActive } }));
      this.#changed();
    }
  }

  /** Those under way: running ones first, then in the order of the queue. */
  inOrder() {
    const place = ({ state, position }) => (state === "running" ? 0 : position ?? Infinity);
    return [...this.active.values()].sort((one, other) => place(one) - place(other) || one.created.localeCompare(other.created));
  }

  #erased(id) {
    this.active.delete(id);
    this.dispatchEvent(new CustomEvent("erased", { detail: { id } }));
    this.#changed();
  }

  #worker(state) {
    this.worker = state;
    this.#changed();
  }

  /** A new connection tells of all that is under way; what it does not tell of has ended meanwhile. */
  #confirm() {
    this.#unconfirmed = new Set(this.active.keys());
    setTimeout(async () => {
      for (const id of this.#unconfirmed) {
        await ask(`scans/${id}`).then((scan) => this.put(scan), (problem) => problem.status === 404 && this.#erased(id));
      }
    }, CONFIRMED_WITHIN_MS);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
