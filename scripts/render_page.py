"""Renders pages written by screener (a report, an index, an evaluation) as pictures, for the documentation and for inspection.

    python scripts/render_page.py PAGE.html PICTURE.png [--width 1000] [--height 0] [--dark] [--print]

`--height 0` renders the whole page. Fails if the page requests anything from the network, or if the browser reports an error. Needs the
extra `dev` and Chromium.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import sync_playwright


def picture_of(page: Path, width: int, height: int, scheme: Literal["dark", "light"], printed: bool) -> bytes:
    """A page as PNG. Ends the program if the browser complains, or something is to be loaded from elsewhere."""
    complaints: list[str] = []
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=shutil.which("chromium") or shutil.which("google-chrome"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": width, "height": height or 900}, color_scheme=scheme)
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("request", lambda request: None if request.url.startswith(("file:", "data:")) else complaints.append(request.url))
        tab.goto(page.absolute().as_uri())
        if printed:
            tab.emulate_media(media="print")
        taken = tab.screenshot(full_page=not height)
        browser.close()
    if complaints:
        sys.exit("\n".join(complaints))
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=1000)
    parser.add_argument("--height", type=int, default=0)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--print", dest="printed", action="store_true")
    options = parser.parse_args()
    taken = picture_of(options.page, options.width, options.height, "dark" if options.dark else "light", options.printed)
    # Few colours are enough for drawings and text, and keep the file small.
    Image.open(io.BytesIO(taken)).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(options.picture, optimize=True)
    print(f"{options.picture}: {options.picture.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
