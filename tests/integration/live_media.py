"""Sources for tests of live watching: a named pipe with a writer, and a controllable server of JPEGs."""

from __future__ import annotations

import http.server
import io
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import av
import cv2
import numpy as np
from face_media import Picture, portrait

LIVE_RATE = 15


def person(number: int) -> Picture:
    """The portrait swaying: no two neighbouring frames are the same, and it never leaves."""
    return portrait(8 + round(6 * np.sin(number / 4)) + number % 2)


def jpeg(picture: Picture) -> bytes:
    written, encoded = cv2.imencode(".jpg", np.ascontiguousarray(picture[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 95])
    assert written
    return bytes(encoded.tobytes())


def transport_chunks(picture: Callable[[int], Picture], frames: int, first: int = 0) -> Iterator[bytes]:
    """An MPEG-TS stream in as many pieces as it has frames; joined they are the stream. first: number of the first frame in time.

    Each is encoded when it is asked for: most tests are over long before the last.
    """
    height, width = picture(0).shape[:2]
    file = io.BytesIO()
    with av.open(file, "w", format="mpegts", options={"flush_packets": "1"}) as output:
        stream = output.add_stream("libx264", rate=LIVE_RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(LIVE_RATE), "crf": "18"}
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture(number)), format="rgb24")
            frame.pts = first + number
            output.mux(stream.encode(frame))
            yield file.getvalue()
            file.seek(0)
            file.truncate()


class PipeWriter:
    """Writes pieces to a named pipe, one each 1 / LIVE_RATE of a second; a context manager that lets go when it is left."""

    def __init__(self, path: Path, pieces: Iterable[bytes]) -> None:
        self._path = path
        self._pieces = pieces
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> PipeWriter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._thread.join()

    def _write(self) -> None:
        # For reading too: opening does not wait for a reader, and writing never fails for want of one.
        descriptor = os.open(self._path, os.O_RDWR | os.O_NONBLOCK)
        try:
            for piece in self._pieces:
                self._write_all(descriptor, piece)
                if self._left.wait(1 / LIVE_RATE):
                    return
            self._left.wait()
        finally:
            os.close(descriptor)

    def _write_all(self, descriptor: int, piece: bytes) -> None:
        while piece and not self._left.is_set():
            try:
                piece = piece[os.write(descriptor, piece) :]
            except BlockingIOError:
                time.sleep(0.01)


class JpegServer:
    """An endless stream of JPEGs over HTTP. What it does can be changed while it runs.

    doing: "send" frames, "repeat" one and the same, "stall" without closing, "cut" the connection and refuse new ones.
    """

    def __init__(self) -> None:
        self.doing = "send"
        self.connections = 0
        self._pictures = [jpeg(person(number)) for number in range(50)]
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if server.doing == "cut":
                    self.send_error(503)
                    return
                server.connections += 1
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                with suppress(OSError):
                    for picture in server.pictures():
                        head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture)
                        self.wfile.write(head + picture + b"\r\n")

            def log_message(self, *arguments: object) -> None:
                return

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}/stream.mjpg"

    def pictures(self) -> Iterator[bytes]:
        """In real time, until the connection is to be cut or the test is over."""
        number = 0
        while self.doing not in ("cut", "over"):
            time.sleep(1 / LIVE_RATE)
            if self.doing in ("send", "repeat"):
                number += self.doing == "send"
                yield self._pictures[number % len(self._pictures)]

    @contextmanager
    def running(self) -> Iterator[JpegServer]:
        thread = threading.Thread(target=self._server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            self.doing = "over"
            self._server.shutdown()
            self._server.server_close()
            thread.join()
