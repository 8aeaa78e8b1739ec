"""A folder of labelled pictures -> one checkpoint: backbone and head trained together, from small pictures to full ones.

Puts data, faces, stages and the checkpoint together. Does not know how a pair is made or how a step is. A stop loses minutes: each stage
keeps its state beside the output, and the same call goes on from there.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from screener.checkpoint import Calibration, Checkpoint, Contract, DataSet, require_checkpoint_name, save_checkpoint
from screener.datasets import LabelledItem
from screener.datasets.layouts import read_data
from screener.errors import DatasetError
from screener.evaluation.calibration import fit_calibration
from screener.faces import MtcnnDetector
from screener.model.network import Network
from screener.model.preprocessing import Preprocessing
from screener.runtime.files import make_folder, write_whole
from screener.runtime.versions import versions
from screener.scoring import Scorer, choose_device
from screener.settings import EndToEndSettings
from screener.training.end_to_end import Stage, new_state, train_stage
from screener.training.head_checkpoint import plain_record
from screener.training.head_figures import figures
from screener.training.pairs import PairMaker, Recipe
from screener.training.pictures import SUFFIXES, VALIDATION_SHARE, LabelledFace, held_out, read_item_faces
from screener.training.resuming import RunFolder
from screener.training.starting_points import UNKNOWN_LICENCE, starting_point

Say = Callable[[str], None]

PROGRESSION: tuple[tuple[float, float, float], ...] = ((0.45, 4 / 7, 1.0), (0.2, 5 / 7, 0.7), (0.35, 1.0, 0.5))
"""Share of the minutes, of the input size and of the learning rate of each stage: small pictures teach most in the same time."""

SMALLEST_PX = 64
WARM_UP_PICTURES = (4000, 1000, 1000)

VALIDATION_PAIRS = 200
"""Drawn from the held-out faces, with a seed of their own; a real and a fake picture each."""

VALIDATION_SEED = 1

LIMITS = (
    "Backbone and head trained together on pictures of faces and on fakes blended from them. Until `screener calibrate` fits them to "
    "labelled videos, temperature and bias come from blended fakes of held-out pictures, which are easier than what people pass on, and no "
    "threshold is measured. Run `screener evaluate` before you trust it."
)


@dataclass(frozen=True)
class EndToEndReport:
    """faces: learnt from. pictures: made of them and shown to the network, over all stages. figures: on the held-out faces, by name."""

    output: Path
    metrics: Path
    faces: int
    pictures: int
    figures: dict[str, float]


@dataclass(frozen=True, eq=False)
class _Faces:
    """Split so that pictures of one group are on one side. sha256: over the names, labels and splits of the pictures."""

    training: list[LabelledFace]
    validation: list[LabelledFace]
    name: str
    sha256: str


def train_end_to_end(data: Path, output: Path, settings: EndToEndSettings, say: Say) -> EndToEndReport:
    """Train on the pictures in `data`, which may have any layout that `datasets` reads, and write the checkpoint `output`.

    say: hears a line now and then. Raises DatasetError, CheckpointError, SettingsError, DeviceError and OutputError, and then leaves
    `output` as it was.
    """
    require_checkpoint_name(output)
    device = choose_device(settings.device)
    start = starting_point(settings.init, settings.seed)
    items = pictures_of(data, say)
    make_folder(output.parent)
    with RunFolder(output) as folder:
        folder.open(
            {
                "settings": {name: value for name, value in settings.to_dict().items() if name != "device"},
                "data": _sha256(items),
                "start": start.sha256,
            }
        )
        faces = _split(items, data, folder.file("faces.npz"), say)
        run = _Run(settings, start, faces, folder, device, say)
        rows, calibration = run.all_stages()
        contract = replace(_contract(output.stem, settings, start, faces, rows), calibration=calibration)
        metrics = output.with_name(f"{output.stem}.metrics.csv")
        write_whole(metrics, _csv(rows))
        save_checkpoint(output, contract, run.network.state_dict())
        folder.remove()
        return EndToEndReport(output, metrics, len(faces.training), sum(int(row["pictures"]) for row in rows), rows[-1])


def stages_of(settings: EndToEndSettings) -> list[Stage]:
    """The stages that the settings come to: growing pictures, a falling learning rate, hardness and strength on a line over all of them."""
    stages, begun = [], 0.0
    for (share, size, rate), warm_up in zip(PROGRESSION, WARM_UP_PICTURES, strict=True):
        stages.append(
            Stage(
                minutes=settings.minutes * share,
                input_size=max(SMALLEST_PX, 16 * round(settings.input_size * size / 16)),
                pairs=settings.pairs,
                learning_rate=settings.learning_rate * rate,
                hardness=_stretch(settings.hardness, begun, begun + share),
                strength=_stretch(settings.strength, begun, begun + share),
                warm_up_pictures=warm_up,
            )
        )
        begun += share
    return stages


def pictures_of(data: Path, say: Say) -> list[LabelledItem]:
    """The labelled pictures of a data set. Raises DatasetError when there are none."""
    items = read_data(data)
    pictures = [item for item in items if item.path.suffix.lower() in SUFFIXES and item.split != "test"]
    if not pictures:
        raise DatasetError(f"{data}: has {len(items)} files, none of which is a picture to train on ({', '.join(sorted(SUFFIXES))})")
    if left := len(items) - len(pictures):
        say(f"{left} of {len(items)} files are left out: videos, or pictures of the test split")
    return pictures


class _Run:
    """The stages of one training, the network as it is after the last of them."""

    def __init__(
        self, settings: EndToEndSettings, start: Checkpoint, faces: _Faces, folder: RunFolder, device: torch.device, say: Say
    ) -> None:
        self._settings, self._faces, self._folder, self._device, self._say = settings, faces, folder, device, say
        self.network = Network(start.contract.architecture, dropout=0.0)
        self.network.load_state_dict(start.state)

    def all_stages(self) -> tuple[list[dict[str, float]], Calibration]:
        """Train; a row of figures for each stage, and the calibration of the last."""
        maker, rows, calibration = PairMaker(self._faces.training), [], Calibration()
        for number, stage in enumerate(stages_of(self._settings), 1):
            path = self._folder.file(f"stage-{number}.pt")
            state = new_state(self.network.to(self._device), stage)
            if path.exists():
                state.load(path)
            self._say(f"stage {number}: {stage.minutes:g} min at {stage.input_size} px, {state.seconds / 60:.1f} min done")
            # Compiling pays where the network waits for memory rather than for arithmetic.
            compiled = self._device.type == "cuda"
            train_stage(state, stage, maker, path, self._settings.seed + number, self._say, compiled)
            self.network.load_state_dict(state.average)
            calibration, found = self.judge(stage.input_size)
            rows.append({"stage": number, "input_size": stage.input_size, "minutes": stage.minutes, "pictures": state.pictures, **found})
            self._say(f"stage {number}: validation AUC {found['auc']:.4f} after {state.pictures:,} pictures")
        return rows, calibration

    def judge(self, input_size: int) -> tuple[Calibration, dict[str, float]]:
        """Calibration and figures of the present weights on pairs from the held-out faces, scored the way a scan scores."""
        rules, rng = Preprocessing(input_size=input_size), np.random.default_rng(VALIDATION_SEED)
        recipe = Recipe(input_size, rules.crop_margin, self._settings.hardness[1], self._settings.strength[1])
        maker = PairMaker(self._faces.validation)
        pairs = [maker.draw(rng, recipe) for _ in range(VALIDATION_PAIRS)]
        crops = np.stack([pair[0] for pair in pairs] + [pair[1] for pair in pairs])
        # A copy: scoring folds batch norms away.
        network = Network(self.network.architecture, dropout=0.0)
        network.load_state_dict(self.network.state_dict())
        logits = Scorer(network, rules, self._device.type).logits(crops)
        labels = np.repeat(np.array([0, 1], np.int64), len(pairs))
        found = figures(labels, logits, [str(n) for n in range(len(labels))])
        blended = np.tile([pair[3] for pair in pairs], 2)
        for name, marks in (("blended_auc", blended), ("labelled_auc", ~blended)):
            if marks.any():
                found[name] = figures(labels[marks], logits[marks], [str(n) for n in range(int(marks.sum()))])["auc"]
        return fit_calibration([logits[i : i + 1] for i in range(len(logits))], labels, "mean"), found


def _split(items: Sequence[LabelledItem], data: Path, cache: Path, say: Say) -> _Faces:
    """Given splits are kept; without a validation split, a hash of the group decides, so that more data moves nothing."""
    found = read_item_faces(items, MtcnnDetector(), cache)
    of = {item.name: item for item in items}
    given = any(item.split == "validation" for item in items)

    def is_held(face: LabelledFace) -> bool:
        item = of[face.name]
        return item.split == "validation" if given else held_out(item.group or item.name, VALIDATION_SHARE)

    validation = [face for face in found if is_held(face)]
    training = [face for face in found if not is_held(face)]
    say(f"{len(training):,} faces to train on, {len(validation):,} held out; {len(items) - len(found):,} pictures show none")
    for name, faces in (("train on", training), ("validate on", validation)):
        if not any(face.label == "real" for face in faces):
            raise DatasetError(f"{data}: no real face to {name} among {len(items)} pictures; more real pictures are needed")
    return _Faces(training, validation, data.resolve().name, _sha256(items))


def _sha256(items: Sequence[LabelledItem]) -> str:
    rows = [[item.name, item.label, item.group, item.split] for item in items]
    return hashlib.sha256(json.dumps(rows, ensure_ascii=True).encode()).hexdigest()


def _stretch(ends: tuple[float, float], first: float, last: float) -> tuple[float, float]:
    return ends[0] + (ends[1] - ends[0]) * first, ends[0] + (ends[1] - ends[0]) * last


def _contract(name: str, settings: EndToEndSettings, start: Checkpoint, faces: _Faces, rows: list[dict[str, float]]) -> Contract:
    data = DataSet(faces.name, faces.sha256, len(faces.training), UNKNOWN_LICENCE)
    record: dict[str, Any] = {
        "settings": {key: value for key, value in settings.to_dict().items() if key not in ("device", "init")},
        "start": {"name": start.contract.name, "sha256": start.sha256},
        "stages": rows,
    }
    return replace(
        start.contract,
        name=name,
        preprocessing=Preprocessing(input_size=settings.input_size),
        detector=MtcnnDetector().contract(),
        operating_points=(),
        valid_range={},
        training_data=(*start.contract.training_data, data),
        limits=LIMITS,
        figures={"end_to_end_training": plain_record(record)},
        code_version=versions()["screener"],
    )


def _csv(rows: list[dict[str, float]]) -> str:
    text = io.StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
