/** The page: one view at a time, chosen by the part of the address behind `#`, and what all views share. */

import { ask } from "./api.js";
import { takeDrops } from "./dropping.js";
import { Feed } from "./feed.js";
import { home } from "./home.js";
import { live } from "./live.js";
import { Notices } from "./notices.js";
import { scanView } from "./scan_view.js";
import { Scans } from "./scans.js";
import { Uploads } from "./uploads.js";
import { counted } from "./words.js";

const VIEWS = [[/^#\/scans\/([0-9a-f]{32})$/, scanView], [/^#\/live(?:\/(.+))?$/, live], [/^(?:#\/)?$/, home]];

const main = document.getElementById("view");
const notices = new Notices(document.getElementById("notices"), document.getElementById("announcer"));
let shown = null;

async function start() {
  const server = await serverOnceItAnswers();
  const feed = new Feed();
  const scans = new Scans(feed);
  const uploads = new Uploads(server);
  const files = new Map();
  const take = (chosen, force = false) => {
    if (!chosen.length) return;
    notices.announce(`${counted(chosen.length, "file")} added.`);
    uploads.add(chosen, force);
    if (shown?.page !== "scans") location.hash = "#/";
  };
  const context = { server, feed, scans, uploads, files, notices, take };
  followUploads(context);
  followEnds(context);
  followConnection(context);
  takeDrops(document.getElementById("cover"), take);
  addEventListener("hashchange", () => show(context, true));
  addEventListener("beforeunload", (event) => uploads.list.some(({ state }) => state !== "refused") && event.preventDefault());
  show(context, false);
  feed.start(() => scans.active.size === 0);
}

/** The page may be opened from the cache of a phone while the server is down. */
async function serverOnceItAnswers() {
  for (;;) {
    try {
      return await ask("server");
    } catch (problem) {
      notices.trouble(`${problem.message} Trying again.`);
      await new Promise((wake) => setTimeout(wake, 2000));
    } finally {
      notices.settled();
    }
  }
}

function show(context, moveFocus) {
  const hash = place();
  if (hash && !hash.startsWith("#/")) return;
  const [pattern, build] = VIEWS.find(([one]) => one.test(hash)) ?? [/()/, lostWay];
  shown?.unmount?.();
  document.getElementById("band").className = "band";
  shown = build(context, pattern.exec(hash)?.[1]);
  main.replaceChildren(shown.element);
  document.title = `${shown.title} - screener`;
  for (const link of document.querySelectorAll("[data-page]")) {
    if (link.dataset.page === shown.page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!moveFocus) return;
  scrollTo(0, 0);
  (main.querySelector("h1") ?? main).focus({ preventScroll: true });
}

/** The part of the address behind `#`; as it is if it is no sound one, which leads nowhere. */
function place() {
  try {
    return decodeURI(location.hash);
  } catch {
    return location.hash;
  }
}

function lostWay({ notices: told }) {
  told.announce("There is no such page.");
  location.replace("#/");
  return { title: "Scans", element: document.createTextNode("") };
}

function followUploads({ uploads, scans, files, notices: told }) {
  uploads.addEventListener("accepted", ({ detail: { scan, file } }) => {
    if (file) files.set(scan.id, file);
    scans.put(scan);
    if (scan.state === "done") told.passing(`${scan.name}: judged before. The verdict is in the history.`, `#/scans/${scan.id}`);
  });
  const spoken = new Set();
  uploads.addEventListener("change", () => {
    for (const { key, state, file, problem } of uploads.list) {
      if ((state !== "refused" && state !== "stopped") || spoken.has(key + state)) continue;
      spoken.add(key + state);
      told.announce(`${file.name}: ${problem}`);
    }
  });
}

function followEnds({ scans, notices: told }) {
  scans.addEventListener("ended", ({ detail: { scan, wasActive } }) => {
    if (!wasActive) return;
    told.announce(`${scan.name}: ${scan.verdict ? scan.verdict.words.headline : "called off"}.`);
    told.countUnseen();
  });
}

function followConnection({ feed, uploads, notices: told }) {
  feed.addEventListener("lost", () => told.trouble("The server does not answer. Trying again. What it has accepted is kept, and goes on when it is back."));
  feed.addEventListener("back", () => {
    told.settled("Connected again.");
    uploads.resumeAll();
  });
}

start();
