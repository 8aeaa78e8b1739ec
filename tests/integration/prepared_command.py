"""Starts the real command in a process of its own that need not import PyTorch again: it is forked from one that has done so and no more.

To its caller it is any other process: with a process ID and a process group, pipes, signals and an exit status of its own. What it does not
show is how an interpreter starts: whatever depends on that has to use `start_command`.
"""

from __future__ import annotations

import ctypes
import inspect
import json
import os
import signal
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from command_line import environment, start_command

READY = b"ready"
PR_SET_CHILD_SUBREAPER = 36
"""Number of Linux, see prctl(2): orphans below this process become its children."""

LONGEST_ORDER = 1 << 17


def start_prepared(*arguments: str | Path) -> subprocess.Popen[str]:
    """As `start_command`."""
    return start_command(*arguments, kind=Forked if sys.platform == "linux" else subprocess.Popen)


class Forked(subprocess.Popen):  # type: ignore[type-arg]
    """`python -m screener ARGUMENTS`, forked from the prepared process."""

    def _execute_child(self, *given: Any) -> None:
        order = inspect.signature(subprocess.Popen._execute_child).bind(self, *given).arguments  # type: ignore[attr-defined]
        text = json.dumps({"arguments": order["args"][3:], "folder": os.getcwd(), "environment": order["env"]}).encode()
        line, _ = prepared()
        # Only now: other orphans are nobody's business here, and whoever asks whether they have ended must not find them unreaped.
        _adopt_orphans(True)
        try:
            socket.send_fds(line, [text], [order[name] for name in ("p2cread", "c2pwrite", "errwrite")])
            self.pid = int(line.recv(64))
        finally:
            _adopt_orphans(False)
        self._child_created = True
        ends = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(order[name] for name in ends))  # type: ignore[attr-defined]


def _adopt_orphans(yes: bool) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, int(yes), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


@cache
def prepared() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """The line to this process's prepared one, which ends when the line does, and that process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())], env=environment(), pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
    assert ours.recv(64) == READY, "the prepared process did not come up"
    return ours, process


def serve(line: socket.socket) -> dict[str, Any]:
    """In the prepared process: fork for each order. Returns only in the forks, with the order, when descriptors 0 to 2 are those sent."""
    line.send(READY)
    while True:
        text, descriptors, _, _ = socket.recv_fds(line, LONGEST_ORDER, 3)
        if not text:
            os._exit(0)
        told, tell = os.pipe()
        between = os.fork()
        if between == 0:
            if child := os.fork():
                os.write(tell, str(child).encode())
                os._exit(0)
            for number, descriptor in enumerate(descriptors):
                os.dup2(descriptor, number)
            for descriptor in (*descriptors, told, tell, line.fileno()):
                os.close(descriptor)
            line.detach()
            return dict(json.loads(text))
        for descriptor in (*descriptors, tell):
            os.close(descriptor)
        os.waitpid(between, 0)  # from now on the child is the caller's
        line.send(os.read(told, 64))
        os.close(told)


def main() -> None:
    import gc
    import runpy
    from importlib import import_module

    # Modules alone: a process whose PyTorch has computed may not be forked.
    for name in ("torch", "screener.cli", "screener.scanning.batch", "screener.watching.watch", "screener.evaluation.run"):
        import_module(name)
    assert len(os.listdir("/proc/self/task")) == 1, "threads would be missing in the forks"
    gc.freeze()
    order = serve(socket.socket(fileno=int(sys.argv[1])))
    os.setsid()
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.path[0] = order["folder"]
    sys.argv[1:] = order["arguments"]
    runpy.run_module("screener", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
