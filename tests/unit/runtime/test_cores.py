"""How many cores are used, before PyTorch is loaded and after."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CODE = """
import sys
from screener.runtime.cores import core_count, use_cores, use_one_core
use_one_core(); use_cores(2)
assert "torch" not in sys.modules
print(core_count())
import torch
core_count.cache_clear()
print(core_count())
use_one_core()
print(torch.get_num_threads())
"""


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs a system that limits processes to cores")
@pytest.mark.parametrize(("limit", "cores"), [("1", 1), ("", None), ("nonsense", None), ("4096", None)])
def test_limits_of_the_user_hold_with_and_without_pytorch(limit: str, cores: int | None) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": limit}
    said = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True).stdout.split()
    allowed = len(os.sched_getaffinity(0))
    assert said[0] == str(cores or allowed) and said[2] == "1"
    if limit != "4096":
        assert said[1] == said[0]
