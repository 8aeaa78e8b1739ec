/** What the server tells by itself: one stream of the events of all scans, opened again whenever it breaks off. */

import { ask, address } from "./api.js";

const EVENTS = ["hello", "queued", "progress", "verdict", "cancelled", "erased", "worker", "stopping"];
const GRACE_MS = 1500;
const AGAIN_MS = 2000;

/**
 * Dispatches the server's events, the data as `detail`, and of its own: `lost` once the server has been silent for longer than a moment,
 * `back` when it answers again after that.
 */
export class Feed extends EventTarget {
  #source = null;
  #lost = false;
  #timer = 0;
  #idle = () => true;

  /** idle: tells whether nothing is under way; a page in the background then holds no connection (browsers have six for a host). */
  start(idle) {
    this.#idle = idle;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.#source === null) this.#open();
      else if (document.hidden && this.#idle()) this.#close();
    });
    addEventListener("pagehide", () => this.#close());
    addEventListener("pageshow", (event) => event.persisted && this.#open());
    this.#open();
  }

  #close() {
    this.#settle();
    this.#source?.close();
    this.#source = null;
  }

  #settle() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  #open() {
    this.#source?.close();
    const source = new EventSource(address("events"));
    this.#source = source;
    for (const name of EVENTS) {
      source.addEventListener(name, (event) => {
        if (name === "hello") this.#answered();
        this.#tell(name, JSON.parse(event.data));
      });
    }
    source.addEventListener("error", () => this.#broken(source));
  }

  #answered() {
    this.#settle();
    if (this.#lost) this.#tell("back");
    this.#lost = false;
  }

  #broken(source) {
    if (source !== this.#source) return;
    if (!this.#lost && !this.#timer) {
      this.#timer = setTimeout(() => {
        this.#lost = true;
        this.#tell("lost");
      }, GRACE_MS);
    }
    // An answer that is no stream ends the source for good: the session may have ended, or a proxy answers for a server that is down.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => this.#again(source), AGAIN_MS);
  }

  async #again(source) {
    if (source !== this.#source) return;
    const answers = await ask("server").then(() => true, () => false);
    if (source !== this.#source) return;
    if (answers) this.#open();
    else setTimeout(() => this.#again(source), AGAIN_MS);
  }

  #tell(name, detail = null) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
