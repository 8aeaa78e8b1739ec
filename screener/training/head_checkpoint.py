"""A trained head in, a checkpoint out: calibrated on validation rows, with the figures of its training in the contract.

Knows checkpoints, calibration and the results of a training. Does not know the loop.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from screener.checkpoint import (
    FORMAT_VERSION,
    Checkpoint,
    Contract,
    DataSet,
    OperatingPoint,
    attach_head,
    save_checkpoint,
)
from screener.checkpoint.json_fields import printable
from screener.checkpoint.localisation import FIGURE
from screener.checkpoint.storage import DEFAULT_STORAGE, exact_storage, from_stored, to_stored
from screener.errors import DatasetError
from screener.evaluation.calibration import MISSED_SHARE, fit_calibration, operating_point, pooled_p_fake
from screener.model.preprocessing import Preprocessing
from screener.model.reference import NO_REFERENCE
from screener.runtime.versions import versions
from screener.training.fold_parts import FoldParts, Part
from screener.training.folds import FeatureFold, FoldRow, row_to_list
from screener.training.head_figures import groups_by_name
from screener.training.head_state import HEAD, State
from screener.training.starting_points import UNKNOWN_LICENCE

FALSE_POSITIVE_RATES = (0.01, 0.05, 0.10)
"""Operating points that are stored if there are enough real validation rows."""

UNKNOWN_BACKBONE = (
    " The features of this head came from a legacy tree that does not say which backbone made them: that it was this one is the word of "
    "whoever trained the head, and nothing could check it."
)


def as_stored(head: Mapping[str, Tensor]) -> State:
    """A `Head.state_dict()` as it will be read back from the checkpoint, so that figures are measured on the weights that are shipped."""
    weights = {HEAD + name: tensor for name, tensor in head.items() if tensor.is_floating_point()}
    back = from_stored(to_stored(weights, DEFAULT_STORAGE))
    return {name.removeprefix(HEAD): torch.from_numpy(values) for name, values in back.items()}


def preprocessing_for(fold: FeatureFold, backbone: Checkpoint) -> Preprocessing:
    """The preprocessing of the crops behind the features; for a legacy tree, that of the backbone's checkpoint.

    Raises DatasetError if features of that shape cannot come from this backbone.
    """
    rules = fold.preprocessing or backbone.contract.preprocessing
    cells = -(-rules.input_size // 16)
    expected = (backbone.contract.architecture.feature_channels, cells, cells)
    if tuple(fold.feature_shape) != expected:
        raise DatasetError(
            f"{fold.folder}: its features have the shape {tuple(fold.feature_shape)}, but {backbone.contract.architecture.name} "
            f"({backbone.contract.name}) makes {expected} from {rules.input_size} px; name the checkpoint that they were extracted with"
        )
    return rules


def rows_sha256(fold: FeatureFold) -> str:
    """SHA-256 over the backbone and the rows of all splits, in order: identifies the content of a fold."""
    digest = hashlib.sha256(f"{fold.backbone_fingerprint} {tuple(fold.feature_shape)}\n".encode())
    for name, split in sorted(fold.splits.items()):
        digest.update(json.dumps([name, *map(row_to_list, split.rows)], ensure_ascii=True).encode())
    return digest.hexdigest()


def calibrated(contract: Contract, validation: Part, logits: NDArray[np.float64]) -> Contract:
    """The contract with temperature and bias fitted to the validation rows, and the operating points that these support.

    logits: (n,) of the rows. Rows with the same name, the frames of a video, are pooled by the contract's rule.
    """
    rows = validation.rows
    groups = groups_by_name([row.name for row in rows])
    videos = [logits[group] for group in groups]
    labels = np.array([validation.labels[group[0]] for group in groups], np.int64)
    units = [_unit(rows[group[0]]) for group in groups]
    calibration = fit_calibration(videos, labels, contract.pooling, units)
    p_fake = pooled_p_fake(videos, calibration, contract.pooling)
    return replace(contract, calibration=calibration, operating_points=_operating_points(labels, p_fake, units))


def _unit(row: FoldRow) -> str:
    """As `LabelledItem.unit`; rows of pictures have no time."""
    return f"group {row.group or row.name}" if row.seconds is None else f"file {row.name}"


def _operating_points(labels: NDArray[np.int64], p_fake: NDArray[np.float64], units: Sequence[str]) -> tuple[OperatingPoint, ...]:
    found = []
    for rate in FALSE_POSITIVE_RATES:
        try:
            found.append(operating_point(labels, p_fake, rate, MISSED_SHARE, units))
        except DatasetError:
            # Too few real rows for this rate: better no threshold than a meaningless one.
            continue
    return tuple(found)


def contract_for(
    backbone: Checkpoint, name: str, fold: FeatureFold, parts: FoldParts, logits: NDArray[np.float64], record: dict[str, Any]
) -> Contract:
    """The contract of a head on this backbone. Contains no path, so that the same training gives the same file wherever it is written.

    logits: (n,) of the validation rows, from the head as it will be stored. record: settings and figures of its training, for `figures`.
    """
    learnt = sum(row.augmentation == 0 for row in parts.train.rows)
    data = DataSet(printable(folds_name(fold)), rows_sha256(fold), learnt, UNKNOWN_LICENCE)
    contract = replace(
        backbone.contract,
        name=name,
        format_version=FORMAT_VERSION,
        preprocessing=preprocessing_for(fold, backbone),
        # Features of recompressed copies are not in the fold.
        reference=NO_REFERENCE,
        # The range was measured for another head; no face sizes and sharpness are known for this one.
        valid_range={},
        training_data=(*backbone.contract.training_data, data),
        limits=limits_of(backbone, fold, parts.validation),
        figures={"head_training": record, **_of_the_backbone(backbone, fold)},
        code_version=versions()["screener"],
    )
    return calibrated(contract, parts.validation, logits)


def _of_the_backbone(backbone: Checkpoint, fold: FeatureFold) -> dict[str, Any]:
    """Figures that do not depend on the head: those of the locator, which reads only the backbone, on crops of the same kind."""
    same = preprocessing_for(fold, backbone) == backbone.contract.preprocessing
    return {FIGURE: backbone.contract.figures[FIGURE]} if same and FIGURE in backbone.contract.figures else {}


def folds_name(fold: FeatureFold) -> str:
    """Name of a fold's data: the folder that was extracted into."""
    folder = fold.folder.resolve()
    return folder.parent.name if re.fullmatch(r"fold-\d+", folder.name) else folder.name


def limits_of(backbone: Checkpoint, fold: FeatureFold, validation: Part) -> str:
    """Limits of a head trained like this, in words that stay true when it is calibrated later."""
    reals = int((validation.labels == 0).sum())
    words = (
        f"A head trained on feature folds ({printable(folds_name(fold))}, fold {fold.number}) over the frozen backbone of "
        f"{backbone.contract.name!r}. Until `screener calibrate` fits them to labelled videos, temperature, bias and thresholds come from "
        f"{len(validation)} validation rows ({reals} real), which also chose among epochs or folds where that was asked for, so its own "
        f"figures on them are a little too good. Nothing is known about other kinds of fakes, other cameras or other people until "
        f"`screener evaluate` has measured it."
    )
    return words if fold.backbone_fingerprint else words + UNKNOWN_BACKBONE


def write_head(output: Path, backbone: Checkpoint, head: Mapping[str, Tensor], contract: Contract) -> None:
    """Write the backbone with this head to the checkpoint `output`, atomically. Raises CheckpointError, OutputError.

    Backbone and locator keep their exact values, and so the fingerprint, in the smallest storage that allows it.
    """
    whole = attach_head(backbone, {HEAD + name: tensor for name, tensor in head.items()}, backbone.contract.backbone_fingerprint)
    kept = {name: tensor for name, tensor in whole.items() if not name.startswith(HEAD)}
    save_checkpoint(output, contract, whole, storage=exact_storage(kept))


def plain_record(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings and figures as plain values, numbers to six places, as allowed in a contract's `figures`."""
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return plain_record(asdict(value))
    if isinstance(value, Mapping):
        return plain_record(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return round(float(value), 6) if isinstance(value, float) else value
