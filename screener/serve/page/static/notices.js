/** What the page says besides its views: a bar for trouble that lasts, short notes that pass, and words for screen readers alone. */

import { el, say } from "./dom.js";

const PASSING_MS = 8000;

/** Writes into two live regions: one that is seen, and one that is only heard. */
export class Notices {
  #timer = 0;
  #unseen = 0;

  constructor(bar, announcer) {
    Object.assign(this, { bar, announcer });
    document.addEventListener("visibilitychange", () => {
      if (document.hidden || !this.#unseen) return;
      this.#unseen = 0;
      document.title = document.title.replace(/^\(\d+\) /, "");
    });
  }

  /** Says what is wrong until `settled` is called. */
  trouble(words) {
    this.#put(words, "undecided");
  }

  /** The trouble is over. */
  settled(words = "") {
    if (words) this.passing(words);
    else this.bar.replaceChildren();
  }

  /** Says something for a while. href: where it leads. */
  passing(words, href = null) {
    this.#put(words, "genuine", href);
    this.#timer = setTimeout(() => this.bar.replaceChildren(), PASSING_MS);
  }

  /** Says something to those who hear the page. */
  announce(words) {
    say(this.announcer, "");
    // A change of the same task would not be noticed.
    setTimeout(() => say(this.announcer, words), 50);
  }

  /** Counts what ended while the page was in the background, in its title. */
  countUnseen() {
    if (!document.hidden) return;
    this.#unseen += 1;
    document.title = `(${this.#unseen}) ${document.title.replace(/^\(\d+\) /, "")}`;
  }

  #put(words, tone, href) {
    clearTimeout(this.#timer);
    this.bar.replaceChildren(el(`p.notice.${tone}`, {}, words, href && [" ", el("a", { href }, "Show it")]));
  }
}
