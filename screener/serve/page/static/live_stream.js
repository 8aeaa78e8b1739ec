/** The events of one watched source: a stream that is opened again whenever it breaks off or falls silent. */

import { address, ask } from "./api.js";

// Updates of a live source come several times a second. A little longer than the server waits for its own worker, whose words say more.
const SILENCE_MS = 2500;
const AGAIN_MS = 2000;
const ASK_MS = 5000;

/**
 * Calls `heard(name, data)` for each event, `lost()` as soon as what was heard is no longer current, `back()` at the first event after
 * that, and `gone()` if the server answers but no longer watches this source.
 */
export class LiveStream {
  #events;
  #silence = 0;
  #again = 0;
  #lost = false;
  #closed = false;

  constructor(id, names, { heard, lost, back, gone }) {
    Object.assign(this, { id, names, heard, lost, back, gone });
    this.#open();
  }

  close() {
    this.#closed = true;
    this.#settle();
    this.#events.close();
  }

  #settle() {
    clearTimeout(this.#silence);
    clearTimeout(this.#again);
    this.#again = 0;
  }

  #open() {
    this.#events?.close();
    const events = new EventSource(address(`live/${this.id}/events`));
    this.#events = events;
    for (const name of ["update", ...this.names]) events.addEventListener(name, ({ data }) => this.#hear(name, JSON.parse(data)));
    events.addEventListener("error", () => this.#lose());
    this.#expect(true);
  }

  #hear(name, data) {
    if (name === "update") {
      this.#settle();
      // A source that is opening, lost or ended may have nothing to say for long.
      this.#expect(data.state === "live");
      if (this.#lost) this.back();
      this.#lost = false;
    }
    this.heard(name, data);
  }

  #expect(more) {
    clearTimeout(this.#silence);
    if (more) this.#silence = setTimeout(() => this.#lose(), SILENCE_MS);
  }

  #lose() {
    clearTimeout(this.#silence);
    this.#lost = true;
    this.lost();
    // The browser tries again by itself, but not after an answer that is no stream, and not while a dead connection stays open.
    this.#again ||= setTimeout(() => this.#try(), AGAIN_MS);
  }

  async #try() {
    const attempt = this.#again;
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), ASK_MS);
    const sources = await ask("live", { signal: timeout.signal }).catch(() => null);
    clearTimeout(timer);
    if (this.#closed || attempt !== this.#again) return;
    this.#again = 0;
    if (sources === null) this.#again = setTimeout(() => this.#try(), AGAIN_MS);
    else if (sources.some(({ id }) => id === this.id)) this.#open();
    else this.gone();
  }
}
