/** The user's own file, played from this computer and never from the server, with boxes drawn over the faces. */

import { el, say } from "./dom.js";
import { Boxes } from "./boxes.js";
import { size } from "./words.js";

const HASHED_UP_TO_BYTES = 256 * 1024 * 1024;

/** A stage for a video or a picture. Without a file it asks for one. Dispatches `time` as the video plays and `ready` once it can. */
export class Player extends EventTarget {
  media = null;
  #url = null;
  #observer = null;

  /** verdict: null while there is none. keep: called with the file once the user has chosen the right one. */
  constructor({ scan, verdict, file, keep }) {
    super();
    Object.assign(this, { scan, verdict, keep });
    this.element = el("section.stage", { "aria-label": "The file itself" });
    if (file) this.#play(file);
    else if (!verdict || verdict.frames.length) this.#askForFile();
    else this.element.hidden = true; // nothing was found that could be drawn over it
  }

  /** Lets go of the file. */
  unmount() {
    this.#observer?.disconnect();
    this.media?.pause?.();
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.media = null;
  }

  /** Whether there is a video to seek in. */
  get canSeek() {
    return this.media instanceof HTMLVideoElement;
  }

  /** Goes to a moment and plays from there. */
  seek(seconds, play = true) {
    if (!this.canSeek) return;
    this.media.currentTime = Math.max(0, seconds);
    if (play) this.media.play().catch(() => {});
    const quick = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.element.scrollIntoView({ block: "nearest", behavior: quick ? "auto" : "smooth" });
  }

  #askForFile(words = "") {
    const input = el("input.unseen", { type: "file", accept: "video/*,image/*,.mkv,.ts", tabindex: -1, "aria-hidden": "true" });
    const trouble = el("p.note.trouble-words", { role: "alert" }, words);
    input.addEventListener("change", async () => {
      const [file] = input.files;
      input.value = "";
      if (!file) return;
      say(trouble, "Comparing\u2026");
      if (await isTheFile(file, this.scan)) {
        this.keep(file);
        this.#play(file);
      } else say(trouble, `${file.name} is not the file that was judged.`);
    });
    this.element.replaceChildren(el("div.absent", {},
      el("p", {}, `To see the findings drawn over the ${this.verdict?.video.is_still ? "picture" : "video"}, choose the file that was judged.`),
      el("button.button", { type: "button", click: () => input.click() }, "Choose the file"), input,
      el("p.note", {}, `${this.scan.size_bytes === null ? "It" : `${size(this.scan.size_bytes)}. It`} stays on this computer: the server gives no video out.`),
      trouble));
  }

  #play(file) {
    this.#url = URL.createObjectURL(file);
    const isPicture = this.verdict?.video.is_still ?? file.type.startsWith("image/");
    this.media = isPicture
      ? el("img.media", { src: this.#url, alt: `The picture that was judged: ${file.name}` })
      : el("video.media", { src: this.#url, controls: true, preload: "auto", playsinline: true, "aria-label": `The video: ${file.name}` });
    this.media.addEventListener("error", () => this.#cannotPlay());
    this.canvas = el("canvas", { "aria-hidden": "true" });
    const frame = el("div.frame", {}, this.media, this.canvas);
    this.element.replaceChildren(frame, ...(this.verdict?.frames.length ? [this.#boxes()] : []));
    this.dispatchEvent(new Event("ready"));
    this.#follow();
  }

  #boxes() {
    this.boxes = new Boxes(this.canvas, this.media, this.verdict);
    const toggle = el("input", { type: "checkbox", checked: true, change: () => {
      this.boxes.visible = toggle.checked;
      this.#draw();
    } });
    this.#observer = new ResizeObserver(() => this.#draw());
    this.#observer.observe(this.media);
    return el("p.note.under-frame", {}, el("label", {}, toggle, " Boxes over the faces"),
      this.canSeek && el("span", {}, "Between two judged frames, boxes are carried over."));
  }

  /** Draws with every frame that is shown where the browser tells of them, else whenever the time has changed. */
  #follow() {
    const { media } = this;
    const now = () => media === this.media && (this.#draw(), this.dispatchEvent(new Event("time")));
    for (const event of ["load", "loadeddata", "seeked", "timeupdate"]) media.addEventListener(event, now);
    const next = () => {
      if (media !== this.media) return;
      now();
      media.requestVideoFrameCallback(next);
    };
    media.requestVideoFrameCallback?.(next);
  }

  #draw() {
    this.boxes?.draw(this.canSeek ? this.media.currentTime : null);
  }

  #cannotPlay() {
    if (!this.media) return;
    this.media = null;
    this.element.replaceChildren(el("div.absent", {},
      el("p", {}, "This browser cannot play the file."),
      el("p.note", {}, this.verdict ? "The verdict does not depend on that: what was judged is shown below." : "It can be judged all the same.")));
    this.dispatchEvent(new Event("ready"));
  }
}

/** Whether a file is the one that was judged: by its hash where the browser can tell it, by its size where not. */
async function isTheFile(file, { size_bytes: bytes, sha256 }) {
  if (bytes !== null && file.size !== bytes) return false;
  if (!sha256 || !crypto.subtle || file.size > HASHED_UP_TO_BYTES) return true;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("") === sha256;
}
