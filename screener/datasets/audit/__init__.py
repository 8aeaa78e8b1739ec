"""Labelled items in, warnings out: what splits share, and whether anything but the face tells real from fake. To be run before training.

Reads every file once. Knows items and files. Does not know networks or scores.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from screener.datasets.audit.audit_report import AuditReport, Unread, require_clean
from screener.datasets.audit.confounds import Confound, can_judge_together, find_confounds, independent_groups
from screener.datasets.audit.incidental_facts import FileFacts, OnProgress, read_all
from screener.datasets.audit.leaks import KINDS, Leak, find_leaks
from screener.datasets.item import LabelledItem
from screener.settings.audit import AuditSettings

__all__ = ["KINDS", "AuditReport", "Confound", "Leak", "Unread", "audit", "judge", "require_clean"]


def audit(items: Sequence[LabelledItem], settings: AuditSettings | None = None, on_progress: OnProgress | None = None) -> AuditReport:
    """Read every item and report leaks and facts that tell the label. A file that cannot be read is reported, not raised."""
    settings = settings or AuditSettings()
    return judge(read_all(items, settings.readers, on_progress), settings)


def judge(files: Sequence[FileFacts], settings: AuditSettings) -> AuditReport:
    """The report on files that were already read."""
    items = [file.item for file in files]
    labels_of: dict[str, set[int]] = defaultdict(set)
    for item in items:
        labels_of[item.set_name].add(item.label)
    return AuditReport(
        files=dict(Counter((item.split, item.label) for item in items)),
        one_sided={name: min(labels) for name, labels in sorted(labels_of.items()) if len(labels) == 1},
        unreadable=tuple(Unread(file.item.name, (file.failure,)) for file in files if file.failure),
        damaged=tuple(Unread(file.item.name, file.video.reasons) for file in files if file.video.reasons),
        groups=independent_groups([file for file in files if not file.failure]),
        leaks=find_leaks(files, settings),
        confounds=find_confounds(files, settings),
        judged_together=can_judge_together(),
        settings=settings,
    )
