"""A tiny checkpoint for every test, and the settings of test runs.

No deadlines, because a busy machine is not a failure; one thread, because more only slow down tiny networks.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
import torch
from builders import tiny_contract, tiny_network
from hypothesis import settings

from screener.checkpoint import save_checkpoint

settings.register_profile("screener", deadline=None, max_examples=30)
settings.load_profile("screener")
torch.set_num_threads(1)
# Read once, by whichever test encodes AV1 first; the library would print for all that follow.
os.environ.setdefault("SVT_LOG", "0")


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: the garbage collector need not look through it again and again."""
    gc.freeze()


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of a tiny network with its contract, saved."""
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors"
    save_checkpoint(path, tiny_contract(), tiny_network().state_dict())
    return path
