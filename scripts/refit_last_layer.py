"""Refits the last layer of trained weights on pairs of faces at every degradation strength, and leaves all other layers unchanged.

    python scripts/refit_last_layer.py WEIGHTS FACES/manifest.csv -o refitted.safetensors --decoded RUN/decoded --cache FOLDER

A network that was trained end to end judges by whatever parted its last pictures; the layer that weighs its features can be fitted again to
pictures degraded in more ways, by logistic regression, in minutes ("Last layer re-training is sufficient for robustness to spurious
correlations", arXiv:2204.02937). Both pictures of a pair are drawn as in training end to end. Prints the AUC by source of fakes on held-out
faces before and after. Features are kept in --cache, faces and crops are not. Calibrate the result: its logits have another scale.

--decoded: what `train --end-to-end` has drawn of the faces by its decoders, in its run folder.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from screener.checkpoint import load_checkpoint, save_checkpoint
from screener.evaluation.metrics import roc_auc
from screener.model.network import Network
from screener.model.preprocessing import Preprocessing
from screener.runtime.file_hash import sha256_of
from screener.training.end_to_end_data import pictures_of, split_faces
from screener.training.pairs import PairMaker, Recipe
from screener.training.preparing import prepare
from screener.training.stream import Batch, collate

HARDNESS = (0.15, 0.75)
STRENGTH = (0.75, 1.0)
SHARES = {"matched": 0.40, "decoded": 0.26, "self_blended": 0.18, "swapped": 0.10, "unmatched": 0.06}
CLIPS = 8
"""Pairs before they are made two moments of, in a batch."""

PENALTY = 1e-3
"""scikit-learn's C. Of 1e-4 to 1e-2 the one with the highest mean AUC over the sources on held-out faces."""

WORKERS = 2


@dataclass(frozen=True)
class Features:
    """of: (N, C) float32, of the last layer's input. labels: (N,), 1 is fake. sources: where the fake of each one's pair comes from."""

    of: NDArray[np.float32]
    labels: NDArray[np.int64]
    sources: NDArray[np.str_]


class MixedPairs(Dataset[tuple[Batch, list[str]]]):
    """Always the same batches, in each of which every pair has a hardness of its own."""

    def __init__(self, maker: PairMaker, pairs: int, seed: int) -> None:
        self._maker, self._batches, self._seed = maker, pairs // (2 * CLIPS), seed

    def __len__(self) -> int:
        return self._batches

    def __getitem__(self, number: int) -> tuple[Batch, list[str]]:
        rng = np.random.default_rng([self._seed, number])
        rules = Preprocessing()
        samples = []
        for _ in range(CLIPS):
            hardness, strength = float(rng.uniform(*HARDNESS)), float(rng.uniform(*STRENGTH))
            recipe = Recipe(rules.input_size, rules.crop_margin, hardness, strength, moments=2, video=0.85, tone=0.4, same_route=0.4)
            samples += self._maker.draw(rng, recipe)
        return collate(samples), 2 * [sample.source for sample in samples]


def features_of(network: Network, maker: PairMaker, pairs: int, seed: int, cache: Path) -> Features:
    if not cache.exists():
        parts = [(pooled(network, batch.pictures), batch.labels.numpy(), sources) for batch, sources in drawn(maker, pairs, seed)]
        of, labels, sources = (np.concatenate([np.asarray(part[i]) for part in parts]) for i in range(3))
        np.savez(cache, of=of, labels=labels, sources=sources)
    with np.load(cache) as saved:
        return Features(saved["of"], saved["labels"], saved["sources"])


def drawn(maker: PairMaker, pairs: int, seed: int) -> Iterator[tuple[Batch, list[str]]]:
    return iter(DataLoader(MixedPairs(maker, pairs, seed), batch_size=None, num_workers=WORKERS))


def pooled(network: Network, pictures: Tensor) -> NDArray[np.float32]:
    with torch.inference_mode():
        found: NDArray[np.float32] = network.head.pooled(network.backbone(prepare(pictures))).numpy()
    return found


def line(features: Features, weights: NDArray[np.float64]) -> str:
    """AUC by source of the fakes."""
    logits = features.of @ weights
    of_source = [(name, features.sources == name) for name in sorted(set(features.sources.tolist()))]
    return ", ".join(f"{name} {roc_auc(features.labels[chosen], logits[chosen]):.3f}" for name, chosen in of_source)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--output", "-o", type=Path, required=True)
    parser.add_argument("--decoded", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=9600)
    arguments = parser.parse_args()
    checkpoint = load_checkpoint(arguments.weights)
    network = checkpoint.build_network()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    # Features of other weights, faces or pairs must not be taken for these.
    rests_on = [checkpoint.sha256, sha256_of(arguments.faces), str(arguments.decoded), str(arguments.pairs)]
    key = hashlib.sha256("\n".join(map(str, rests_on)).encode()).hexdigest()[:12]
    caches = [arguments.cache / f"{name}-{key}.npz" for name in ("training", "held-out")]
    makers: list[PairMaker | None] = [None, None]
    if not all(cache.exists() for cache in caches):
        split = split_faces(pictures_of(arguments.faces, print), arguments.faces, arguments.cache / "faces.npz", print)
        makers = [PairMaker(faces, arguments.decoded, SHARES) for faces in (split.training, split.validation)]
    sizes = (arguments.pairs, arguments.pairs // 8)
    training, held = (
        features_of(network, maker, pairs, seed, cache)  # type: ignore[arg-type]
        for maker, pairs, seed, cache in zip(makers, sizes, (1, 7), caches, strict=True)
    )
    last = network.head.fc
    before = (last.weight[1] - last.weight[0]).detach().numpy().astype(np.float64)
    scaler = StandardScaler().fit(training.of)
    fitted = LogisticRegression(C=PENALTY, max_iter=500).fit(scaler.transform(training.of), training.labels)
    after = fitted.coef_[0] / scaler.scale_
    bias = float(fitted.intercept_[0] - after @ scaler.mean_)
    print(f"held-out faces, {len(held.labels):,} pictures\n  before  {line(held, before)}\n  after   {line(held, after)}")
    # Two logits whose difference is the fitted one: half of it each, with opposite signs.
    halves = torch.tensor(np.stack([-after, after]) / 2, dtype=torch.float32)
    state = {**checkpoint.distinct, "head.fc.weight": halves, "head.fc.bias": torch.tensor([-bias / 2, bias / 2], dtype=torch.float32)}
    save_checkpoint(arguments.output, replace(checkpoint.contract, operating_points=(), valid_range={}), state, storage="float16")
    print(f"written  {arguments.output}")


if __name__ == "__main__":
    main()
