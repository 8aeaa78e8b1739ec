"""Evaluates a network in training on pairs from held-out faces, by source of the fakes.

The pairs are drawn once, as hard as at the end of the training, and stay the same. Knows pairs, scoring and figures. Does not know the loop
or files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from screener.checkpoint import Calibration
from screener.evaluation.calibration import fit_calibration
from screener.model.architecture import Architecture
from screener.model.network import Network
from screener.model.preprocessing import Preprocessing
from screener.runtime.stop_signals import left_to_parent
from screener.scoring import Scorer
from screener.training.head_figures import figures
from screener.training.pairs import PairMaker, Recipe
from screener.training.stream import PairsOf

PAIRS = 200
"""Number per source; a real and a fake picture each."""

BATCH = 20
SEED = 1


@dataclass(frozen=True, eq=False)
class Validation:
    """crops: (N, S, S, 3) uint8. labels: (N,), 1 is fake. sources: source of the fake in each crop's pair."""

    crops: NDArray[np.uint8]
    labels: NDArray[np.int64]
    sources: NDArray[np.str_]
    preprocessing: Preprocessing

    @classmethod
    def draw(cls, maker: PairMaker, recipe: Recipe, workers: int = 0) -> Validation:
        """Pairs of every source that `maker` has. workers: number of processes that make them."""
        names = [source for source in maker.sources for _ in range(-(-PAIRS // BATCH))]
        pairs = PairsOf(maker, replace(recipe, moments=1), BATCH, names, SEED)
        batches = list(DataLoader(pairs, batch_size=None, num_workers=workers, worker_init_fn=left_to_parent))
        return cls(
            np.concatenate([batch.pictures.numpy() for batch in batches]),
            np.concatenate([batch.labels.numpy() for batch in batches]),
            np.array([source for source, batch in zip(names, batches, strict=True) for _ in batch.labels]),
            Preprocessing(input_size=recipe.input_size, crop_margin=recipe.crop_margin),
        )

    def judge(self, architecture: Architecture, state: dict[str, Tensor], device: str) -> tuple[Calibration, dict[str, float]]:
        """Calibration and figures of a network's weights, scored as in a scan; `auc` over all, `auc_<source>` for each."""
        # A separate network, because scoring folds batch norms away.
        network = Network(architecture, dropout=0.0)
        network.load_state_dict(state)
        logits = Scorer(network, self.preprocessing, device).logits(self.crops)
        found = _figures(self.labels, logits)
        for source in dict.fromkeys(self.sources.tolist()):
            of_source = self.sources == source
            found[f"auc_{source}"] = _figures(self.labels[of_source], logits[of_source])["auc"]
        return fit_calibration([logits[i : i + 1] for i in range(len(logits))], self.labels, "mean"), found


def _figures(labels: NDArray[np.int64], logits: NDArray[np.float64]) -> dict[str, float]:
    return figures(labels, logits, [str(n) for n in range(len(labels))])


def in_words(found: dict[str, float], sources: Sequence[str]) -> str:
    """One line for the log."""
    return "validation AUC " + ", ".join([f"{found['auc']:.3f}", *(f"{name} {found[f'auc_{name}']:.3f}" for name in sources)])
