/** The report's timeline made to act: a click seeks in the video, each suspicious stretch is a button, and a line shows where it plays. */

import { el } from "./dom.js";
import { clock, secondsOf } from "./words.js";

/** Takes the section `When` of a report, the verdict and the player, and joins them. */
export class Timeline {
  #heads = [];
  #buttons = [];

  constructor(section, verdict, player) {
    Object.assign(this, { section, player });
    // As `screener/report/score_chart.py` has it.
    this.end = verdict.frames.reduce((end, { seconds }) => Math.max(end, seconds), verdict.video.duration_seconds);
    for (const lane of section.querySelectorAll(".lane")) this.#join(lane, verdict.people);
    player.addEventListener("time", () => this.#move());
    player.addEventListener("ready", () => this.#enable());
    this.#enable();
  }

  /** The times under the faces of the report become buttons too. */
  linkCrops(root) {
    for (const words of root.querySelectorAll(".crops figcaption span")) {
      const seconds = secondsOf(words.textContent);
      if (seconds === null) continue;
      const click = () => this.player.seek(seconds, false);
      const button = el("button.time", { type: "button", click, "aria-label": `Show ${words.textContent}` }, words.textContent);
      words.replaceWith(button);
      this.#buttons.push(button);
    }
    this.#enable();
  }

  #join(lane, people) {
    const number = Number(/Person (\d+)/.exec(lane.querySelector("h3").textContent)[1]);
    const plot = lane.querySelector(".plot");
    const head = el("div.playhead", { hidden: true });
    const buttons = people[number - 1].segments.map((segment) => this.#stretch(number, segment));
    const track = el("div.track");
    plot.replaceWith(track);
    track.append(plot, ...buttons, head);
    track.addEventListener("click", (event) => {
      if (event.target.closest("button") || !this.player.canSeek) return;
      const { left, width } = track.getBoundingClientRect();
      this.player.seek(this.end * Math.min(1, Math.max(0, (event.clientX - left) / width)));
    });
    this.#heads.push(head);
  }

  #stretch(number, { start_seconds: start, end_seconds: end }) {
    const words = `Play person ${number} from ${clock(start)} to ${clock(end)}: looks fake`;
    const button = el("button.stretch", { type: "button", title: words, "aria-label": words, click: () => this.player.seek(start) });
    button.style.left = `${100 * start / this.end}%`;
    button.style.width = `${100 * (end - start) / this.end}%`;
    this.#buttons.push(button);
    return button;
  }

  /** Without a video there is nothing to seek in, and no button that does nothing. */
  #enable() {
    for (const button of this.#buttons) button.disabled = !this.player.canSeek;
    this.section.classList.toggle("seeks", this.player.canSeek);
  }

  #move() {
    if (!this.player.canSeek) return;
    for (const head of this.#heads) {
      head.hidden = false;
      head.style.left = `${Math.min(100, 100 * this.player.media.currentTime / this.end)}%`;
    }
  }
}
