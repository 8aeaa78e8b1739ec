/** The little drawing of a score between 0 and 1, as the report's index has it. */

import { drawn } from "./dom.js";
import { score } from "./words.js";

const percent = (value) => `${(100 * value).toFixed(2)}%`;

/** From `p_fake`, `interval`, `threshold` and `genuine_below` of a verdict. */
export function miniScale({ outcome, p_fake: pFake, interval, threshold, genuine_below: genuineBelow }) {
  const low = genuineBelow ?? threshold;
  const zone = (kind, from, to) => drawn(`rect.zone-${kind}`, { x: percent(from), y: 5, width: percent(Math.max(0, to - from)), height: 8 });
  return drawn(`svg.scale.mini.${outcome}`, { role: "img", "aria-label": `Score ${score(pFake)}, threshold ${score(threshold)}` },
    zone("genuine", 0, low), zone("undecided", low, threshold), zone("fake", threshold, 1),
    drawn("line.cut", { x1: percent(threshold), x2: percent(threshold), y1: 1, y2: 17 }),
    interval && drawn("line.spread", { x1: percent(interval[0]), x2: percent(interval[1]), y1: 9, y2: 9 }),
    drawn("circle.dot", { cx: percent(pFake), cy: 9, r: 5 }));
}
