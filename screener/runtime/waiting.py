"""Makes the libraries' threads sleep while they wait for each other. It must be set before those libraries load, so this module imports
none.

OpenMP threads spin while they wait. Beside a decoder and a second stage that costs more than the work itself (on two cores 17 to 22 seconds
instead of 6).
"""

from __future__ import annotations

import os

POLICY = "OMP_WAIT_POLICY"


def wait_asleep() -> None:
    """Applies to this process and its children; a policy set by the user is kept. Has no effect once PyTorch is loaded."""
    os.environ.setdefault(POLICY, "PASSIVE")
