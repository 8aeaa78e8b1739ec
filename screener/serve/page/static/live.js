/** Sources that are watched without end: the newest picture of one at a time, who is in it, and what happened. */

import { address, ask } from "./api.js";
import { el, say } from "./dom.js";
import { LiveStream } from "./live_stream.js";
import { clock, score } from "./words.js";

const STATE_WORDS = {
  opening: ["Opening", ": no picture yet"],
  stale: ["Waiting", ": no new picture for a while"],
  frozen: ["Frozen", ": the picture stands still"],
  lost: ["Lost", ": the source is gone, and being tried again"],
  ended: ["Ended", ": nothing more will come"],
  unheard: ["Waiting", ": no word from the server"],
};
const UNHEARD = { state: "unheard", outcome: "undecided", people: [], message: "" };
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
    this.body.append(el("header.opening", {}, this.heading));
    this.element = el("div.live", {}, this.body);
    this.stop = new AbortController();
    // A picture that nobody sees would be sent all the same, and hold one of the browser's six connections.
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#hide() : this.#connect()), { signal: this.stop.signal });
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
      if (!this.stop.signal.aborted) this.#say(problem.message);
      return;
    }
    this.source = sources.find((source) => source.id === this.id) ?? sources[0];
    if (!this.source) {
      this.#say("No source is being watched. Start screener serve with --live SOURCE to watch one here.");
      return;
    }
    this.#build(sources);
    this.#update(this.source);
    this.#connect();
  }

  #say(words) {
    document.getElementById("band").className = "band";
    this.heading.replaceChildren("Live");
    this.body.replaceChildren(el("header.opening", {}, this.heading, el("p.standfirst", {}, words)));
  }

  #build(sources) {
    const links = sources.map(({ id, name }) => el("li", {}, el("a", { href: `#/live/${id}`, "aria-current": id === this.source.id ? "true" : null }, el("bdi", {}, name))));
    this.state = el("p.standfirst");
    this.picture = el("img.media", { alt: `Newest picture of ${this.source.name}, with a box around each face` });
    this.people = el("ul.live-people");
    this.events = el("ol.live-events");
    this.nothing = el("p.note", {}, "Nothing yet.");
    this.header = el("header.opening", {},
      el("p.kicker", {}, el("span", {}, "Watched for face forgery: ", el("b", {}, el("bdi", {}, this.source.name)))),
      el("div", { role: "status" }, this.heading, this.state));
    this.body.replaceChildren(
      sources.length > 1 ? el("nav.sources", { "aria-label": "Sources" }, el("ul", {}, links)) : "",
      this.header, el("div.frame", {}, this.picture),
      el("section", {}, el("h2", {}, "In view"), this.people),
      el("section", {}, el("h2", {}, "What happened"), this.nothing, this.events));
  }

  #connect() {
    if (!this.source || this.stream || this.stop.signal.aborted) return;
    this.#showPicture();
    this.stream = new LiveStream(this.source.id, [...Object.keys(EVENT_WORDS), ...Object.keys(SOURCE_EVENT_WORDS)], {
      heard: (name, data) => (name === "update" ? this.#update(data) : this.#happened(name, data)),
      lost: () => this.#update({ ...UNHEARD, message: "the server does not answer; trying again" }),
      // The picture may have broken off as the events did, and does not say so.
      back: () => this.#showPicture(),
      gone: () => this.#leave(),
    });
  }

  #showPicture() {
    this.picture.src = address(`live/${this.source.id}/picture`, { at: Date.now() });
  }

  #disconnect() {
    this.stream?.close();
    this.stream = null;
    // An address that shows nothing ends the picture that is being received.
    this.picture?.removeAttribute("src");
  }

  #hide() {
    this.#disconnect();
    // Whoever comes back must not see what was judged long ago.
    if (this.source) this.#update(UNHEARD);
  }

  #leave() {
    this.#disconnect();
    this.source = null;
    this.#say("This source is not watched any more.");
  }

  #update({ state, outcome, people, message }) {
    const counts = state === "live";
    const tone = counts && people.length ? outcome : "undecided";
    document.getElementById("band").className = `band ${tone}`;
    this.header.className = `opening ${tone}`;
    const [lead, rest] = counts ? liveHeadline(outcome, people) : STATE_WORDS[state];
    if (this.heading.textContent !== lead + rest) this.heading.replaceChildren(el("em", {}, lead), rest);
    const worthless = counts || state === "opening" ? "" : "What was judged before no longer counts.";
    say(this.state, [message && `${message[0].toUpperCase()}${message.slice(1)}.`, worthless].filter(Boolean).join(" "));
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

function liveHeadline(outcome, people) {
  if (!people.length) return ["Live", ": nobody in view"];
  const fakes = people.filter((one) => one.outcome === "fake").map((one) => one.track_id);
  if (fakes.length) return ["Looks fake", `: person ${fakes.join(", ")}`];
  return outcome === "genuine" ? ["Genuine", ": nobody in view looks fake"] : ["Undecided", ": not enough to go by yet"];
}

function person({ track_id: number, outcome, p_fake: pFake }) {
  return el(`li.${outcome}`, {}, `Person ${number} `, el("span.tag", {}, outcome), pFake === null ? " not enough to go by yet" : ` ${score(pFake)}`);
}
