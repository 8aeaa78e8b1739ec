"""Live watching of an independent RTSP server, `aio-rtsp-toolkit`, which sends a file repeatedly in real time."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from command_line import FAILS_ALL
from face_media import write_clip
from live_media import person
from live_watching import PATIENCE_SECONDS, watching

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("aio_rtsp_toolkit") is None, reason="aio-rtsp-toolkit, of the dev extra, is not installed"
)


def free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def serving(folder: Path, port: int, control: int) -> Iterator[None]:
    options = ["--dir", str(folder), "--host", "127.0.0.1", "--port", str(port), "--control-port", str(control)]
    process = subprocess.Popen(
        [sys.executable, "-c", "from server_demo import main; main()", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1.0).close()
                break
            except OSError:
                assert process.poll() is None, "the RTSP server ended"
                assert time.monotonic() < deadline, "the RTSP server does not answer"
                time.sleep(0.1)
        yield
    finally:
        process.kill()
        process.wait()


def test_a_server_that_goes_away_and_comes_back(checkpoint: Path, tmp_path: Path) -> None:
    folder = tmp_path / "published"
    folder.mkdir()
    write_clip(folder / "a.mp4", person, frames=240)
    quick = tmp_path / "quick.toml"
    quick.write_text("[screener.live]\nretry_seconds = [0.5]\n", encoding="utf-8")
    port, control = free_ports(2)
    with watching(f"rtsp://127.0.0.1:{port}/a.mp4", checkpoint, "--threshold", str(FAILS_ALL), "--config", quick) as watch:
        with serving(folder, port, control):
            assert watch.until("alarm")["track_id"] == 1
        assert watch.until("cleared")["cause"] in ("lost", "stale")
        watch.until("lost")
        with serving(folder, port, control):
            assert watch.until("reconnected")["segment"] == 2
            assert watch.until("alarm")["track_id"] > 1
            events = watch.interrupt()
    assert (events[-1]["outcome"], events[-1]["coverage"], events[-1]["connections"]) == ("fake", "partial", 2)
