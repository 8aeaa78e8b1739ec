/** The boxes over the faces of a video or a picture: where each person was found near a moment, and the score there. */

import { score } from "./words.js";

const COLOURS = { fake: "#ff7a55", genuine: "#74cdf2", undecided: "#ffd75e" };
const GAP_FACTOR = 3;
const SHORTEST_GAP_SECONDS = 0.5;

/** Draws into a canvas that lies over the media. */
export class Boxes {
  visible = true;

  constructor(canvas, media, verdict) {
    Object.assign(this, { canvas, media, verdict });
    this.people = verdict.people.map((person, at) => {
      const faces = verdict.frames.filter((face) => face.track_id === person.track_id).sort((one, other) => one.seconds - other.seconds);
      return { outcome: person.outcome, number: at + 1, faces, gap: longestGap(faces) };
    });
  }

  /** seconds: the moment in the video; null for a picture. */
  draw(seconds) {
    const { canvas, media, verdict } = this;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [media.clientWidth, media.clientHeight];
    Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    if (!this.visible || !width) return;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const area = shownArea(media, width, height);
    const [across, down] = [area.width / verdict.video.size_wh[0], area.height / verdict.video.size_wh[1]];
    for (const person of this.people) {
      const face = seconds === null ? person.faces[0] : faceAt(person, seconds);
      if (!face) continue;
      const [left, top, right, bottom] = face.box_xyxy;
      const box = [area.x + left * across, area.y + top * down, (right - left) * across, (bottom - top) * down];
      outline(pen, box, COLOURS[person.outcome], `${person.number}   ${score(face.p_fake)}`, width);
    }
  }
}

/** Where the picture lies within the element, which keeps its proportions and leaves bars at the sides. */
function shownArea(media, width, height) {
  const [across, down] = [media.videoWidth ?? media.naturalWidth, media.videoHeight ?? media.naturalHeight];
  const scale = Math.min(width / (across || width), height / (down || height));
  const [w, h] = [(across || width) * scale, (down || height) * scale];
  return { x: (width - w) / 2, y: (height - h) / 2, width: w, height: h };
}

/** Between two judged frames further apart than this, nobody knows where the face is. */
function longestGap(faces) {
  const gaps = faces.slice(1).map((face, at) => face.seconds - faces[at].seconds).sort((one, other) => one - other);
  return Math.max(SHORTEST_GAP_SECONDS, GAP_FACTOR * (gaps[Math.floor(gaps.length / 2)] ?? 0));
}

/** The face at a moment, its box carried over in a straight line between the judged frames around it; null where none is near. */
export function faceAt({ faces, gap }, seconds) {
  const after = faces.findIndex((face) => face.seconds > seconds);
  const before = faces.at(after === -1 ? -1 : after - 1);
  if (after === -1) return before && seconds - before.seconds <= gap / 2 ? before : null;
  const next = faces[after];
  if (after === 0) return next.seconds - seconds <= gap / 2 ? next : null;
  const apart = next.seconds - before.seconds;
  if (apart > gap) return [before, next].find((face) => Math.abs(face.seconds - seconds) <= gap / 2) ?? null;
  const share = (seconds - before.seconds) / apart;
  const box = before.box_xyxy.map((value, at) => value + (next.box_xyxy[at] - value) * share);
  return { ...(share < 0.5 ? before : next), box_xyxy: box };
}

/** A box with its label above, or inside where there is no room. A dark edge keeps it visible on any picture. */
function outline(pen, [x, y, width, height], colour, label, most) {
  for (const [style, thick] of [["rgba(0, 0, 0, 0.55)", 4.5], [colour, 2.5]]) {
    Object.assign(pen, { strokeStyle: style, lineWidth: thick, lineJoin: "round" });
    pen.strokeRect(x, y, width, height);
  }
  pen.font = "600 13px system-ui, sans-serif";
  const wide = pen.measureText(label).width + 14;
  const left = Math.min(Math.max(0, x - 1), most - wide);
  const top = y >= 24 ? y - 24 : y + 3;
  pen.fillStyle = colour;
  pen.fillRect(left, top, wide, 21);
  pen.fillStyle = "#15120e";
  pen.fillText(label, left + 7, top + 15);
}
