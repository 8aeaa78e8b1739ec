"""Renders a live watch for the documentation: the terminal view and the annotated frame in every state.

    python scripts/render_live.py OUT [--clips examples/genuine.mp4 examples/manipulated.mp4] [--repeat 6] [--picture docs/live.png]

Concatenates the clips, each repeated, plays them in real time through a real watch, and takes the last update with a verdict. The states
without a valid verdict are derived from it. Writes a PNG of the frame and an SVG of the terminal for each state, and with --picture both
of the live state side by side, which needs Chromium.
"""

from __future__ import annotations

import argparse
import base64
import io
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
from rich.console import Console

import screener
from screener.watching.drawing import annotated
from screener.watching.records import LiveEvent, LiveUpdate
from screener.watching.screen import LiveScreen

MESSAGES = {
    "opening": "",
    "stale": "no new frame for 2.4 s",
    "frozen": "all frames of the last 2 s are the same",
    "lost": "the connection was reset",
    "ended": "",
}
PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: white; }} main {{ display: flex; gap: 16px; padding: 16px; align-items: center; width: 1568px; }}
img {{ width: 560px; border-radius: 8px; }} svg {{ width: 960px; height: auto; }}
</style><main><img src="data:image/png;base64,{picture}">{terminal}</main>"""
PICTURE_WH = (1600, 452)


def joined(clips: list[Path], repeat: int, target: Path) -> None:
    """One film of all clips, each `repeat` times, in the size of the first, 25 frames a second."""
    with av.open(str(target), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "12", "preset": "veryfast"})
        count = 0
        for clip in clips:
            for _ in range(repeat):
                with av.open(str(clip)) as source:
                    for frame in source.decode(video=0):
                        if not count:
                            stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p"
                        plain = frame.reformat(stream.width, stream.height, "yuv420p")
                        plain.pts, plain.time_base, count = count, Fraction(1, 25), count + 1
                        out.mux(stream.encode(plain))
        out.mux(stream.encode(None))


def watched(clip: Path) -> tuple[LiveUpdate, tuple[LiveEvent, ...]]:
    """The last update with a verdict, and the events up to it."""
    events: list[LiveEvent] = []
    last = None
    with screener.live(clip) as watch:
        for update in watch:
            events += [event for event in update.events if event.kind != "summary"]
            if update.state == "live" and update.people and update.picture_rgb is not None:
                last = update
    if last is None:
        sys.exit(f"{clip}: nobody was judged in it")
    return last, tuple(events)


def terminal(update: LiveUpdate, source_name: str, events: tuple[LiveEvent, ...], columns: int) -> str:
    """The terminal view as SVG."""
    console = Console(record=True, file=io.StringIO(), width=columns, height=24, force_terminal=True, legacy_windows=False)
    console.print(LiveScreen(source_name, update, events), end="")
    return console.export_svg(title=f"screener live: {source_name}")


def png(update: LiveUpdate) -> bytes:
    done, encoded = cv2.imencode(".png", cv2.cvtColor(annotated(update), cv2.COLOR_RGB2BGR))
    assert done
    return encoded.tobytes()


def photograph(page: str, target: Path) -> None:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        sys.exit("--picture needs Chromium, to turn the terminal's SVG into pixels")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "page.html").write_text(page, encoding="utf-8")
        size = ",".join(map(str, PICTURE_WH))
        shot = [f"--screenshot={target.resolve()}", f"--window-size={size}", (Path(folder) / "page.html").as_uri()]
        subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", *shot], check=True, capture_output=True, timeout=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--clips", type=Path, nargs="+", default=[Path("examples/genuine.mp4"), Path("examples/manipulated.mp4")])
    parser.add_argument("--repeat", type=int, default=6)
    parser.add_argument("--name", default="camera 0", help="what the source is called in the pictures")
    parser.add_argument("--columns", type=int, default=98)
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        joined(arguments.clips, arguments.repeat, film)
        live, events = watched(film)
    events = tuple(
        replace(event, details={**event.details, "source": arguments.name}) if event.kind == "start" else event for event in events
    )
    states = {"live": live} | {
        state: replace(
            live, state=state, message=message, people=(), outcome="undecided", events=(), retry_seconds=4.2 if state == "lost" else None
        )
        for state, message in MESSAGES.items()
    }
    for state, update in states.items():
        (arguments.out / f"{state}.png").write_bytes(png(update))
        (arguments.out / f"{state}.svg").write_text(terminal(update, arguments.name, events, arguments.columns), encoding="utf-8")
    print(f"{len(states)} states written to {arguments.out}")
    if arguments.picture is not None:
        picture = base64.b64encode(png(live)).decode("ascii")
        photograph(PAGE.format(picture=picture, terminal=terminal(live, arguments.name, events, arguments.columns)), arguments.picture)
        print(f"{arguments.picture} written")


if __name__ == "__main__":
    main()
