/** What was judged, the newest first: a picture, the finding, the score and the time of each, with a filter and a search. */

import { address, ask } from "./api.js";
import { arrange, el, say } from "./dom.js";
import { miniScale } from "./scale.js";
import { counted, day, finding, score, timeOfDay } from "./words.js";

const PAGE = 50;
const TYPING_MS = 250;
const OUTCOMES = { "": "All", fake: "Fake", undecided: "Undecided", genuine: "Genuine" };

/** A section with the list; it follows what ends and what is erased. */
export class History {
  #scans = new Map();
  #rows = new Map();
  #fresh = new Set();
  #next = null;
  #total = 0;
  #filter = { outcome: "", q: "" };
  #asking = null;
  #timer = 0;

  constructor({ scans, feed, empty }) {
    this.empty = empty;
    this.stop = new AbortController();
    const { signal } = this.stop;
    scans.addEventListener("ended", ({ detail }) => this.#add(detail.scan), { signal });
    scans.addEventListener("erased", ({ detail }) => this.#remove(detail.id), { signal });
    feed.addEventListener("hello", () => this.#load(), { signal });
    this.#build();
    this.#load();
  }

  /** No longer listens. */
  unmount() {
    this.stop.abort();
    clearTimeout(this.#timer);
  }

  #build() {
    this.count = el("p.note.count", { role: "status" });
    this.list = el("div.days");
    this.more = el("button.button", { type: "button", hidden: true, click: () => this.#load(this.#next) }, "Show more");
    this.search = el("input", { type: "search", id: "search", placeholder: "Search names", "aria-label": "Search names", autocomplete: "off", spellcheck: "false" });
    this.search.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#choose({ q: this.search.value.trim() }), TYPING_MS);
    });
    const choices = Object.entries(OUTCOMES).map(([outcome, word]) => el("label", {},
      el("input", { type: "radio", name: "outcome", value: outcome, checked: outcome === "", change: () => this.#choose({ outcome }) }),
      el(`span.${outcome || "all"}`, {}, word)));
    this.tools = el("div.tools", {}, el("fieldset.choices", {}, el("legend.unseen", {}, "Outcome"), choices), this.search);
    this.element = el("section.history", { "aria-labelledby": "history" },
      el("div.section-head", {}, el("h2", { id: "history" }, "History"), this.count), this.tools, this.list, this.more);
  }

  #choose(change) {
    Object.assign(this.#filter, change);
    this.#load();
  }

  async #load(cursor = null) {
    this.#asking?.abort();
    const { signal } = this.#asking = new AbortController();
    let page;
    try {
      page = await ask("scans", { query: { ...this.#filter, state: "ended", limit: PAGE, cursor }, signal });
    } catch (problem) {
      if (!signal.aborted) say(this.count, problem.message);
      return;
    }
    if (cursor === null) this.#scans.clear();
    for (const scan of page.scans) this.#scans.set(scan.id, scan);
    this.#total = page.total;
    this.#next = page.next;
    this.#show();
  }

  #add(scan) {
    const { outcome, q } = this.#filter;
    const fits = (!outcome || scan.verdict?.outcome === outcome) && scan.name.toLowerCase().includes(q.toLowerCase());
    if (!fits) return;
    if (!this.#scans.has(scan.id)) this.#total += 1;
    this.#rows.delete(scan.id);
    this.#fresh.add(scan.id);
    this.#scans.set(scan.id, scan);
    this.#show();
  }

  #remove(id) {
    if (this.#scans.delete(id)) this.#total -= 1;
    this.#show();
  }

  #show() {
    const filtered = Boolean(this.#filter.outcome || this.#filter.q);
    const ordered = [...this.#scans.values()].sort((one, other) => other.created.localeCompare(one.created));
    const groups = [...byDay(ordered)].map(([title, scans]) => {
      const group = this.#kept(`day ${title}`, () => el("div", {}, el("h3.day", {}, title), el("ul.scans")));
      arrange(group.lastElementChild, scans.map((scan) => this.#kept(scan.id, () => row(scan, this.#fresh.delete(scan.id)))));
      return group;
    });
    if (!ordered.length) groups.push(filtered ? el("p.note", {}, "Nothing fits this filter.") : this.empty);
    arrange(this.list, groups);
    this.tools.hidden = !ordered.length && !filtered;
    this.more.hidden = this.#next === null;
    say(this.count, ordered.length ? counted(this.#total, "scan") : "");
  }

  #kept(key, make) {
    if (!this.#rows.has(key)) this.#rows.set(key, make());
    return this.#rows.get(key);
  }
}

const dayOf = ({ created }) => day(new Date(created));

function byDay(scans) {
  const days = new Map();
  for (const scan of scans) days.set(dayOf(scan), [...(days.get(dayOf(scan)) ?? []), scan]);
  return days;
}

/** One scan of the history. */
function row(scan, isFresh) {
  const { verdict } = scan;
  const tone = verdict?.outcome ?? "cancelled";
  const picture = scan.thumbnail
    ? el("img", { src: address(`scans/${scan.id}/thumbnail.jpg`), alt: "", loading: "lazy", decoding: "async" })
    : el("span.no-picture", { "aria-hidden": "true" }, scan.state === "cancelled" ? "cancelled" : "no picture");
  const moment = new Date(scan.created);
  return el(`li.scan.${tone}${isFresh ? ".fresh" : ""}`, {},
    el("div.picture", {}, picture),
    el("div.what", {},
      el("a.name", { href: `#/scans/${scan.id}` }, el("bdi", {}, scan.name)),
      el("p.finding", {}, el("span.tag", {}, tone), " ", verdict ? finding(verdict) : "Called off before there was a verdict.")),
    el("div.figure", {}, verdict && verdict.p_fake !== null ? [miniScale(verdict), el("b", {}, score(verdict.p_fake))] : null),
    el("time", { datetime: scan.created, title: moment.toLocaleString("en-GB") }, timeOfDay(moment)));
}
