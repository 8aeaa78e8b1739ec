"""Labelled data: files on disk in, items with label, group and split out. Knows layouts and lists. Does not know networks or scores."""

from screener.datasets.item import LABELS, SPLITS, LabelledItem
from screener.datasets.layouts import LAYOUTS, missing_files, not_taken, read_data, recognise, require_both_classes
from screener.datasets.manifest import read_manifest
from screener.datasets.splits import components, plan_folds

__all__ = [
    "LABELS",
    "LAYOUTS",
    "SPLITS",
    "LabelledItem",
    "components",
    "missing_files",
    "not_taken",
    "plan_folds",
    "read_data",
    "read_manifest",
    "recognise",
    "require_both_classes",
]
