"""A single process, and two that learn the same as one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import distributed, nn

from screener.errors import DeviceError
from screener.training.workers import joined, started_as_first


def test_alone_everything_is_a_matter_of_course(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    with joined("cpu") as workers:
        assert (workers.rank, workers.count, workers.is_first, workers.device) == (0, 1, True, torch.device("cpu"))
        assert not distributed.is_initialized()
        module = nn.BatchNorm1d(2)
        assert workers.shared(module) is module
        workers.copy_buffers(module)
        workers.wait()
        values = np.array([1.0, 2.0])
        assert workers.total(values).tolist() == [1.0, 2.0]


def test_the_first_process_is_the_one_that_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    assert started_as_first()
    monkeypatch.setenv("RANK", "0")
    assert started_as_first()
    monkeypatch.setenv("RANK", "3")
    assert not started_as_first()


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is here")
def test_a_device_that_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with pytest.raises(DeviceError, match="device cuda: not available"), joined("cuda"):
        pass


SCRIPT = """
import os, socket, sys
from pathlib import Path
import torch
import torch._dynamo
sys.path[:0] = sys.argv[2:]
from unit.training.test_workers import train_on_twins
torch.set_num_threads(1)
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = str(free.getsockname()[1])
os.environ |= {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
# They share what was imported; nothing has been computed yet.
second = os.fork()
os.environ["RANK"] = os.environ["LOCAL_RANK"] = "0" if second else "1"
state, rank = train_on_twins(Path(sys.argv[1]))
torch.save(state, f"{sys.argv[1]}/rank-{rank}.pt")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(second, 0)[1]) if second else 0)
"""
"""Two processes in the environment that `torchrun` gives its own. `tests/integration/test_train.py` trains under `torchrun` itself."""


def train_on_twins(folder: Path) -> tuple[dict[str, torch.Tensor], int]:
    """One epoch of one batch in which every row has a twin, dealt so that of two processes each gets one of the twins.

    Then either process sees the statistics of the whole batch, and together they must make the very step that one alone makes.
    """
    from builders import TINY, TINY_PREPROCESSING, tiny_network

    from screener.settings import TrainSettings
    from screener.training.feature_batches import order_of
    from screener.training.fold_parts import parts_of
    from screener.training.folds import FeatureFold, FoldSplit
    from screener.training.head import FoldJob, train_head
    from screener.training.head_state import starting_weights
    from screener.training.updates import QuietWatch

    from .feature_folds import SHAPE, features, rows, split

    order = order_of(16, 0, 1, 0)
    labels = np.empty(16, np.int64)
    labels[order] = np.repeat(np.arange(8) % 2, 2)
    values = np.empty((16, *SHAPE), np.float16)
    values[order] = np.repeat(features(np.arange(8) % 2, signal=0.3), 2, axis=0)
    its = tuple(type(row)(row.name, int(label), row.group, row.source) for row, label in zip(rows(16), labels, strict=True))
    fold = FeatureFold(
        Path("folds"), 1, "", TINY_PREPROCESSING, SHAPE,
        {"train": FoldSplit("train", its, values), "validation": split("validation", rows(9, "v"))},
    )  # fmt: skip
    # Not Adam, whose first step is the sign of a gradient, however small.
    settings = TrainSettings(epochs=1, batch_size=16, dropout=0.0, optimiser="sgd", learning_rate=0.1, dtype="float32", device="cpu")
    start = starting_weights(tiny_network().state_dict(), TINY, "checkpoint", 0)
    with joined("cpu") as workers:
        path = folder / f"state-{workers.count}"
        trained = train_head(FoldJob(1, parts_of(fold, 0.2, 0), TINY, start, settings, path), workers, QuietWatch())
        scores = {"auc": torch.tensor(trained.history[0].validation_auc), "loss": torch.tensor(trained.history[0].training_loss)}
        return {**trained.state, **scores}, workers.rank


def test_two_processes_make_the_step_that_one_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    alone, _ = train_on_twins(tmp_path)
    tests = Path(__file__).resolve().parents[2]
    (tmp_path / "script.py").write_text(SCRIPT)
    ended = subprocess.run(
        [sys.executable, *map(str, (tmp_path / "script.py", tmp_path, tests))],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(tests.parent)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    ranks = [torch.load(tmp_path / f"rank-{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert sorted(path.name for path in tmp_path.glob("state-*")) == ["state-1", "state-2"]
    assert ranks[0]["auc"] == ranks[1]["auc"]
    for name, expected in alone.items():
        # The variance that batch norm keeps depends on how many rows a process sees, and the validation AUC on that.
        if "running_var" not in name and name != "auc":
            for found in ranks:
                assert torch.allclose(found[name].float(), expected.float(), atol=2e-5), name
