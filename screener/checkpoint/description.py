"""Describes a checkpoint in words, for `screener weights show`. Does not know files, terminals or formats."""

from __future__ import annotations

import json
from dataclasses import replace

from screener.checkpoint.contract import Contract, DataSet, OperatingPoint
from screener.checkpoint.localisation import FIGURE, RULE, localisation_of
from screener.checkpoint.rates import FIGURE as RATES
from screener.checkpoint.rates import rates_of
from screener.checkpoint.store import Checkpoint
from screener.model.architecture import Architecture
from screener.model.copies import NO_COPIES
from screener.model.reference import NO_REFERENCE, Reference


def describe(checkpoint: Checkpoint) -> list[tuple[str, str]]:
    """(what, value in words) rows, in reading order; operating points, data sets and figures take a row each."""
    contract = checkpoint.contract
    return [
        ("name", contract.name),
        ("file", "not saved yet" if checkpoint.path is None else str(checkpoint.path)),
        ("sha256", checkpoint.sha256),
        ("made by", f"screener {contract.code_version}, format version {checkpoint.format_version}"),
        ("architecture", architecture_in_words(contract)),
        ("weights", f"{sum(values.size for values in checkpoint.weights.values()) / 1e6:.1f} million"),
        ("backbone", f"up to {contract.split_point}, fingerprint {contract.backbone_fingerprint}"),
        ("answers", " or ".join(contract.class_names)),
        ("face crop", _face_crop(contract)),
        ("detector", _settings(contract.detector)),
        ("sampling", _settings(contract.sampling)),
        ("pooling", contract.pooling),
        ("calibration", f"p_fake = sigmoid(logit / {contract.calibration.temperature:g} {contract.calibration.bias:+g})"),
        *[(f"at {100 * point.fpr:.3g}% false positives", _operating_point(contract, point)) for point in contract.operating_points],
        *[(f"valid {name}", f"{low:g} to {high:g}") for name, (low, high) in contract.valid_range.items()],
        *[("learned from", _data_set(data)) for data in contract.training_data],
        *[(f"figure {name}", _value(value)) for name, value in contract.figures.items() if name not in (FIGURE, RATES)],
        ("locator", _locator(contract)),
        ("licence", contract.licence),
        ("limits", contract.limits),
    ]


def architecture_in_words(contract: Contract) -> str:
    """The network, and the number of its distinct channels."""
    shape = contract.architecture
    words = f"{shape.name} with {', '.join(map(str, shape.blocks))} blocks, {_widths(shape)}"
    if contract.copies == NO_COPIES:
        return words
    backbone, head = contract.copies.narrowed(shape)
    if replace(head, stem_width=backbone.stem_width) == backbone:
        return f"{words}, of which those stored and computed are {_widths(backbone)}"
    return f"{words}, of which those stored and computed are {_widths(backbone)} in the backbone, {_widths(head, stem=False)} in the head"


def _widths(shape: Architecture, stem: bool = True) -> str:
    return f"widths inner {shape.inner_width}, outer {shape.outer_width}" + (f", stem {shape.stem_width}" if stem else "")


def _face_crop(contract: Contract) -> str:
    rules = contract.preprocessing
    return (
        f"square of {rules.crop_margin:g} times the face box, {rules.input_size} x {rules.input_size} pixels, {rules.colour_order}, "
        f"mean {_value(rules.mean_rgb)}, std {_value(rules.std_rgb)}, {rules.resize_rule}, rule version {rules.rule_version}"
        + _reference(contract.reference)
    )


def _reference(reference: Reference) -> str:
    if reference == NO_REFERENCE:
        return ""
    return f"; minus {reference.weight:g} of the logit of {reference.copy_in_words}"


def _operating_point(contract: Contract, point: OperatingPoint) -> str:
    words = (
        f"fake from {point.threshold:.3f}, genuine below {point.genuine_below:.3f}, "
        f"measured on {point.real_videos} real and {point.fake_videos} fake videos"
    )
    rates = rates_of(contract.figures, point.fpr)
    if rates is None:
        return words
    return (
        f"{words}; on folds that were left out {rates.fakes_found} of {rates.fakes} fakes found, "
        f"{rates.reals_called_fake} of {rates.reals} real ones called fake"
    )


def _locator(contract: Contract) -> str:
    found = localisation_of(contract.figures)
    if found is None:
        return "not shown in reports, for it was not measured"
    overlap, auc = found.overlap, found.pixel_auc
    return (
        f"{'shown' if found.earned else 'not shown'} in reports: on {found.pictures} self-blended pictures it overlaps the blended region "
        f"by {overlap.value:.3f} ({overlap.low:.3f} to {overlap.high:.3f}), the best map that is the same for every face by "
        f"{found.fixed_overlap.value:.3f}; pixel AUC {auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f}); it is shown if {RULE}"
    )


def _data_set(data: DataSet) -> str:
    return f"{data.name}: {data.pictures:,} pictures, {data.licence}, sha256 {data.sha256}"


def _settings(values: dict[str, object]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in values.items())


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
