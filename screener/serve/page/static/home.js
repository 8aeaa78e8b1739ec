/** The first view: where files go in, what is under way, and what was found. */

import { ask } from "./api.js";
import { el, say } from "./dom.js";
import { History } from "./history.js";
import { UnderWay } from "./under_way.js";
import { counted, size } from "./words.js";

/** Builds the view. Returns its title, its element and how to take it away. */
export function home({ server, uploads, scans, feed, take }) {
  const input = el("input.unseen", { type: "file", id: "files", multiple: true, accept: "video/*,image/*,.mkv,.ts,.m2ts,.mxf", tabindex: -1, "aria-hidden": "true" });
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = "";
  });
  const choose = () => input.click();
  const underWay = new UnderWay({ uploads, scans, choose });
  const history = new History({ scans, feed, empty: nothingYet() });
  const element = el("div.home", {},
    el("header.opening", {},
      el("h1", { tabindex: -1 }, "Screen video for face forgery"),
      el("div.drop", {},
        el("p.drop-words", {}, "Drop videos or pictures anywhere on this page"),
        el("button.button.primary", { type: "button", id: "choose", click: choose }, "Choose files"),
        input,
        el("p.note", {}, limits(server))),
      server.allow_urls ? addressForm(scans) : null),
    underWay.element,
    history.element);
  const unmount = () => [underWay, history].forEach((part) => part.unmount());
  return { title: "Scans", page: "scans", element, unmount };
}

function limits({ max_upload_bytes: most, keep_videos: keep, keep_days: days }) {
  const file = keep ? "A file is kept with what was found in it" : "A file is erased once it is judged; what was found is kept";
  const time = days === null ? "until you erase it" : `for ${counted(days, "day")}`;
  return `Several at once, up to ${size(most)} each. ${file} ${time}.`;
}

/** A form for the address of a video, where the server fetches such. */
function addressForm(scans) {
  const trouble = el("p.note.trouble-words", { role: "alert", id: "address-trouble" });
  const field = el("input", { type: "url", id: "address", required: true, placeholder: "https://\u2026", "aria-describedby": "address-trouble" });
  const send = async (event) => {
    event.preventDefault();
    say(trouble, "");
    try {
      scans.put(await ask("scans", { method: "POST", json: { url: field.value } }));
      field.value = "";
    } catch (problem) {
      say(trouble, problem.message);
    }
  };
  return el("form.address", { submit: send },
    el("label", { for: "address" }, "Or the address of a video"), el("span.joined", {}, field, el("button.button", {}, "Fetch it")), trouble);
}

/** What stands in the place of a history before there is one. */
function nothingYet() {
  const meanings = {
    fake: "At least one person\u2019s face looks forged. You are shown whose, and when.",
    genuine: "Nothing suspicious was found, and all of it was looked at.",
    undecided: "There was too little to go by, or the score lies too close to call. The reason is given.",
  };
  return el("div.nothing-yet", {},
    el("p", {}, "Nothing has been screened here yet. Every file gets one of three verdicts:"),
    el("dl.meanings", {}, Object.entries(meanings).map(([outcome, words]) => [
      el(`dt.${outcome}`, {}, el("span.tag", {}, outcome)), el("dd", {}, words)])),
    el("p.note", {}, "A score is not proof. Each verdict comes with what it rests on."));
}
