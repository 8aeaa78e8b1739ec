"""A folder of labelled pictures in, one checkpoint out: backbone and head trained together.

Connects data, faces, decoders, stages and the checkpoint. Does not know how a pair or a step is made. A stop loses minutes: each stage
keeps its state beside the output, and the same call continues from there.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from screener.checkpoint import Calibration, Checkpoint, Contract, DataSet, load_checkpoint, require_checkpoint_name, save_checkpoint
from screener.checkpoint.json_fields import printable
from screener.errors import SettingsError
from screener.faces import MtcnnDetector
from screener.model.copies import NO_COPIES, Widening
from screener.model.preprocessing import Preprocessing
from screener.model.reference import NO_REFERENCE, Reference
from screener.model.widening import widen
from screener.runtime.files import make_folder, write_whole
from screener.runtime.versions import versions
from screener.scoring import choose_device
from screener.settings import EndToEndSettings
from screener.training.decoders.redrawing import decode_faces
from screener.training.end_to_end import Stage, State, new_state, pair_workers, train_stage
from screener.training.end_to_end_data import SplitFaces, identity_of, pictures_of, split_faces
from screener.training.head_checkpoint import plain_record
from screener.training.pairs import PairMaker
from screener.training.resuming import RunFolder
from screener.training.starting_points import ATTRIBUTION, UNKNOWN_LICENCE, network_to_train, starting_point
from screener.training.teacher import Teacher, Teachers
from screener.training.validation import Validation, in_words

Say = Callable[[str], None]

PROGRESSION: tuple[tuple[float, float, float], ...] = ((0.45, 4 / 7, 1.0), (0.2, 5 / 7, 0.7), (0.35, 1.0, 0.5))
"""Share of the minutes, of the input size and of the learning rate for each stage, if pictures grow."""

AT_ONCE: tuple[tuple[float, float, float], ...] = ((1.0, 1.0, 1.0),)
"""The same if they do not."""

SMALLEST_PX = 64
UNCHANGING = ("device", "save_every_seconds")
"""Settings that may differ when a run is resumed."""

NOT_RECORDED = (*UNCHANGING, "init", "teacher", "more_teachers", "autoencoder")
"""Settings that change nothing in the weights, or say where something is on one machine; what it is, is recorded otherwise."""

WARM_UP_PICTURES = (4000, 1000, 1000)

LIMITS = (
    "Backbone and head trained together on pictures of faces, on fakes blended from them and on what decoders drew of them. Until "
    "`screener calibrate` fits them to labelled videos, temperature and bias come from fakes made of held-out pictures, which are easier "
    "than what people pass on, and no threshold is measured. Run `screener evaluate` before you trust it."
)


@dataclass(frozen=True)
class EndToEndReport:
    """faces: number of training faces. pictures: number of pictures made of them and shown to the network, over all stages. figures: on the
    held-out faces, by name.
    """

    output: Path
    metrics: Path
    faces: int
    pictures: int
    figures: dict[str, float]


def train_end_to_end(data: Path, output: Path, settings: EndToEndSettings, say: Say) -> EndToEndReport:
    """Train on the pictures in `data`, in any layout that `datasets` reads, and write the checkpoint `output`.

    say: called with a line of progress now and then. Raises DatasetError, CheckpointError, SettingsError, DeviceError and OutputError, and
    then leaves `output` unchanged.
    """
    require_checkpoint_name(output)
    device = choose_device(settings.device)
    start = starting_point(settings.init, settings.seed)
    teachers = _teachers_of(settings)
    items = pictures_of(data, say)
    make_folder(output.parent)
    with RunFolder(output) as folder:
        folder.open(
            {
                "settings": {name: value for name, value in settings.to_dict().items() if name not in UNCHANGING},
                "data": identity_of(items),
                "start": start.sha256,
                **({"teacher": teachers[0].sha256} if teachers else {}),
                **({"more_teachers": [teacher.sha256 for teacher in teachers[1:]]} if teachers[1:] else {}),
            },
            {item.name: item.path for item in items},
        )
        faces = split_faces(items, data, folder.file("faces.npz"), say)
        run = _Run(settings, start, teachers, faces, folder, device, say)
        rows, calibration = run.all_stages()
        described = _contract(printable(output.stem), settings, start, teachers, faces, rows)
        contract = replace(described, architecture=run.whole, copies=NO_COPIES, calibration=calibration)
        metrics = output.with_name(f"{output.stem}.metrics.csv")
        write_whole(metrics, _csv(rows))
        save_checkpoint(output, contract, run.whole_state())
        folder.remove()
        return EndToEndReport(output, metrics, len(faces.training), sum(int(row["pictures"]) for row in rows), rows[-1])


def _teachers_of(settings: EndToEndSettings) -> list[Checkpoint]:
    """The teacher and those added to it. Raises SettingsError if the network in training would see other pictures than the teacher is used
    to, or less than another one is.
    """
    if not settings.teacher:
        return []
    teacher, *others = (load_checkpoint(None if name == "default" else name) for name in (settings.teacher, *settings.more_teachers))
    used_to = teacher.contract.preprocessing
    for stage in stages_of(settings):
        if Preprocessing(input_size=stage.input_size, crop_margin=stage.crop_margin) != used_to:
            raise SettingsError(
                f"teacher: {teacher.contract.name} takes crops of {used_to.input_size} px and a margin of {used_to.crop_margin:g}, "
                "which not all stages of this training do; set input_size and crop_margin to these, and grow = false"
            )
    for other in others:
        if (margin := other.contract.preprocessing.crop_margin) > settings.crop_margin:
            raise SettingsError(
                f"more_teachers: {other.contract.name} takes crops of a margin of {margin:g}, which cannot be cut out of crops of a margin "
                f"of {settings.crop_margin:g}; choose other weights"
            )
    return [teacher, *others]


def _asked(teachers: list[Checkpoint], settings: EndToEndSettings, device: torch.device) -> Teacher | Teachers | None:
    """What the network in training learns from: one teacher, several, or none, but labels."""
    if not teachers:
        return None
    first = Teacher(teachers[0], _reference_of(settings), device)
    shown = teachers[0].contract.preprocessing
    others = [Teacher(teacher, None, device, shown) for teacher in teachers[1:]]
    return Teachers(first, [*zip(others, settings.more_teachers.values(), strict=True)]) if others else first


def _reference_of(settings: EndToEndSettings) -> Reference | None:
    """Instead of the teacher's; None for the teacher's own."""
    if settings.copy_weight is None:
        return None
    return Reference(settings.copy_quality, settings.copy_weight) if settings.copy_weight else NO_REFERENCE


def stages_of(settings: EndToEndSettings) -> list[Stage]:
    """The stages for the settings: growing pictures, falling learning rates, hardness and strength linear over all of them."""
    stages, begun = [], 0.0
    for (share, size, rate), warm_up in zip(PROGRESSION if settings.grow else AT_ONCE, WARM_UP_PICTURES, strict=False):
        stages.append(
            Stage(
                minutes=settings.minutes * share,
                input_size=max(SMALLEST_PX, 16 * round(settings.input_size * size / 16)),
                pairs=settings.pairs,
                learning_rate=settings.learning_rate * rate,
                hardness=_stretch(settings.hardness, begun, begun + share),
                strength=_stretch(settings.strength, begun, begun + share),
                warm_up_pictures=warm_up,
                hold=settings.hold,
                moments=settings.moments,
                video=settings.video,
                tone=settings.tone,
                same_route=settings.same_route,
                level=settings.level,
                other_real=settings.other_real,
                motion_blur=settings.motion_blur,
                level_by_region=settings.level_by_region,
                shown_px=settings.shown_px,
                worn=settings.worn,
                around=settings.around,
                crop_margin=settings.crop_margin,
                ranking=settings.ranking,
                # Random weights have no statistics of faces to keep.
                frozen_statistics=settings.frozen_statistics and settings.init != "random",
                save_every_seconds=settings.save_every_seconds,
            )
        )
        begun += share
    return stages


class _Run:
    """The stages of one training, and the network after the last of them."""

    def __init__(
        self,
        settings: EndToEndSettings,
        start: Checkpoint,
        teachers: list[Checkpoint],
        faces: SplitFaces,
        folder: RunFolder,
        device: torch.device,
        say: Say,
    ) -> None:
        self._teacher = _asked(teachers, settings, device)
        self._settings, self._faces, self._folder, self._device, self._say = settings, faces, folder, device, say
        self.network, self.whole = network_to_train(start, settings.inner_times, settings.seed)

    def whole_state(self) -> dict[str, Tensor]:
        """The trained weights in the architecture `whole`."""
        return widen(self.network.state_dict(), Widening.between(self.network.architecture, self.whole))

    def all_stages(self) -> tuple[list[dict[str, float]], Calibration]:
        """Train; returns a row of figures for each stage, and the calibration of the last."""
        settings, decoded = self._settings, self._folder.file("decoded")
        every_face = [*self._faces.training, *self._faces.validation]
        decode_faces(every_face, decoded, settings.decoders, Path(settings.autoencoder), self._device, settings.seed, self._say)
        maker, held = (PairMaker(faces, decoded, settings.shares or None) for faces in (self._faces.training, self._faces.validation))
        if left := maker.left_out:
            self._say(f"{left:,} fakes are not used: their sets have no real face to put beside them")
        rows, calibration = [], Calibration()
        for number, stage in enumerate(stages_of(settings), 1):
            path = self._folder.file(f"stage-{number}.pt")
            state = new_state(self.network.to(self._device), stage)
            if path.exists():
                state.load(path)
            self._say(f"stage {number}: {stage.minutes:g} min at {stage.input_size} px, {state.seconds / 60:.1f} min done")
            validation = Validation.draw(held, stage.recipe(1.0), pair_workers(self._device))

            def look(state: State, validation: Validation = validation) -> str:
                return in_words(validation.judge(state.network.architecture, state.average, self._device.type)[1], held.sources)

            # Compiling pays on GPUs, where the network is bound by memory and not by arithmetic.
            compiled = self._device.type == "cuda"
            seed = settings.seed + number
            train_stage(state, stage, maker, path, seed, self._say, compiled=compiled, look=look, teacher=self._teacher)
            self.network.load_state_dict(state.average)
            calibration, found = validation.judge(self.network.architecture, state.average, self._device.type)
            rows.append({"stage": number, "input_size": stage.input_size, "minutes": stage.minutes, "pictures": state.pictures, **found})
            self._say(f"stage {number}: validation AUC {found['auc']:.4f} after {state.pictures:,} pictures")
        return rows, calibration


def _stretch(ends: tuple[float, float], first: float, last: float) -> tuple[float, float]:
    return ends[0] + (ends[1] - ends[0]) * first, ends[0] + (ends[1] - ends[0]) * last


def _contract(
    name: str, settings: EndToEndSettings, start: Checkpoint, teachers: list[Checkpoint], faces: SplitFaces, rows: list[dict[str, float]]
) -> Contract:
    data = DataSet(printable(faces.name), faces.sha256, len(faces.training), UNKNOWN_LICENCE)
    record: dict[str, Any] = {
        "settings": {key: value for key, value in settings.to_dict().items() if key not in NOT_RECORDED},
        "start": _named(start),
        **({"teacher": _named(teachers[0])} if teachers else {}),
        **({"more_teachers": _weighed(teachers[1:], settings)} if teachers[1:] else {}),
        "stages": rows,
    }
    # What teachers learnt from, and under which terms, holds for who learns from them.
    origins = [start, *teachers]
    learnt_from = [data for origin in origins for data in origin.contract.training_data]
    licence = "; ".join(dict.fromkeys(origin.contract.licence for origin in origins))
    notices = dict.fromkeys(str(origin.contract.figures[ATTRIBUTION]) for origin in origins if ATTRIBUTION in origin.contract.figures)
    return replace(
        start.contract,
        name=name,
        preprocessing=Preprocessing(input_size=settings.input_size, crop_margin=settings.crop_margin),
        # What was learnt is the logit of a crop alone.
        reference=NO_REFERENCE,
        detector=MtcnnDetector().contract(),
        operating_points=(),
        valid_range={},
        training_data=(*dict.fromkeys((*learnt_from, data)),),
        licence=licence,
        limits=LIMITS,
        figures={
            **({ATTRIBUTION: "; ".join(notices)} if notices else {}),
            "end_to_end_training": plain_record(record),
        },
        code_version=versions()["screener"],
    )


def _named(checkpoint: Checkpoint) -> dict[str, Any]:
    return {"name": checkpoint.contract.name, "sha256": checkpoint.sha256}


def _weighed(others: list[Checkpoint], settings: EndToEndSettings) -> list[dict[str, Any]]:
    return [{**_named(other), "times": times} for other, times in zip(others, settings.more_teachers.values(), strict=True)]


def _csv(rows: list[dict[str, float]]) -> str:
    text = io.StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
