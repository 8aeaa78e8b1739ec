/** Numbers, times and dates in words. Times and scores are said as the report says them (`screener/report/wording.py`). */

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];

/** 8388608 -> `8 MiB`, 1500 -> `1.5 KiB`. */
export function size(bytes) {
  let at = 0;
  for (; bytes >= 1024 && at < UNITS.length - 1; at += 1) bytes /= 1024;
  return `${at && bytes < 9.95 ? Number(bytes.toFixed(1)) : Math.round(bytes)} ${UNITS[at]}`;
}

/** `less than a second`, `12 s`, `4 min`, `2 h 5 min`. */
export function span(seconds) {
  const whole = Math.ceil(seconds);
  if (whole <= 1) return "1 s";
  if (whole < 100) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Seconds -> `m:ss.s`, or `h:mm:ss.s` from an hour on. */
export function clock(seconds) {
  const tenths = Math.round(Math.max(0, seconds) * 10);
  const [hours, minutes, rest] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60, tenths % 600];
  const tail = `${String(Math.floor(rest / 10)).padStart(2, "0")}.${rest % 10}`;
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

/** `m:ss.s` or `h:mm:ss.s` -> seconds; null for anything else. */
export function secondsOf(text) {
  if (!/^(\d+:)?\d+:\d\d\.\d$/.test(text)) return null;
  return text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
}

/** A probability in two places, or as many more as keep it from reading as certain. */
export function score(pFake) {
  for (const places of [2, 3, 4]) {
    const text = pFake.toFixed(places);
    if (Number(text) !== 0 && Number(text) !== 1) return text;
  }
  return pFake.toFixed(2);
}

/** `1 file`, `2 files`. */
export function counted(number, noun, plural = `${noun}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? noun : plural}`;
}

/** `Today`, `Yesterday`, or `21 November 2026`. */
export function day(moment, now = new Date()) {
  const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
  const ago = Math.round((midnight(now) - midnight(moment)) / 86400000);
  return ["Today", "Yesterday"][ago] ?? moment.toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
}

/** `14:05`. */
export function timeOfDay(moment) {
  return moment.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

/** The headline without its first word, which a tag says: `the only person in it, from 0:00.0 to 0:03.9`. */
export function finding(verdict) {
  const rest = verdict.words.headline.split(": ").slice(1).join(": ");
  return rest ? rest[0].toUpperCase() + rest.slice(1) : verdict.words.headline;
}
