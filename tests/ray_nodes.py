"""A real Ray cluster of several nodes on this machine, whose nodes may be killed."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from screener.cluster.ray_session import OBJECT_STORE_BYTES, SETTINGS

HERE = Path(__file__).parent
QUICK = {
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 3,
    "health_check_initial_delay_ms": 0,
}
"""How soon a node counts as lost; what Ray takes by itself is some ten seconds."""


class Nodes:
    """A head that runs no actors, and nodes of one core each."""

    def __init__(self, count: int) -> None:
        from ray.cluster_utils import Cluster

        self.cluster = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 0, "include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES, "_system_config": QUICK},
        )
        self.nodes: list[Any] = []
        self._drivers: list[subprocess.Popen[str]] = []
        for _ in range(count):
            self.add()

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    def add(self) -> None:
        self.nodes.append(self.cluster.add_node(num_cpus=1, object_store_memory=OBJECT_STORE_BYTES, include_dashboard=False))

    def kill(self, number: int) -> None:
        """As when a machine loses its power: everything of the node at once."""
        self.cluster.remove_node(self.nodes.pop(number), allow_graceful=False)

    def start_driver(self, out: str) -> subprocess.Popen[str]:
        driver = subprocess.Popen(
            [sys.executable, str(HERE / "cluster_driver.py"), self.address, out],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)])},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._drivers.append(driver)
        return driver

    def shutdown(self) -> None:
        for driver in self._drivers:
            driver.kill()
        self.cluster.shutdown()


@contextmanager
def ray_nodes(count: int) -> Iterator[Nodes]:
    """A cluster with a token, for as long as the block lasts."""
    os.environ.update({**SETTINGS, "RAY_AUTH_TOKEN": os.environ.get("RAY_AUTH_TOKEN") or secrets.token_hex(32)})
    nodes = Nodes(count)
    try:
        yield nodes
    finally:
        nodes.shutdown()
