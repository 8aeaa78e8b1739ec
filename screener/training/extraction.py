"""Labelled videos and pictures in, feature folds out: crops through the frozen backbone, in batches that cross files, stored as they come.

Connects data sets, crops, the backbone and the store. After any kind of stop the same call continues, and ends with the same bytes as an
uninterrupted run. Does not print; progress goes to a callback.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from screener.checkpoint import Checkpoint
from screener.datasets import LabelledItem, plan_folds, require_both_classes
from screener.datasets.splits import Plan
from screener.errors import DatasetError, DeviceError, OutputError
from screener.model.architecture import STRIDE
from screener.model.preprocessing import normalise
from screener.runtime.file_stamps import Stamp, changed, is_same, named, stamp_of
from screener.runtime.readahead import read_ahead
from screener.scanning.models import build_detector
from screener.scoring import choose_device, choose_dtype, fold_batch_norm
from screener.settings import ExtractSettings
from screener.training.crops import BadFile, CropReader, ItemCrop, ItemEnd
from screener.training.feature_store import DONE, FeatureStore, require_identity
from screener.training.fold_documents import Extraction, array_of_items, fold_documents, read_extraction
from screener.training.folds import UNFINISHED, FeatureFold, open_folds

CROPS_AHEAD = 32
COMMIT_SECONDS = 2.0
"""How much work a kill may cost."""


@dataclass(frozen=True)
class ExtractionProgress:
    """files_done, crops: so far, including earlier runs. crops_now: in this run. bad_files: files that gave no crops or too few."""

    files_done: int
    files: int
    crops: int
    crops_now: int
    bad_files: int


OnProgress = Callable[[ExtractionProgress], None]


@dataclass(frozen=True, eq=False)
class ExtractionReport:
    """The result of an extraction.

    folds: opened. bad_files: in the order of the data. left_out: files in no fold, because related items would have been split.
    crops: in total. crops_now, seconds: of this run, without loading models. device, dtype: where and in which precision the backbone ran.
    """

    folder: Path
    folds: list[FeatureFold]
    bad_files: list[BadFile]
    left_out: int
    crops: int
    crops_now: int
    seconds: float
    device: str
    dtype: str


class FeatureMaker:
    """The frozen backbone of a checkpoint on a device. The same batch gives the same features."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> None:
        self._device, self._dtype, self._contract = device, dtype, checkpoint.contract.preprocessing
        backbone = fold_batch_norm(checkpoint.build_backbone()).requires_grad_(False).eval()
        self._backbone = backbone.to(device=device, dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def features(self, crops_rgb: NDArray[np.uint8]) -> NDArray[np.float16]:
        """(N, S, S, 3) crops -> (N, C, S/16, S/16) `layer3` features."""
        with torch.inference_mode():
            pictures = torch.from_numpy(normalise(crops_rgb, self._contract)).to(self._device, self._dtype)
            return np.asarray(self._backbone(pictures).half().cpu().contiguous().numpy(), np.float16)


def extract(
    items: Sequence[LabelledItem], checkpoint: Checkpoint, settings: ExtractSettings, folder: Path, on_progress: OnProgress | None = None
) -> ExtractionReport:
    """Write the feature folds of `items` into `folder`, or finish an extraction that was started there.

    Bad files are reported and skipped. Raises DatasetError if a class is missing or the data cannot be split, SettingsError if `folder`
    contains another extraction, OutputError if it cannot be written.
    """
    require_both_classes(items, "the data")
    device = choose_device(settings.device)
    settings = replace(settings, device=device.type, dtype=str(choose_dtype(settings.dtype, device)).removeprefix("torch."))
    plans = plan_folds(items, settings.folds, settings.validation_share, settings.test_share, settings.seed)
    _require_trainable(items, plans)
    identity = _identity(items, checkpoint, settings)
    if not (folder / UNFINISHED).exists() and not _is_free(folder):
        done = read_extraction(folder)
        require_identity(done.identity, identity, folder)
        _require_same(items, done.files, folder)
        return _report(folder, plans, done, 0, 0.0, settings)
    run = _Extraction(items, plans, checkpoint, settings, folder, identity, on_progress or (lambda progress: None))
    return run.finished()


def _require_trainable(items: Sequence[LabelledItem], plans: Sequence[Plan]) -> None:
    """Raise DatasetError now if training would refuse the features later because a class is missing in a split."""
    for number, plan in enumerate(plans, 1):
        for split in ("train", "validation"):
            if chosen := [item for item, its in zip(items, plan, strict=True) if its == split]:
                require_both_classes(chosen, f"fold {number}, split {split}")


def _is_free(folder: Path) -> bool:
    """Whether an extraction may start in `folder`; other content is not overwritten."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file; name a folder")
    return not folder.exists() or not any(not entry.name.startswith(".") for entry in folder.iterdir())


def _identity(items: Sequence[LabelledItem], checkpoint: Checkpoint, settings: ExtractSettings) -> dict[str, Any]:
    """Everything that the features and folds depend on."""
    contract = checkpoint.contract
    lines = [json.dumps([i.name, i.label, i.group, i.split, i.method, i.identities, i.sources]) for i in items]
    return {
        "files": len(items),
        "list_of_files_sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
        "backbone_fingerprint": contract.backbone_fingerprint,
        "preprocessing": contract.preprocessing.to_dict(),
        "detector": contract.detector,
        "settings": settings.to_dict(),
    }


def _require_same(items: Sequence[LabelledItem], before: Mapping[str, Stamp], folder: Path) -> None:
    """Raise DatasetError naming the files behind the features in `folder` that have changed."""
    wrong = changed({item.name: item.path for item in items}, before)
    if wrong:
        raise DatasetError(
            f"{folder}: {named(wrong)}: changed since the features of {'it' if len(wrong) == 1 else 'them'} were extracted; put the files "
            "back, or extract into another folder"
        )


@dataclass(frozen=True)
class _Begun:
    """A file is about to be read."""

    item: int
    stamp: Stamp


class _Extraction:
    """One run over the remaining files."""

    def __init__(
        self,
        items: Sequence[LabelledItem],
        plans: Sequence[Plan],
        checkpoint: Checkpoint,
        settings: ExtractSettings,
        folder: Path,
        identity: dict[str, Any],
        on_progress: OnProgress,
    ) -> None:
        self._items, self._plans, self._checkpoint, self._settings = items, plans, checkpoint, settings
        self._folder, self._identity, self._on_progress = folder, identity, on_progress
        self._array_of = array_of_items(plans)
        self._numbers = [i for i, name in enumerate(self._array_of) if name]
        contract = checkpoint.contract
        cells = contract.preprocessing.input_size // STRIDE
        self._shape = (contract.architecture.feature_channels, cells, cells)
        self._bad: list[tuple[int, BadFile]] = []
        self._crops_now = 0
        self._begun: list[tuple[int, _Begun]] = []

    def finished(self) -> ExtractionReport:
        arrays = sorted({name for name in self._array_of if name})
        with FeatureStore(self._folder, self._shape, arrays, self._identity) as self._store:
            _require_same(self._items, self._stamps(), self._folder)
            seconds = 0.0 if self._store.is_done else self._work()
            rows = self._store.rows
            bad_files = [BadFile(*note) for note in self._store.notes]
            extraction = Extraction(self._identity, bad_files, sum(len(found) for found in rows.values()), self._stamps())
            self._require_both_classes(bad_files)
            self._store.finish(fold_documents(self._items, self._plans, rows, self._checkpoint, self._shape, extraction))
        return _report(self._folder, self._plans, extraction, self._crops_now, seconds, self._settings)

    def _stamps(self) -> dict[str, Stamp]:
        """Stamps of all files read so far, by name."""
        return {self._items[int(number)].name: stamp for number, stamp in self._store.files.items()}

    def _read(self, numbers: Sequence[int]) -> Iterator[_Begun | ItemCrop | ItemEnd]:
        """Each file, preceded by its stamp. Raises DatasetError for one that changes while it is read."""
        reader = self._reader()
        for number in numbers:
            path = self._items[number].path
            stamp = stamp_of(path)
            yield _Begun(number, stamp)
            for one in reader.read([number]):
                if isinstance(one, ItemEnd) and not is_same(path, stamp):
                    raise DatasetError(f"{self._items[number].name}: changed while it was read; repeat the command when it is at rest")
                yield one

    def _work(self) -> float:
        """Continue from the last commit to the end; returns seconds. A batch always contains the same crops, wherever an earlier run
        stopped.
        """
        place, skip = int(self._store.state.get("place", 0)), int(self._store.state.get("crops", 0))
        maker = FeatureMaker(self._checkpoint, torch.device(self._settings.device), getattr(torch, self._settings.dtype))
        waiting: list[tuple[ItemCrop, int, int]] = []
        crops_of_file = 0
        started = self._committed = time.monotonic()
        self._crops_before = sum(len(rows) for rows in self._store.rows.values())
        self._report(place)
        with closing(read_ahead(self._read(self._numbers[place:]), CROPS_AHEAD)) as found:
            for one in found:
                if isinstance(one, _Begun):
                    self._begun.append((place, one))
                    continue
                if isinstance(one, ItemEnd):
                    self._end_of_file(one, place, crops_of_file < skip)
                    place, crops_of_file, skip = place + 1, 0, 0
                    continue
                crops_of_file += 1
                if crops_of_file > skip:
                    waiting.append((one, place, crops_of_file))
                if len(waiting) == self._settings.batch_size:
                    self._keep(maker, waiting)
                    waiting = []
        if waiting:
            self._keep(maker, waiting)
        self._commit({DONE: True, "place": place, "crops": 0})
        self._report(place)
        return time.monotonic() - started

    def _reader(self) -> CropReader:
        contract = self._checkpoint.contract
        detector = None if self._settings.cropped else build_detector(contract.detector["name"], self._settings.device, contract.detector)
        learnt = [any(plan[i] == "train" for plan in self._plans) for i in range(len(self._items))]
        copies = [self._settings.augment if it_is else 0 for it_is in learnt]
        return CropReader(self._items, copies, detector, contract.preprocessing, self._settings)

    def _end_of_file(self, end: ItemEnd, place: int, is_shorter: bool) -> None:
        name = self._items[self._numbers[place]].name
        if is_shorter:
            raise DatasetError(
                f"{name}: gives fewer faces than when the extraction began; put the file back, or extract into another folder"
            )
        if end.bad:
            self._bad.append((place, end.bad))
        self._report(place + 1)

    def _keep(self, maker: FeatureMaker, batch: Sequence[tuple[ItemCrop, int, int]]) -> None:
        """Append the features of one batch to the arrays; commit now and then."""
        crops = [crop for crop, _, _ in batch]
        features = maker.features(np.stack([crop.crop_rgb for crop in crops]))
        wrong = ~np.isfinite(features).reshape(len(features), -1).all(1)
        if wrong.any():
            name = self._items[crops[int(wrong.argmax())].item].name
            raise DeviceError(
                f"{name}: its features in {self._settings.dtype} on {self._settings.device} are no numbers that float16 can hold; try "
                "--dtype float32, --device cpu, or another backbone"
            )
        places = [self._array_of[crop.item] for crop in crops]
        for array in dict.fromkeys(places):
            chosen = [i for i, name in enumerate(places) if name == array]
            self._store.add(array, features[chosen], [[crops[i].item, crops[i].seconds, crops[i].copy] for i in chosen])
        self._crops_now += len(batch)
        if time.monotonic() - self._committed >= COMMIT_SECONDS:
            _, place, crops_of_file = batch[-1]
            self._commit({"place": place, "crops": crops_of_file})
            self._committed = time.monotonic()

    def _commit(self, state: dict[str, Any]) -> None:
        # Problems of later files will be found again when the run continues from here.
        sure = [bad for place, bad in self._bad if place < state["place"]]
        self._bad = [(place, bad) for place, bad in self._bad if place >= state["place"]]
        files = {str(begun.item): begun.stamp for place, begun in self._begun if place <= state["place"]}
        self._begun = [(place, begun) for place, begun in self._begun if place > state["place"]]
        self._store.commit(state, [astuple(bad) for bad in sure], files)

    def _report(self, place: int) -> None:
        bad_files = len(self._store.notes) + len(self._bad)
        self._on_progress(ExtractionProgress(place, len(self._numbers), self._crops_before + self._crops_now, self._crops_now, bad_files))

    def _require_both_classes(self, bad_files: Sequence[BadFile]) -> None:
        items = [self._items[row[0]] for rows in self._store.rows.values() for row in rows]
        worst = f"; the first of {len(bad_files)} bad files: {bad_files[0].detail}" if bad_files else ""
        require_both_classes(items, f"{self._folder}: after {len(self._numbers)} files the extraction{worst}; it")


def _report(
    folder: Path, plans: Sequence[Plan], extraction: Extraction, crops_now: int, seconds: float, settings: ExtractSettings
) -> ExtractionReport:
    left_out = sum(any(not plan[i] for plan in plans) for i in range(len(plans[0])))
    return ExtractionReport(
        folder=folder,
        folds=open_folds(folder),
        bad_files=extraction.bad_files,
        left_out=left_out,
        crops=extraction.crops,
        crops_now=crops_now,
        seconds=seconds,
        device=settings.device,
        dtype=settings.dtype,
    )
