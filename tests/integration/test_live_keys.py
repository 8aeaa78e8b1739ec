"""`q` in a terminal ends a watch immediately, even while the source hangs, and restores the terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

from command_line import environment


def test_q_while_nobody_writes(tmp_path: Path, checkpoint: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    process = subprocess.Popen(
        [sys.executable, "-m", "screener", "live", str(pipe), "--device", "cpu", "--checkpoint", str(checkpoint)],
        env={**environment(), "TERM": "xterm", "LINES": "30"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    shown = bytearray()

    def read() -> None:
        try:
            while data := os.read(master, 4096):
                shown.extend(data)
        except OSError:
            return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        deadline = time.monotonic() + 120
        while b"q to quit" not in shown:
            assert process.poll() is None, shown.decode("utf-8", "replace")
            assert time.monotonic() < deadline, shown.decode("utf-8", "replace")
            time.sleep(0.05)
        os.write(master, b"xq")
        assert process.wait(30) == 3, shown.decode("utf-8", "replace")
        assert termios.tcgetattr(slave)[3] == before[3]
        assert b"Traceback" not in shown
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        os.close(slave)
        os.close(master)
