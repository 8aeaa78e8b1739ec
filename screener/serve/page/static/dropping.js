/** Files that are dropped anywhere on the page, or pasted into it. */

const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

/** Calls `take` with the files; `cover` is shown while some hang over the page. */
export function takeDrops(cover, take) {
  // Entering a child comes before leaving its parent, so being inside is a matter of counting.
  let depth = 0;
  const hover = (change) => (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = change === 0 ? depth : Math.max(0, depth + change);
    cover.hidden = depth === 0;
  };
  addEventListener("dragenter", hover(1));
  addEventListener("dragover", hover(0));
  addEventListener("dragleave", hover(-1));
  addEventListener("drop", async (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    cover.hidden = true;
    take(await filesOf(event.dataTransfer));
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) take(files);
  });
}

/** Every file that was dropped, those in folders too. */
async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  if (!entries.some((entry) => entry?.isDirectory)) return [...transfer.files];
  return (await Promise.all(entries.filter(Boolean).map(filesBelow))).flat();
}

async function filesBelow(entry) {
  if (entry.isFile) return [await new Promise((found, failed) => entry.file(found, failed))];
  const reader = entry.createReader();
  const all = [];
  // A folder is told in batches; an empty one is the end.
  for (;;) {
    const batch = await new Promise((found, failed) => reader.readEntries(found, failed));
    if (!batch.length) break;
    all.push(...batch);
  }
  return (await Promise.all(all.filter(({ name }) => !name.startsWith(".")).map(filesBelow))).flat();
}
