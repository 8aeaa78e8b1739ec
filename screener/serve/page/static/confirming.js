/** Asking before something is done that cannot be undone. */

import { el } from "./dom.js";

/** Asks in a dialog; true when the answer was yes. Escape means no. */
export function confirmed(question, consequence, yes) {
  const dialog = el("dialog", { "aria-labelledby": "question" },
    el("h2", { id: "question" }, question),
    el("p", {}, consequence),
    el("form.actions", { method: "dialog" },
      el("button.button", { value: "no", autofocus: true }, "Keep it"),
      el("button.button.primary.fake", { value: "yes" }, yes)));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((answer) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      answer(dialog.returnValue === "yes");
    });
  });
}
