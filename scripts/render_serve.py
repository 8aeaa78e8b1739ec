"""Renders the picture of the web page in the README, with a real server, a real browser and the two example clips.

    python scripts/render_serve.py [docs/serve.png] [--dark]

Starts `screener serve` with an empty state folder, drops both clips on its page, and takes a picture while one is judged and the other is
done, and one of the manipulated clip's verdict with its video. Needs the extras `serve` and `dev`, and Chromium.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.sync_api import sync_playwright

REPOSITORY = Path(__file__).resolve().parents[1]
CLIPS = [REPOSITORY / "examples" / "manipulated.mp4", REPOSITORY / "examples" / "genuine.mp4"]
VIEW_WH = (820, 1000)
GAP_PX = 24
SHOWN_SECONDS = 1.5
"""The moment of the video that the picture shows."""

PATIENCE_SECONDS = 300.0
EDGES = {"light": (221, 215, 203), "dark": (80, 76, 70)}


@contextmanager
def serving(state: Path) -> Iterator[str]:
    """A server of its own; gives the link that signs in once."""
    log = state / "log"
    command = [sys.executable, "-m", "screener", "serve", "--no-open", "--port", "0", "--state", str(state / "state")]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            ends = time.monotonic() + PATIENCE_SECONDS
            while (found := re.search(r"http\S+login\?key=\S+", log.read_text(encoding="utf-8"))) is None:
                if process.poll() is not None or time.monotonic() > ends:
                    sys.exit(f"the server did not start: {log.read_text(encoding='utf-8')}")
                time.sleep(0.1)
            yield found[0]
        finally:
            process.terminate()


def until(page: Any, condition: str) -> None:
    """Waits for a condition in JavaScript."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not page.evaluate(condition):
        if time.monotonic() > ends:
            sys.exit(f"did not happen in {PATIENCE_SECONDS:.0f} s: {condition}")
        page.wait_for_timeout(30)


def taken(page: Any, link: str) -> list[bytes]:
    """The two pictures, as PNG."""
    page.goto(link)
    page.wait_for_selector("main h1")
    page.set_input_files("#files", CLIPS)
    until(page, "document.querySelectorAll('.scan').length === 1 && document.querySelector('.job progress')?.value > 0.3")
    page.wait_for_timeout(3500)  # What is new in the history shines for a moment.
    pictures = [page.screenshot()]
    until(page, "document.querySelectorAll('.scan').length === 2")
    page.get_by_role("link", name=CLIPS[0].name).click()
    until(page, "document.querySelector('video')?.readyState >= 2 && document.querySelector('.playhead') !== null")
    page.evaluate(f"document.querySelector('video').currentTime = {SHOWN_SECONDS}")
    until(page, "!document.querySelector('video').seeking && !document.querySelector('.playhead').hidden")
    page.wait_for_timeout(1000)
    page.evaluate("scrollTo(0, 0)")
    pictures.append(page.screenshot())
    return pictures


def side_by_side(pictures: list[bytes], edge: tuple[int, int, int]) -> Image.Image:
    """Both on one sheet, each with a thin edge, what lies between them transparent."""
    opened = [Image.open(io.BytesIO(picture)).convert("RGBA") for picture in pictures]
    width, height = VIEW_WH
    sheet = Image.new("RGBA", (len(opened) * (width + 2) + (len(opened) - 1) * GAP_PX, height + 2), (0, 0, 0, 0))
    for number, picture in enumerate(opened):
        left = number * (width + 2 + GAP_PX)
        sheet.paste((*edge, 255), (left, 0, left + width + 2, height + 2))
        sheet.paste(picture, (left + 1, 1))
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", nargs="?", type=Path, default=REPOSITORY / "docs" / "serve.png")
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    scheme: Literal["dark", "light"] = "dark" if options.dark else "light"
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as link, sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=shutil.which("chromium") or shutil.which("google-chrome"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": VIEW_WH[0], "height": VIEW_WH[1]}, color_scheme=scheme)
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        pictures = taken(page, link)
        browser.close()
    side_by_side(pictures, EDGES[scheme]).save(options.target, optimize=True)
    print(f"{options.target}: {options.target.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
