"""The result of an audit, its warnings in plain words, and the check that training may require. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from screener.datasets.audit.confounds import EVERYWHERE, LEAST_OF_A_CLASS, Confound
from screener.datasets.audit.leaks import KINDS, Leak
from screener.datasets.item import LABELS
from screener.errors import REASONS, DatasetError
from screener.settings.audit import AuditSettings

SCHEMA_VERSION = 1

REAL, FAKE = LABELS["real"], LABELS["fake"]


@dataclass(frozen=True)
class Unread:
    """A file that could not be read, or not completely. name: as in the data set. reasons: from `errors.REASONS`."""

    name: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class AuditReport:
    """files: (split, label) -> number of files; the split is empty if the data gives none.

    one_sided: data sets that contain only one label, with that label. unreadable: files of which nothing could be read.
    damaged: files that were read incompletely. groups: number of unrelated groups with a real file, and with a fake one.
    leaks, confounds: see there. judged_together: False if scikit-learn is missing.
    """

    files: dict[tuple[str, int], int]
    one_sided: dict[str, int]
    unreadable: tuple[Unread, ...]
    damaged: tuple[Unread, ...]
    groups: tuple[int, int]
    leaks: tuple[Leak, ...]
    confounds: tuple[Confound, ...]
    judged_together: bool
    settings: AuditSettings

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, sorted, without the empty one of files that are in none."""
        return tuple(sorted({split for split, _ in self.files} - {""}))

    def counted(self, label: int) -> int:
        """Number of files with this label, over all splits."""
        return sum(number for (_, of), number in self.files.items() if of == label)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Everything to know before training, in words; empty if there is nothing."""
        return (*_reading_warnings(self), *leak_warnings(self.leaks), *_confound_warnings(self), *_missing_warnings(self))

    @property
    def is_clean(self) -> bool:
        """Whether nothing leaks and no fact tells the label. Files that cannot be read do not count; whatever uses them will
        report them.
        """
        return not self.leaks and not self.standing_out

    @property
    def standing_out(self) -> tuple[Confound, ...]:
        """The facts that tell fake from real better than the settings allow."""
        return tuple(confound for confound in self.confounds if confound.stands_out(self.settings.auc_bound))

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, ready for JSON."""
        names = {number: name for name, number in LABELS.items()}
        return {
            "schema_version": SCHEMA_VERSION,
            "files": [{"split": split, "label": names[label], "count": count} for (split, label), count in sorted(self.files.items())],
            "one_sided": {name: names[label] for name, label in self.one_sided.items()},
            "unreadable": [asdict(one) for one in self.unreadable],
            "damaged": [asdict(one) for one in self.damaged],
            "groups": dict(zip(LABELS, self.groups, strict=True)),
            "leaks": [{**asdict(leak), "labels": [names[label] for label in leak.labels]} for leak in self.leaks],
            "confounds": [_confound_dict(one, self.settings.auc_bound) for one in self.confounds],
            "judged_together": self.judged_together,
            "clean": self.is_clean,
            "warnings": list(self.warnings),
            "settings": self.settings.to_dict(),
        }


def require_clean(report: AuditReport, strict: bool) -> list[str]:
    """The warnings of an audit. With `strict`, raises DatasetError if something leaks or a fact tells the label."""
    warnings = list(report.warnings)
    if strict and not report.is_clean:
        found = [*leak_warnings(report.leaks), *_confound_warnings(report)]
        advice = "mend the data, or go on without strict"
        # On one line, because line breaks in messages are escaped when printed.
        raise DatasetError(f"the audit found {counted(len(found), 'fault')}; {advice}: {' '.join(found)}")
    return warnings


def counted(number: int, one: str, several: str = "") -> str:
    """`1 file`, `1,200 files`. several: the plural if it is not formed with an s."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def _confound_dict(confound: Confound, bound: float) -> dict[str, Any]:
    return {
        **asdict(confound),
        "auc": round(confound.auc, 4),
        "interval": [round(end, 4) for end in confound.interval],
        "stands_out": confound.stands_out(bound),
    }


def _reading_warnings(report: AuditReport) -> list[str]:
    kinds = (("could not be read and was left out", "could not be read and were left out", report.unreadable),
             ("is damaged", "are damaged", report.damaged))  # fmt: skip
    return [
        f"{counted(len(files), 'file')} {one if len(files) == 1 else several}, such as {files[0].name}: {_spelt_out(files[0].reasons)}."
        for one, several, files in kinds
        if files
    ]


def _spelt_out(reasons: Iterable[str]) -> str:
    return "; ".join(REASONS[reason] for reason in reasons)


def leak_warnings(leaks: Sequence[Leak]) -> list[str]:
    """One sentence for each kind of leak found, with an example."""
    counts, first = Counter(leak.kind for leak in leaks), {leak.kind: leak for leak in reversed(leaks)}
    return [f"{_leaked(kind, counts[kind], first[kind])}, such as {example(first[kind])}." for kind in KINDS if kind in counts]


def _leaked(kind: str, number: int, leak: Leak) -> str:
    what = counted(number, *KINDS[kind].words)
    if kind == "label":
        return what[0].upper() + what[1:]
    where = "in more than one split" if len(set(leak.splits) - {""}) > 1 else "in different groups, which a split would part"
    return f"{what} {'is' if number == 1 else 'are'} {where}"


def example(leak: Leak) -> str:
    """Two members of a leak, from different splits if there are several, with what they share unless that is a digest."""
    split_of = dict(zip(leak.names, leak.splits, strict=True))
    first = leak.names[0]
    second = next((name for name in leak.names if split_of[name] != split_of[first]), leak.names[-1])
    named = " and ".join(f"{name} ({split_of[name]})" if split_of[name] else name for name in (first, second))
    by_name = KINDS[leak.kind].tokens is not None and leak.kind != "video"
    return f"{leak.shared} of {named}" if by_name else named


def _confound_warnings(report: AuditReport) -> list[str]:
    return [_confound_warning(confound, report.one_sided) for confound in report.standing_out]


def _confound_warning(confound: Confound, one_sided: dict[str, int]) -> str:
    predicts = "predicts" if confound.fact == "together" else "alone predicts"
    where = "" if confound.scope == EVERYWHERE else f" inside {confound.scope}"
    low, high = confound.interval
    line = f"{confound.words[0].upper()}{confound.words[1:]} {predicts} the label{where}: AUC {confound.auc:.2f} [{low:.2f}-{high:.2f}]"
    real, fake = confound.typical
    typical = f"; typically {real} in reals, {fake} in fakes" if real != fake and confound.fact != "set" else ""
    sides = f"; {_sides(one_sided)}" if confound.fact == "set" and one_sided else ""
    return f"{line}{typical}{sides}."


def _sides(one_sided: dict[str, int]) -> str:
    """`a and b hold only real files, c holds only fake files`."""
    sets = {word: [name for name, label in one_sided.items() if label == number] for word, number in LABELS.items()}
    return ", ".join(
        f"{' and '.join(names)} {'holds' if len(names) == 1 else 'hold'} only {word} files" for word, names in sets.items() if names
    )


def _missing_warnings(report: AuditReport) -> list[str]:
    """What the audit could not judge."""
    if min(report.groups) >= LEAST_OF_A_CLASS:
        return []
    reals, fakes = report.groups
    held = f"{counted(reals, 'independent group')} with a real file and {fakes:,} with a fake one"
    return [f"{held}: too few to say whether anything but the face tells the label; that takes {LEAST_OF_A_CLASS} of each."]
