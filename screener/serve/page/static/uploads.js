/** Files on their way to the server: sent in pieces that survive a break, two at a time, then asked to be judged. */

import "./vendor/tus.min.js";
import { address, ask, Problem, problemOf } from "./api.js";
import { size } from "./words.js";

const { tus } = globalThis;
const AT_ONCE = 2;
const RETRY_MS = [0, 500, 1000, 2000, 3000, 5000, 5000, 5000, 10000, 10000, 20000, 30000];
const PASSING = new Set([0, 409, 423, 502, 504]);
const BUSY_SECONDS = 10;

/**
 * One file. state: `waiting` for its turn, `sending`, `asking` (all there, not yet accepted), `held` (the server is full; tried again at
 * `again`), `stopped` (broke off; can be gone on with), `refused` (never will be accepted).
 */
class Upload {
  state = "waiting";
  sent = 0;
  secondsLeft = null;
  problem = "";
  again = null;
  transfer = null;

  constructor(file, force) {
    Object.assign(this, { file, force, key: crypto.randomUUID?.() ?? String(Math.random()) });
  }
}

/** All of them. Dispatches `change`, and `accepted` with `{scan, file}` once a file has become a scan. */
export class Uploads extends EventTarget {
  list = [];

  constructor(server) {
    super();
    this.server = server;
  }

  /** Takes files into the queue. force: judge anew what is known already. */
  add(files, force = false) {
    // The same file twice would be one upload with two writers.
    for (const file of files.filter((one) => !this.list.some(({ file: other }) => isSame(one, other)))) {
      const upload = new Upload(file, force);
      const limit = this.server.max_upload_bytes;
      if (file.size > limit) this.#refuse(upload, `The file is too large, with ${size(file.size)}: this server takes up to ${size(limit)}.`, "too_large");
      else if (file.size === 0) this.#refuse(upload, "The file is empty.", "empty");
      this.list.push(upload);
    }
    this.#advance();
  }

  /** Leaves nothing of an upload, here and on the server. */
  remove(upload) {
    clearTimeout(upload.timer);
    // Not only once the server has erased it: this page, loaded anew, would have it judged.
    if (upload.transfer?.url) forget(upload.transfer.url);
    upload.transfer?.abort(true).catch(() => {});
    upload.transfer = null;
    this.list = this.list.filter((other) => other !== upload);
    this.#advance();
  }

  /** Goes on with an upload that broke off. */
  resume(upload) {
    clearTimeout(upload.timer);
    Object.assign(upload, { state: "waiting", problem: "", again: null });
    this.#advance();
  }

  /** The server is back: whatever broke off goes on. */
  resumeAll() {
    for (const upload of this.list) if (upload.state === "stopped" || upload.state === "held") this.resume(upload);
  }

  #refuse(upload, problem, code = "") {
    Object.assign(upload, { state: "refused", problem, code });
  }

  #advance() {
    const busy = this.list.filter(({ state }) => state === "sending" || state === "asking").length;
    const next = this.list.filter(({ state }) => state === "waiting").slice(0, Math.max(0, AT_ONCE - busy));
    for (const upload of next) this.#send(upload);
    this.#changed();
  }

  async #send(upload) {
    const { file } = upload;
    const began = { at: 0, sent: 0 };
    upload.state = "sending";
    upload.transfer = new tus.Upload(file, {
      endpoint: address("uploads"),
      chunkSize: this.server.piece_bytes,
      metadata: { filename: file.name },
      retryDelays: RETRY_MS,
      onShouldRetry: (error) => PASSING.has(error.originalResponse?.getStatus() ?? 0),
      onProgress: (sent) => this.#progressed(upload, began, sent),
      onError: (error) => this.#failed(upload, told(error)),
      onSuccess: () => this.#ask(upload),
    });
    const [earlier] = await upload.transfer.findPreviousUploads();
    if (earlier) upload.transfer.resumeFromPreviousUpload(earlier);
    upload.transfer?.start();
  }

  #progressed(upload, began, sent) {
    const now = performance.now();
    if (!began.at) Object.assign(began, { at: now, sent });
    upload.sent = sent;
    const rate = (sent - began.sent) / (now - began.at);
    upload.secondsLeft = now - began.at > 1000 && rate > 0 ? (upload.file.size - sent) / rate / 1000 : null;
    this.#changed();
  }

  async #ask(upload) {
    upload.state = "asking";
    upload.sent = upload.file.size;
    this.#changed();
    try {
      const scan = await ask("scans", { method: "POST", json: { upload_id: idOf(upload.transfer.url), force: upload.force } });
      forget(upload.transfer.url);
      this.list = this.list.filter((other) => other !== upload);
      this.dispatchEvent(new CustomEvent("accepted", { detail: { scan, file: upload.file } }));
      this.#advance();
    } catch (problem) {
      // Its bytes were taken into a scan whose answer got lost on the way: sent again, the server knows them.
      if (problem.status === 404 || problem.status === 409) forget(upload.transfer.url);
      this.#failed(upload, problem);
    }
  }

  /** Asks for the verdict on an interrupted upload that is all there: the page that sent it was closed before it could ask. */
  async claim({ url }) {
    try {
      const scan = await ask("scans", { method: "POST", json: { upload_id: idOf(url) } });
      forget(url);
      this.dispatchEvent(new CustomEvent("accepted", { detail: { scan, file: null } }));
    } catch (problem) {
      if (problem.status === 404 || problem.status === 409) forget(url);
      throw problem;
    }
  }

  #failed(upload, problem) {
    if (!this.list.includes(upload)) return;
    upload.problem = problem.message;
    upload.secondsLeft = null;
    if (problem.status === 429 || problem.code === "queue_full" || problem.code === "stopping") {
      const seconds = problem.retryAfter || BUSY_SECONDS;
      Object.assign(upload, { state: "held", again: seconds, timer: setTimeout(() => this.resume(upload), seconds * 1000) });
    } else if (PASSING.has(problem.status) || problem.status === 404 || problem.status >= 500) upload.state = "stopped";
    else this.#refuse(upload, problem.message, problem.code);
    this.#advance();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

const idOf = (url) => url.split("/").pop();

function isSame(one, other) {
  return one.name === other.name && one.size === other.size && one.lastModified === other.lastModified;
}

/** The problem behind an error of the tus client. */
function told(error) {
  const response = error.originalResponse;
  if (!response) return new Problem({ detail: "The connection broke off." });
  return problemOf(response.getStatus(), response.getBody(), response.getHeader("Retry-After"));
}

/** Uploads of an earlier visit to this page that were never finished and that the server still has: `{name, size, offset, url}`. */
export async function interrupted() {
  const kept = await tus.defaultOptions.urlStorage.findAllUploads();
  const ours = kept.filter(({ uploadUrl }) => uploadUrl?.startsWith(address("uploads")));
  const found = await Promise.all(ours.map(async ({ uploadUrl, size, metadata }) => {
    const response = await fetch(uploadUrl, { method: "HEAD", headers: { "Tus-Resumable": "1.0.0" } }).catch(() => null);
    if (response && (response.status === 404 || response.status === 410)) forget(uploadUrl);
    return response?.ok ? { url: uploadUrl, name: metadata.filename, size, offset: Number(response.headers.get("Upload-Offset")) } : null;
  }));
  return found.filter((one) => one !== null);
}

/** Erases an interrupted upload from the server and from the memory of this browser. */
export async function abandon({ url }) {
  await forget(url);
  await fetch(url, { method: "DELETE", headers: { "Tus-Resumable": "1.0.0" } }).catch(() => null);
}

async function forget(url) {
  const kept = await tus.defaultOptions.urlStorage.findAllUploads();
  for (const { uploadUrl, urlStorageKey } of kept) if (uploadUrl === url) await tus.defaultOptions.urlStorage.removeUpload(urlStorageKey);
}
