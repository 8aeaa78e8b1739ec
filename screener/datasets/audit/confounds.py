"""Whether facts that have nothing to do with a forged face tell the label, alone or together.

Each fact is turned into a score learnt from other groups, and judged by the AUC of that score, so that a fact with a different value for
every file tells nothing. Knows facts and labels, not files. The model over all facts needs scikit-learn; without it only single facts are
judged.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from screener.datasets.audit.incidental_facts import FACTS, Fact, FileFacts, Value
from screener.datasets.item import LABELS
from screener.datasets.splits import components, plan_folds
from screener.errors import DatasetError
from screener.settings.audit import AuditSettings

EVERYWHERE = ""
"""The scope of all files."""

TOGETHER = Fact("all of this together", lambda file: None)

SET = Fact("the data set that a file is from", lambda file: file.item.set_name or None)

LEAST_OF_A_CLASS = 10
"""Minimum number of independent groups with a real file, and with a fake one, for a figure."""

FEW_VALUES = 5
MOST_BINS = 20
LEAST_IN_A_BIN = 25
TREES = 50
MOST_IN_A_LEAF = 50

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Fold = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Indices of the training files, and of the test files."""

Model = Callable[[Labels, Fold], Floats]


@dataclass(frozen=True)
class Confound:
    """How well one fact tells the label.

    fact: its name in FACTS, `set`, or `together`. words: its description. scope: a data set, or EVERYWHERE.
    auc: area under the ROC curve over files of groups that were not trained on; 0.5 is chance, 1 is perfect.
    interval: its central 95 % range. files: number of files of each label, real first. typical: value of most real files, and of most
    fakes.
    """

    fact: str
    words: str
    scope: str
    auc: float
    interval: tuple[float, float]
    files: tuple[int, int]
    typical: tuple[str, str]

    def stands_out(self, bound: float) -> bool:
        """Whether its AUC reaches the bound and is significantly above chance."""
        return self.auc >= bound and self.interval[0] > 0.5


def find_confounds(files: Sequence[FileFacts], settings: AuditSettings) -> tuple[Confound, ...]:
    """The facts that differ between files: first over all files, then inside each data set, each time with all facts together
    at the end.
    """
    read = [file for file in files if not file.failure]
    sets = sorted({file.item.set_name for file in read})
    found = list(_inside(EVERYWHERE, read, settings, {**FACTS, "set": SET}))
    for name in sets if len(sets) > 1 else ():
        found += _inside(name, [file for file in read if file.item.set_name == name], settings, FACTS)
    return tuple(found)


def can_judge_together() -> bool:
    """Whether scikit-learn is installed, which judging several facts together needs."""
    return importlib.util.find_spec("sklearn") is not None


def _inside(scope: str, files: list[FileFacts], settings: AuditSettings, facts: dict[str, Fact]) -> Iterator[Confound]:
    labels = np.array([file.item.label for file in files], np.int64)
    independent = independent_groups(files)
    folds = _folds(files, settings) if min(independent) >= LEAST_OF_A_CLASS else []
    if not folds:
        return
    columns = {name: [fact.value(file) for file in files] for name, fact in facts.items()}
    columns = {name: values for name, values in columns.items() if len(set(values)) > 1}
    counts = (int((labels == 0).sum()), int((labels == 1).sum()))
    for name, values in columns.items():
        auc = _cross_validated(labels, folds, _alone(values))
        yield Confound(name, facts[name].words, scope, auc, _interval(auc, *independent), counts, _typical(values, labels))
    # The data set is not a property of a file; with it, the figure for all facts would only repeat the set's.
    together = [values for name, values in columns.items() if name in FACTS]
    if len(together) > 1 and can_judge_together():
        auc = _cross_validated(labels, folds, _boosted(together, settings.seed))
        yield Confound("together", TOGETHER.words, scope, auc, _interval(auc, *independent), counts, ("", ""))


def independent_groups(files: Sequence[FileFacts]) -> tuple[int, int]:
    """Number of unrelated groups that contain a real file, and that contain a fake one."""
    labels = np.array([file.item.label for file in files], np.int64)
    groups = components([file.item for file in files]) if files else np.zeros(0, np.int64)
    reals, fakes = (len(set(groups[labels == label].tolist())) for label in (LABELS["real"], LABELS["fake"]))
    return reals, fakes


def _folds(files: Sequence[FileFacts], settings: AuditSettings) -> list[Fold]:
    """Folds that never split related files; empty if there are too few groups."""
    try:
        plans = plan_folds([replace(file.item, split="") for file in files], settings.folds, seed=settings.seed)
    except DatasetError:
        return []
    roles = [np.array(plan) for plan in plans]
    return [(np.flatnonzero(role == "train"), np.flatnonzero(role == "validation")) for role in roles]


def _cross_validated(labels: Labels, folds: Sequence[Fold], model: Model) -> float:
    """AUC inside each fold, weighted by its number of pairs. A single AUC over all folds would be biased by their different shares of
    fakes.
    """
    areas, pairs = [], []
    for fold in folds:
        scores, truth = model(labels, fold), labels[fold[1]]
        fakes, reals = scores[truth == 1], scores[truth == 0]
        if len(fakes) and len(reals):
            areas.append(float(mannwhitneyu(fakes, reals, method="asymptotic").statistic) / (len(fakes) * len(reals)))
            pairs.append(len(fakes) * len(reals))
    return float(np.average(areas, weights=pairs))


def _alone(values: Sequence[Value]) -> Model:
    """Scores a file by the share of fakes among the training files with the same value, or with a number in the same bin."""

    def model(labels: Labels, fold: Fold) -> Floats:
        learnt, judged = fold
        places = _places(values, learnt)
        size = int(places.max()) + 1
        fakes = np.bincount(places[learnt], labels[learnt], size)
        # Smoothed with one more file at the overall share of fakes, so that an unseen value tells nothing.
        return np.asarray(((fakes + labels[learnt].mean()) / (np.bincount(places[learnt], minlength=size) + 1))[places[judged]], np.float64)

    return model


def _places(values: Sequence[Value], learnt: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of the value or bin of each file; 0 if missing. Numbers with many values are binned by quantiles of the training files."""
    distinct = sorted({value for value in values if value is not None}, key=lambda value: (str(type(value)), value))
    bins = min(MOST_BINS, max(2, len(learnt) // LEAST_IN_A_BIN))
    if all(isinstance(value, float) for value in distinct) and len(distinct) > bins:
        numbers = np.array([np.nan if value is None else float(value) for value in values])
        known = numbers[learnt][~np.isnan(numbers[learnt])]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1])) if len(known) else np.zeros(0)
        return np.where(np.isnan(numbers), 0, 1 + np.searchsorted(edges, numbers, side="right"))
    place = {value: number for number, value in enumerate(distinct, 1)}
    return np.array([0 if value is None else place[value] for value in values], np.int64)


def _boosted(columns: Sequence[Sequence[Value]], seed: int) -> Model:
    """A few small gradient-boosted trees (Friedman 2001) over all facts; words are numbered, most frequent first."""
    table = np.column_stack([_numbered(values) for values in columns])

    def model(labels: Labels, fold: Fold) -> Floats:
        from sklearn.ensemble import HistGradientBoostingClassifier

        learnt, judged = fold
        leaf = min(MOST_IN_A_LEAF, max(3, len(learnt) // 20))
        trees = HistGradientBoostingClassifier(
            learning_rate=0.05, max_iter=TREES, max_leaf_nodes=6, min_samples_leaf=leaf, early_stopping=False, random_state=seed
        )
        trees.fit(table[learnt], labels[learnt])
        return np.asarray(trees.predict_proba(table[judged])[:, list(trees.classes_).index(LABELS["fake"])], np.float64)

    return model


def _numbered(values: Sequence[Value]) -> Floats:
    rank = {word: number for number, (word, _) in enumerate(Counter(v for v in values if isinstance(v, str)).most_common())}
    return np.array([-1.0 if value is None else float(rank[value]) if isinstance(value, str) else value for value in values])


def _interval(auc: float, reals: int, fakes: int) -> tuple[float, float]:
    """Central 95 % range, by the standard error of Hanley and McNeil (1982) with groups as samples, because files of one group are not
    independent.
    """
    twice_fake, twice_real = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (fakes - 1) * (twice_fake - auc**2) + (reals - 1) * (twice_real - auc**2)
    error = 1.96 * float(np.sqrt(max(0.0, variance) / (reals * fakes)))
    return max(0.0, auc - error), min(1.0, auc + error)


def _typical(values: Sequence[Value], labels: Labels) -> tuple[str, str]:
    """Median of the real files, and of the fakes, or the most frequent value for words and for facts with few values."""
    real, fake = ([v for v, label in zip(values, labels, strict=True) if label == wanted] for wanted in (0, 1))
    few = len(set(values)) <= FEW_VALUES
    return _middle(real, few), _middle(fake, few)


def _middle(values: list[Value], few: bool) -> str:
    numbers = [value for value in values if isinstance(value, float)]
    if not few and 2 * len(numbers) >= len(values):
        return _shown(float(np.median(numbers)))
    value, count = Counter(values).most_common(1)[0]
    share = f" ({round(100 * count / len(values))} %)" if count < len(values) else ""
    return ("none" if value is None else _shown(value) if isinstance(value, float) else value) + share


def _shown(number: float) -> str:
    return f"{number:.0f}" if number >= 1000 else f"{number:.4g}"
