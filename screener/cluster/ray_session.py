"""A connection to Ray, or a Ray of our own on this machine: with a token, without dashboard, without telling anyone of its use.

Knows Ray, and nothing of shards.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from screener.cluster.stores import EXTRA
from screener.errors import SettingsError

LOCAL = re.compile(r"local:(\d+)")
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    # A cluster of our own starts only the workers that it is asked for.
    "RAY_enable_worker_prestart": "0",
    "RAY_prestart_worker_first_driver": "0",
    # Ray lowers the priority of workers; a plain scan's is as it is.
    "RAY_worker_niceness": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
OBJECT_STORE_BYTES = 80 << 20
"""Only names and counts pass through Ray, unless workers score for others; this is the least that it takes."""

_LOG = logging.getLogger(__name__)


class _ToLog(io.TextIOBase):
    """Ray prints what happens on its nodes to standard output, where rows go."""

    def write(self, text: str) -> int:
        if text.strip():
            _LOG.debug("%s", text.strip())
        return len(text)


@contextlib.contextmanager
def ray_session(address: str, more_bytes: int = 0) -> Iterator[Any]:
    """Ray, for as long as the block lasts, in which `sys.stdout` leads to the log.

    address: `local:N` for N cores of this machine, `auto`, or that of a cluster's head. more_bytes: of crops of faces that are on their way
    at once for each core, with `local:N`; without room, Ray would write them to the disk.

    Raises SettingsError where Ray is missing, does not answer, or has no token.
    """
    local = LOCAL.fullmatch(address)
    os.environ.update(SETTINGS)
    if local is not None:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # Ray reads it once in a process
    else:
        _require_token(address)
    try:
        import ray
    except ImportError as error:
        raise SettingsError(f"--cluster {address}: needs Ray, which is not installed: {EXTRA}") from error
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with contextlib.redirect_stdout(_ToLog()):
        try:
            _connect(ray, address, local, more_bytes)
            # Ray replaces what this command does on SIGTERM.
            with contextlib.suppress(ValueError):  # raised outside the main thread, where there is nothing to put back
                for number, handler in handlers.items():
                    signal.signal(number, handler)
            yield ray
        finally:
            ray.shutdown()


def _connect(ray: Any, address: str, local: re.Match[str] | None, more_bytes: int) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": True}
    own: dict[str, Any] = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    try:
        if local is None:
            ray.init(address=address, **quiet)
        else:
            room = OBJECT_STORE_BYTES + more_bytes * int(local[1])
            ray.init(address="local", num_cpus=int(local[1]), object_store_memory=room, **own, **quiet)  # never another one that runs here
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise SettingsError(f"--cluster {address}: Ray does not answer: {(str(error).splitlines() or [''])[0]}") from error


def _require_token(address: str) -> None:
    if address.startswith("ray://"):
        raise SettingsError(f"--cluster {address}: run the command on a node of the cluster, with `auto` or HOST:PORT")
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    if not os.environ.get("RAY_AUTH_TOKEN") and not path.is_file():
        raise SettingsError(
            f"--cluster {address}: there is no token for it: start the cluster with RAY_AUTH_MODE=token, and give its token in "
            "RAY_AUTH_TOKEN, or in the file that RAY_AUTH_TOKEN_PATH names (`ray get-auth-token --generate` makes one)"
        )
