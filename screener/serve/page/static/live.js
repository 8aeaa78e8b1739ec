/** Sources that are watched without end: the newest picture of one at a time, who is in it, and what happened. */

import { address, ask } from "./api.js";
import { el, say } from "./dom.js";
import { clock, score } from "./words.js";

const STATE_WORDS = {
  opening: "Being opened: no picture yet.",
  live: "Live.",
  stale: "No new picture for a while. What was judged before no longer counts.",
  frozen: "The picture stands still. What was judged before no longer counts.",
  lost: "The source is gone, and being tried again. What was judged before no longer counts.",
  ended: "The source has ended.",
};
const EVENT_WORDS = {
  person: "is in view",
  alarm: "ALARM: looks fake",
  cleared: "alarm cleared",
};
const SOURCE_EVENT_WORDS = { lost: "the source was lost", reconnected: "the source is back", stale: "no new pictures", summary: "the watch has ended" };
const MOST_EVENTS = 50;

/** Builds the view of the live sources; `id` is that of the one shown, the first without. */
export function live(context, id) {
  const view = new LiveView(context, id);
  return { title: "Live", page: "live", element: view.element, unmount: () => view.close() };
}

class LiveView {
  constructor({ notices }, id) {
    Object.assign(this, { notices, id });
    this.heading = el("h1", { tabindex: -1 }, "Live");
    this.body = el("div");
    this.element = el("div.live", {}, el("header.opening", {}, this.heading), this.body);
    this.stop = new AbortController();
    // A picture that nobody sees would be sent all the same, and hold one of the browser's six connections.
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#disconnect() : this.#connect()), { signal: this.stop.signal });
    this.#load();
  }

  close() {
    this.stop.abort();
    this.#disconnect();
  }

  async #load() {
    let sources;
    try {
      sources = await ask("live", { signal: this.stop.signal });
    } catch (problem) {
      if (!this.stop.signal.aborted) this.body.replaceChildren(el("p", {}, problem.message));
      return;
    }
    this.source = sources.find((source) => source.id === this.id) ?? sources[0];
    if (!this.source) {
      this.body.replaceChildren(el("p.standfirst", {}, "No source is being watched. Start ", el("code", {}, "screener serve --live SOURCE"), " to watch one here."));
      return;
    }
    this.#build(sources);
    this.#update(this.source);
    this.#connect();
  }

  #build(sources) {
    const links = sources.map(({ id, name }) => el("li", {}, el("a", { href: `#/live/${id}`, "aria-current": id === this.source.id ? "true" : null }, el("bdi", {}, name))));
    this.state = el("p.standfirst", { role: "status" });
    this.picture = el("img.media", { alt: `Newest picture of ${this.source.name}, with a box around each face` });
    this.people = el("ul.live-people");
    this.events = el("ol.live-events");
    this.nothing = el("p.note", {}, "Nothing yet.");
    this.body.replaceChildren(
      sources.length > 1 ? el("nav.sources", { "aria-label": "Sources" }, el("ul", {}, links)) : "",
      el("p.kicker", {}, "Watched for face forgery: ", el("b", {}, el("bdi", {}, this.source.name))), this.state,
      el("div.frame", {}, this.picture),
      el("section", {}, el("h2", {}, "In view"), this.people),
      el("section", {}, el("h2", {}, "What happened"), this.nothing, this.events));
  }

  #connect() {
    if (!this.source || this.stream || this.stop.signal.aborted) return;
    this.picture.src = address(`live/${this.source.id}/picture`, { at: Date.now() });
    this.stream = new EventSource(address(`live/${this.source.id}/events`));
    this.stream.addEventListener("update", ({ data }) => this.#update(JSON.parse(data)));
    this.stream.addEventListener("error", () => say(this.state, "The server does not answer. Trying again."));
    this.stream.addEventListener("open", () => {
      if (this.broken) this.picture.src = address(`live/${this.source.id}/picture`, { at: Date.now() });
      this.broken = false;
    });
    this.stream.addEventListener("error", () => (this.broken = true));
    for (const name of [...Object.keys(EVENT_WORDS), ...Object.keys(SOURCE_EVENT_WORDS)]) {
      this.stream.addEventListener(name, ({ data }) => this.#happened(name, JSON.parse(data)));
    }
  }

  #disconnect() {
    this.stream?.close();
    this.stream = null;
    // An address that shows nothing ends the picture that is being received.
    this.picture?.removeAttribute("src");
  }

  #update({ state, outcome, people, message }) {
    const counts = state === "live";
    document.getElementById("band").className = `band ${counts ? outcome : "undecided"}`;
    say(this.state, counts && people.length ? { fake: "Someone in view looks fake.", genuine: "Nobody in view looks fake.", undecided: "Not decided yet." }[outcome]
      : `${STATE_WORDS[state]}${message ? ` (${message})` : ""}`);
    this.picture.classList.toggle("old", !counts);
    const shown = counts ? people : [];
    this.people.replaceChildren(...(shown.length ? shown.map(person) : [el("li.note", {}, counts ? "Nobody." : "Not known.")]));
  }

  #happened(name, event) {
    const who = event.track_id === undefined ? "" : `Person ${event.track_id}: `;
    const figure = event.p_fake === undefined || event.p_fake === null ? "" : `, ${score(event.p_fake)}`;
    const words = `${who}${EVENT_WORDS[name] ?? SOURCE_EVENT_WORDS[name]}${figure}`;
    this.nothing.hidden = true;
    this.events.prepend(el(`li.${name === "alarm" ? "fake" : "plain-event"}`, {}, el("time", {}, clock(event.seconds)), " ", words));
    while (this.events.children.length > MOST_EVENTS) this.events.lastElementChild.remove();
    if (name === "alarm" || name === "lost") this.notices.announce(words);
  }
}

function person({ track_id: number, outcome, p_fake: pFake }) {
  return el(`li.${outcome}`, {}, `Person ${number} `, el("span.tag", {}, outcome), pFake === null ? " not enough to go by yet" : ` ${score(pFake)}`);
}
