/** The list of what is under way: files being sent, and scans that wait or run, each with its bar. */

import { ask } from "./api.js";
import { arrange, el, say } from "./dom.js";
import { abandon, interrupted } from "./uploads.js";
import { size, span } from "./words.js";

const UPLOAD_WORDS = {
  waiting: () => "Waiting for its turn to be sent.",
  sending: ({ sent, file, secondsLeft }, { connected }) =>
    `Uploading: ${size(sent)} of ${size(file.size)}${connected ? `${left(secondsLeft)}.` : ". It goes on when the server answers."}`,
  asking: () => "Uploaded. Asking for a verdict.",
  held: ({ problem, again }) => `${problem} Trying again in ${span(again)}.`,
  stopped: ({ problem }) => `${problem} The upload goes on from where it stopped once the server is back.`,
  refused: ({ problem }) => problem,
};

const WORKER_WORDS = {
  loading: "Waiting: the models are being loaded.",
  restarting: "Waiting: the judging process is being started again.",
};

const left = (seconds) => (seconds === null ? "" : `, ${span(seconds)} left`);

/** What is said of a scan that waits or runs. */
export function progressWords(scan, { worker, connected }) {
  if (!connected) return "Not known while the server does not answer. It goes on by itself.";
  if (scan.state === "queued") {
    return WORKER_WORDS[worker] ?? (scan.position > 1 ? `Waiting: place ${scan.position} in the queue.` : "Waiting: next in line.");
  }
  const again = scan.attempts > 1 ? ` Begun again after a break: attempt ${scan.attempts}.` : "";
  const { frames = 0, of = null, seconds_left: secondsLeft = null } = scan.progress ?? {};
  if (!frames) return `Judging: reading the file.${again}`;
  return `Judging: ${frames}${of === null ? "" : ` of ${of}`} frames${left(secondsLeft)}.${again}`;
}

/** How full the bar of a scan is, from 0 to 1; null where that is not known. */
export function share({ state, progress }) {
  if (state === "queued") return 0;
  return progress?.of ? progress.frames / progress.of : null;
}

/** Name, bar, words and buttons of one piece of work. */
class Row {
  constructor(name, buttons, href = null) {
    this.words = el("p.note");
    this.bar = el("progress", { max: 1, "aria-label": name });
    const title = href ? el("a.name", { href }, el("bdi", {}, name)) : el("span.name", {}, el("bdi", {}, name));
    this.element = el("li.job", {}, title, el("span.actions", {}, buttons), this.bar, this.words);
  }

  show(words, value, hasBar = true) {
    say(this.words, words);
    this.bar.hidden = !hasBar;
    if (value === null) this.bar.removeAttribute("value");
    else this.bar.value = value;
  }
}

/** A section that shows itself while something is under way. */
export class UnderWay {
  #rows = new Map();
  #interrupted = [];

  constructor({ uploads, scans, choose }) {
    Object.assign(this, { uploads, scans, choose });
    this.list = el("ul.jobs");
    this.element = el("section.under-way", { "aria-labelledby": "under-way", hidden: true }, el("h2", { id: "under-way" }, "Under way"), this.list);
    this.stop = new AbortController();
    uploads.addEventListener("change", () => this.#show(), { signal: this.stop.signal });
    scans.addEventListener("change", () => this.#show(), { signal: this.stop.signal });
    this.#show();
    interrupted().then((found) => {
      this.#interrupted = found.filter(({ url }) => !this.#sending().has(url));
      this.#show();
      for (const one of this.#interrupted) if (isWhole(one)) this.#claim(one);
    });
  }

  /** No longer listens. */
  unmount() {
    this.stop.abort();
  }

  #show() {
    const sending = this.#sending();
    const broken = this.#interrupted.filter(({ url, name, size: whole }) => !sending.has(url)
      && !this.uploads.list.some(({ file }) => file.name === name && file.size === whole));
    const rows = [
      ...this.scans.inOrder().map((scan) => this.#scanRow(scan)),
      ...this.uploads.list.map((upload) => this.#uploadRow(upload)),
      ...broken.map((one) => this.#interruptedRow(one)),
    ];
    const hadFocus = this.list.contains(document.activeElement);
    arrange(this.list, rows.map(({ element }) => element));
    this.element.hidden = rows.length === 0;
    if (hadFocus && !this.list.contains(document.activeElement)) this.#rescueFocus();
    const kept = new Set(rows);
    for (const [key, row] of this.#rows) if (!kept.has(row)) this.#rows.delete(key);
  }

  /** Addresses of the uploads that this page sends itself. */
  #sending() {
    return new Set(this.uploads.list.map(({ transfer }) => transfer?.url));
  }

  /** Has an interrupted upload judged that is all there. */
  #claim(one) {
    one.problem = "";
    this.uploads.claim(one).catch((problem) => {
      if (problem.status !== 404 && problem.status !== 409) one.problem = problem.message;
    }).then(() => {
      if (!one.problem) this.#interrupted = this.#interrupted.filter((other) => other !== one);
      this.#show();
    });
  }

  /** The row that had the focus is gone: without this, the keyboard would start again at the top of the page. */
  #rescueFocus() {
    (this.list.querySelector("button, a") ?? document.getElementById("choose"))?.focus();
  }

  #row(key, make) {
    if (!this.#rows.has(key)) this.#rows.set(key, make());
    return this.#rows.get(key);
  }

  #scanRow(scan) {
    const row = this.#row(scan.id, () => {
      const cancel = () => ask(`scans/${scan.id}`, { method: "DELETE" }).catch((problem) => row.show(problem.message, null, false));
      return new Row(scan.name, [button("Cancel", scan.name, cancel)], `#/scans/${scan.id}`);
    });
    row.show(progressWords(scan, this.scans), share(scan));
    return row;
  }

  #uploadRow(upload) {
    const ended = upload.state === "refused";
    const broken = upload.state === "stopped" || upload.state === "held";
    // The buttons differ, so that a row whose upload broke off is another one.
    const row = this.#row(`${upload.key} ${ended} ${broken}`, () => new Row(upload.file.name, [
      broken && button("Try now", upload.file.name, () => this.uploads.resume(upload)),
      button(ended ? "Dismiss" : "Cancel", upload.file.name, () => this.uploads.remove(upload)),
    ]));
    row.element.classList.toggle("trouble", ended || broken);
    row.show(UPLOAD_WORDS[upload.state](upload, this.scans), upload.sent / Math.max(1, upload.file.size), !ended);
    return row;
  }

  #interruptedRow(one) {
    const row = this.#row(one.url, () => new Row(one.name, [
      isWhole(one) ? button("Try now", one.name, () => this.#claim(one)) : button("Choose the file", one.name, this.choose),
      button("Forget it", one.name, () => {
        this.#interrupted = this.#interrupted.filter((other) => other !== one);
        abandon(one);
        this.#show();
      }),
    ]));
    row.element.classList.toggle("trouble", !isWhole(one) || Boolean(one.problem));
    row.show(isWhole(one) ? one.problem || UPLOAD_WORDS.asking() :
      `The upload broke off at ${size(one.offset)} of ${size(one.size)}. Drop or choose the same file again, and it goes on from there.`,
      one.offset / Math.max(1, one.size),
    );
    return row;
  }
}

const isWhole = ({ offset, size: whole }) => offset === whole;

function button(text, name, click) {
  return el("button.plain", { type: "button", click, "aria-label": `${text}: ${name}` }, text);
}
