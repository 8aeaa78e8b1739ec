"""Actions of the page tests: open the page, drop files, wait for verdicts; and checks that apply to every page."""

from __future__ import annotations

import base64
import os
import shutil
import time
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import cv2
import numpy as np
from serving import REPOSITORY, Served

FAKE, GENUINE = EXAMPLES = REPOSITORY / "examples" / "manipulated.mp4", REPOSITORY / "examples" / "genuine.mp4"

_TELL_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
    console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`))"""

_DROP = """([files, last]) => {
    const transfer = new DataTransfer();
    for (const [name, type, content] of files) {
        const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
        transfer.items.add(new File([bytes], name, {type, lastModified: 0}));
    }
    for (const kind of ["dragenter", "dragover", last]) {
        document.body.dispatchEvent(new DragEvent(kind, {dataTransfer: transfer, bubbles: true, cancelable: true}));
    }
}"""

_SERVER_WENT = ("CONNECTION", "SOCKET", "INCOMPLETE_CHUNKED", "CONTENT_LENGTH_MISMATCH", "EMPTY_RESPONSE", "ABORTED", "NETWORK", "FAILED")
_OFFLINE_ERRORS = tuple(f"net::ERR_{name}" for name in _SERVER_WENT)
"""How Chromium names requests whose server went away, by when it did. Those that a policy blocks have other names."""


def browser_path() -> str | None:
    """Of the browser of this machine; None for the one that playwright has installed."""
    names = filter(None, [os.environ.get("SCREENER_BROWSER"), "chromium", "chromium-browser", "google-chrome"])
    return next((path for name in names if (path := shutil.which(name))), None)


class Watched:
    """A page, and everything that it complained of and asked for. forgiven: pieces of complaints that the test brings about itself."""

    def __init__(self, context: Any) -> None:
        self.context, self.page = context, context.new_page()
        self.requests: list[Any] = []
        self.complaints: list[str] = []
        self.forgiven: tuple[str, ...] = ()
        context.add_init_script(_TELL_VIOLATIONS)
        self.page.on("request", lambda request: self.requests.append(request))
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("console", lambda message: message.type == "error" and self.complaints.append(message.text))
        # The browser hands over choosers only once somebody listens, and the first must not come before that.
        self.page.on("filechooser", lambda chooser: None)
        self.page.on("dialog", lambda dialog: dialog.accept())

    def open(self, server: Served, view: str = "") -> Any:
        """Signs in with the token, and shows a view such as `#/live`."""
        self.page.goto(f"{server.url}login")
        self.page.get_by_label("Token").fill(server.token)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(server.url)
        self.page.goto(f"{server.url}{view}")
        self.page.wait_for_selector("main h1")
        return self.page

    def forgive_outages(self) -> None:
        """The test ends the server, so that requests may fail."""
        self.forgiven += _OFFLINE_ERRORS

    def check(self) -> None:
        """No complaint of the browser, and no request to anyone but the server and the page itself."""
        left = [words for words in self.complaints if not any(piece in words for piece in self.forgiven)]
        assert not left, left
        hosts = {urlsplit(request.url).hostname for request in self.requests if not request.url.startswith(("blob:", "data:"))}
        assert hosts <= {"127.0.0.1"}, hosts


def drop(page: Any, *clips: Path, last: str = "drop") -> None:
    """Lets files fall onto the page, as a mouse would; with `last="dragover"` they only hang over it."""
    files = [(clip.name, "video/mp4", base64.b64encode(clip.read_bytes()).decode("ascii")) for clip in clips]
    page.evaluate(_DROP, [files, last])


def history_row(page: Any, name: str) -> Any:
    """The row of the history for the file of that name."""
    return page.locator(".scan", has_text=name)


def until(page: Any, condition: str, seconds: float = 60.0) -> None:
    """Waits for a condition in JavaScript. Not with `wait_for_function`, whose asking again the policy of the page would refuse."""
    ends = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < ends, f"not within {seconds} s: {condition}"
        page.wait_for_timeout(50)


def small_clip(target: Path, mirrored: bool = False, frames: int = 12) -> Path:
    """Three small frames a second with one face, four seconds unless told otherwise: even a busy machine judges that in a moment."""
    pictures = _small_pictures(frames)
    with av.open(str(target), "w") as output:
        stream = output.add_stream("libx264", rate=3)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(frames):
            picture = pictures[number % len(pictures)]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:, ::-1] if mirrored else picture), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 3)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return target


def _small_pictures(most: int) -> list[np.ndarray]:
    """Every eighth frame of an example; sought once each, since a long clip repeats them."""
    source, found = cv2.VideoCapture(str(GENUINE)), []
    for number in range(min(12, most)):
        source.set(cv2.CAP_PROP_POS_FRAMES, 8 * number)
        found.append(cv2.resize(source.read()[1], (320, 240), interpolation=cv2.INTER_AREA))
    source.release()
    return found


def padded(clip: Path, target: Path, size_bytes: int) -> Path:
    """The same clip in a larger file: what is added is a box that players pass over."""
    content = clip.read_bytes()
    filler = size_bytes - len(content)
    target.write_bytes(content + filler.to_bytes(4, "big") + b"free" + os.urandom(filler - 8))
    return target


def throttled(watched: Watched, bytes_per_second: int) -> None:
    """Slows down what the page sends."""
    session = watched.context.new_cdp_session(watched.page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second},
    )
