// Sorts and filters the rows of the index. The only script of a report: without it, rows stand as they were written, the fakes first.
(() => {
  const table = document.querySelector("table.index");
  const controls = document.querySelector(".controls");
  if (!table || !controls) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const search = controls.querySelector("input[type=search]");
  const outcomes = [...controls.querySelectorAll("input[type=checkbox]")];
  const count = controls.querySelector("output");

  const filter = () => {
    const words = search.value.toLowerCase();
    const chosen = new Set(outcomes.filter((box) => box.checked).map((box) => box.value));
    let shown = 0;
    for (const row of rows) {
      row.hidden = !chosen.has(row.dataset.label) || !row.dataset.source.toLowerCase().includes(words);
      shown += !row.hidden;
    }
    count.value = shown === rows.length ? "" : `${shown} of ${rows.length}`;
  };

  const sort = (head) => {
    const upwards = head.getAttribute("aria-sort") !== "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", upwards ? "ascending" : "descending");
    const key = head.dataset.key;
    const compare = key === "score"
      ? (a, b) => Number(a.dataset.score || -1) - Number(b.dataset.score || -1)
      : (a, b) => a.dataset[key].localeCompare(b.dataset[key], undefined, { numeric: true });
    body.append(...rows.sort((a, b) => (upwards ? compare(a, b) : compare(b, a))));
  };

  for (const head of table.querySelectorAll("th[data-key]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(head));
  }
  search.addEventListener("input", filter);
  for (const box of outcomes) box.addEventListener("change", filter);
  controls.hidden = false;
})();
