"""How the threads of the libraries wait for each other: asleep. To be set before those libraries load, so this knows none of them.

OpenMP threads spin while they wait. Beside a decoder and a second stage that costs more than the work itself (on two cores 17 to 22
seconds instead of 6).
"""

from __future__ import annotations

import os

POLICY = "OMP_WAIT_POLICY"


def wait_asleep() -> None:
    """For this process and its children; a policy that the user has set stays. Without effect once PyTorch is loaded."""
    os.environ.setdefault(POLICY, "PASSIVE")
