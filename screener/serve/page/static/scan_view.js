/** One scan: how far it is, or its verdict with the video, the timeline under it, and what the report says. */

import { address, ask } from "./api.js";
import { confirmed } from "./confirming.js";
import { el, say } from "./dom.js";
import { partsOf } from "./evidence.js";
import { Player } from "./player.js";
import { miniScale } from "./scale.js";
import { Timeline } from "./timeline.js";
import { progressWords, share } from "./under_way.js";
import { score } from "./words.js";

/** Names of the formats by the ending of their files. */
const MARKER_FORMATS = { vtt: "WebVTT", csv: "CSV", edl: "EDL", fcpxml: "FCPXML", xml: "xmeml" };

/** Builds the view of a scan; it follows the scan until it is taken away. */
export function scanView(context, id) {
  const view = new ScanView(context, id);
  return { title: "Scan", element: view.element, unmount: () => view.unmount() };
}

class ScanView {
  constructor(context, id) {
    Object.assign(this, { context, id, shown: "" });
    this.player = null;
    this.stop = new AbortController();
    const { signal } = this.stop;
    this.heading = el("h1", { tabindex: -1 }, "\u2026");
    this.body = el("div.scan-body");
    this.element = el("div.scan-view", {}, el("p.back", {}, el("a", { href: "#/" }, "All scans")), this.body);
    const { scans, feed } = context;
    scans.addEventListener("change", () => scans.active.has(id) && this.#show(scans.active.get(id)), { signal });
    scans.addEventListener("ended", ({ detail }) => detail.scan.id === id && this.#show(detail.scan), { signal });
    scans.addEventListener("erased", ({ detail }) => detail.id === id && this.#absent("This scan was erased."), { signal });
    feed.addEventListener("back", () => this.#load(), { signal });
    this.#load();
  }

  unmount() {
    this.stop.abort();
    this.player?.unmount();
  }

  async #load() {
    try {
      this.#show(await ask(`scans/${this.id}`, { signal: this.stop.signal }));
    } catch (problem) {
      if (!this.stop.signal.aborted && !this.shown) this.#absent(problem.message);
    }
  }

  /** Shows something else. Whoever stood in what was there, or has just come here, stands on the heading now. */
  #put(...children) {
    const at = document.activeElement;
    const moves = at?.id === "view" || this.body.contains(at);
    this.body.replaceChildren(...children.filter(Boolean));
    if (moves) this.heading.focus({ preventScroll: true });
  }

  /** There is nothing to show, and this says why. */
  #absent(words) {
    this.player?.unmount();
    this.shown = "absent";
    say(this.heading, "Not there");
    this.#put(el("header.opening", {}, this.heading, el("p.standfirst", {}, words)));
  }

  #show(scan) {
    const stage = { queued: "active", running: "active" }[scan.state] ?? scan.state;
    if (this.shown !== stage) {
      // Whoever stands on the heading, as after a change of views, stays there.
      this.shown = stage;
      this.scan = scan;
      document.title = `${scan.name} - screener`;
      ({ active: () => this.#active(), done: () => this.#done(), cancelled: () => this.#cancelled() })[stage]();
    }
    if (stage === "active") this.#progress(scan);
  }

  #active() {
    this.words = el("p.note");
    this.bar = el("progress", { max: 1, "aria-label": "Progress" });
    const cancel = () => ask(`scans/${this.id}`, { method: "DELETE" }).catch((problem) => say(this.words, problem.message));
    say(this.heading, "Being judged");
    this.#put(
      el("header.opening", {}, kicker(this.scan), this.heading),
      el("div.job.alone", {}, this.bar, this.words, el("button.button", { type: "button", click: cancel }, "Cancel")),
      this.#stage(null));
  }

  #progress(scan) {
    say(this.words, progressWords(scan, this.context.scans));
    const value = share(scan);
    if (value === null) this.bar.removeAttribute("value");
    else this.bar.value = value;
  }

  #cancelled() {
    say(this.heading, "Called off");
    const { files, take } = this.context;
    const file = files.get(this.id);
    this.#put(
      el("header.opening", {}, kicker(this.scan), this.heading,
        el("p.standfirst", {}, "The scan was cancelled before there was a verdict.")),
      el("p.actions", {},
        file && el("button.button.primary", { type: "button", click: () => take([file], true) }, "Judge it after all"),
        this.#eraseButton()));
  }

  async #done() {
    const { signal } = this.stop;
    let report;
    let verdict;
    try {
      const answers = [ask(`scans/${this.id}/report.html`, { text: true, signal }), ask(`scans/${this.id}/verdict.json`, { signal })];
      [report, verdict] = await Promise.all(answers);
    } catch (problem) {
      if (!signal.aborted) this.#absent(problem.message);
      return;
    }
    const parts = partsOf(report);
    document.getElementById("band").className = `band ${verdict.outcome}`;
    this.heading.replaceChildren(...parts.headline);
    const stage = this.#stage(verdict);
    const timeline = parts.when && new Timeline(parts.when, verdict, this.player);
    this.#put(
      el(`header.opening.${verdict.outcome}`, {}, kicker(this.scan), this.heading, parts.standfirst, atAGlance(this.scan.verdict ?? verdict), this.#actions()),
      stage, ...(parts.when ? [parts.when] : []), ...parts.rest);
    timeline?.linkCrops(this.body);
    this.#offerMarkers(signal);
  }

  /** The place of the user's own video, with the findings drawn over it once there are some. */
  #stage(verdict) {
    this.player?.unmount();
    const { files } = this.context;
    this.player = new Player({ scan: this.scan, verdict, file: files.get(this.id) ?? null, keep: (file) => files.set(this.id, file) });
    return this.player.element;
  }

  #actions() {
    const report = address(`scans/${this.id}/report.html`);
    const file = this.context.files.get(this.id);
    return el("p.actions", {},
      el("a.button.primary", { href: report, target: "_blank", rel: "noopener" }, "Open the report"),
      el("a.button", { href: address(`scans/${this.id}/report.html`, { download: 1 }), download: true }, "Download to share"),
      shareButton(this.scan.name, report, this.context.notices),
      file && el("button.button", { type: "button", click: () => this.context.take([file], true) }, "Judge again"),
      this.#eraseButton());
  }

  /** Files that editing programs read; nothing of a picture, which has none. */
  async #offerMarkers(signal) {
    const files = await ask(`scans/${this.id}/markers/`, { signal }).catch(() => []);
    if (signal.aborted || !files.length) return;
    const links = files.map(({ name, format }) =>
      el("a", { href: address(`scans/${this.id}/markers/${name}`), download: true }, MARKER_FORMATS[format] ?? format.toUpperCase()));
    this.body.querySelector(".actions").after(el("p.markers", {}, "Markers for players and editing programs: ", ...links.flatMap((link) => [link, " "])));
  }

  #eraseButton() {
    const erase = async () => {
      const question = `Erase everything about ${this.scan.name}?`;
      if (!await confirmed(question, "The verdict, the report and the pictures go, for everyone who uses this server. This cannot be undone.", "Erase")) return;
      await ask(`scans/${this.id}`, { method: "DELETE", query: { erase: "1" } }).then(
        () => {
          this.context.notices.passing(`${this.scan.name} was erased.`);
          location.hash = "#/";
        },
        (problem) => this.context.notices.trouble(problem.message));
    };
    return el("button.button.quiet", { type: "button", click: erase }, "Erase");
  }
}

/** Hands the report to another program, as phones do; nothing where the browser cannot. */
function shareButton(name, report, notices) {
  const fileOf = (text) => new File([text], `${name}.html`, { type: "text/html" });
  if (!navigator.canShare?.({ files: [fileOf("")] })) return null;
  const share = async () => {
    try {
      await navigator.share({ files: [fileOf(await ask(report, { text: true }))], title: name });
    } catch (error) {
      if (error.name !== "AbortError") notices.passing(`It could not be shared: ${error.message}`);
    }
  };
  return el("button.button", { type: "button", click: share }, "Share\u2026");
}

/** The score on its scale, so that how sure it is stands on the first screen; the sentences about it follow below. */
function atAGlance(verdict) {
  if (verdict.p_fake === null) return null;
  const range = verdict.interval && ` (90\u00a0% interval ${verdict.interval.map(score).join("\u2013")})`;
  return el("div.glance", {}, miniScale(verdict), el("p.note", {}, "Score ", el("b", {}, score(verdict.p_fake)), range, `, threshold ${score(verdict.threshold)}`));
}

function kicker({ name, created }) {
  const moment = new Date(created).toLocaleString("en-GB", { dateStyle: "long", timeStyle: "short" });
  return el("p.kicker", {}, el("span", {}, "Screened for face forgery: ", el("b", {}, el("bdi", {}, name))), el("time", { datetime: created }, moment));
}
