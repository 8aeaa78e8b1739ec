"""The report: warnings in words, plain values, and the gate before training."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from builders import portrait

from screener.datasets.audit import AuditReport, judge, require_clean
from screener.datasets.audit.fingerprints import fingerprint
from screener.datasets.audit.incidental_facts import FileFacts
from screener.datasets.audit.jpeg_header import PictureHeader
from screener.errors import DatasetError, SettingsError
from screener.records import VideoFacts
from screener.settings.audit import AuditSettings

from .files import file_facts, item


def files(real_quality: int = 90, fake_quality: int = 90, number: int = 120, **of_item: Any) -> list[FileFacts]:
    return [
        file_facts(item(f"{n:03}.jpg", n % 2, **of_item), header=PictureHeader(quality=fake_quality if n % 2 else real_quality))
        for n in range(number)
    ]


def report_on(found: list[FileFacts]) -> AuditReport:
    return judge(found, AuditSettings())


def test_clean_data_gives_no_warning_and_passes_the_gate() -> None:
    report = report_on(files())
    assert report.is_clean
    assert require_clean(report, strict=True) == []


def test_a_confound_is_said_in_words_and_stops_only_the_strict() -> None:
    report = report_on(files(95, 75))
    assert require_clean(report, strict=False) == [
        "The JPEG quality alone predicts the label: AUC 1.00 [1.00-1.00]; typically 95 in reals, 75 in fakes."
    ]
    with pytest.raises(DatasetError, match=r"1 fault; mend the data.*: The JPEG quality alone predicts the label: AUC 1\.00"):
        require_clean(report, strict=True)


def test_a_leak_is_said_with_an_example_and_stops_only_the_strict() -> None:
    found = [*files(split="train"), file_facts(item("t.jpg", split="test", sources=("007.jpg",)))]
    report = report_on(found)
    assert require_clean(report, strict=False) == [
        "1 source is in more than one split, such as 007.jpg of 007.jpg (train) and t.jpg (test)."
    ]
    with pytest.raises(DatasetError, match="1 source is in more than one split"):
        require_clean(report, strict=True)


def test_copies_without_splits_and_fakes_of_their_own_reals() -> None:
    found = [
        *files(),
        file_facts(item("x.jpg", 0), fingerprint=fingerprint(portrait(0))),
        file_facts(item("y.jpg", 1), fingerprint=fingerprint(portrait(0, 120))),
        file_facts(item("z.jpg"), sha256="000.jpg"),
    ]
    assert list(report_on(found).warnings) == [
        "1 set of identical files is in different groups, which a split would part, such as 000.jpg and z.jpg.",
        "1 pair of a real picture and a fake made from it is in different groups, which a split would part, such as x.jpg and y.jpg.",
    ]


def test_unreadable_and_damaged_files_are_named_but_stop_nothing() -> None:
    damaged = file_facts(item("d.mp4"), video=VideoFacts(reasons=("truncated", "corrupt"), is_still=True))
    report = report_on([*files(), FileFacts(item("u.jpg", 1), failure="empty"), FileFacts(item("v.jpg", 1), failure="corrupt"), damaged])
    assert list(report.warnings)[:2] == [
        "2 files could not be read and were left out, such as u.jpg: the file is empty.",
        "1 file is damaged, such as d.mp4: it ends before its header says it should; parts of it could not be decoded.",
    ]
    assert report.counted(1) == 62
    require_clean(report, strict=True)


def test_one_sided_sets_are_named() -> None:
    found = [file_facts(item(f"{s}{n}", label, set_name=s)) for s, label in (("mixed", 0), ("mixed", 1), ("lone", 0)) for n in range(40)]
    found = [file_facts(item(f"{n}-{file.item.name}", file.item.label, set_name=file.item.set_name)) for n, file in enumerate(found)]
    (warning,) = report_on(found).warnings
    # Of 3,200 pairs of a real and a fake, half are told apart by the set and half are a draw.
    assert warning.startswith("The data set that a file is from alone predicts the label: AUC 0.75 [")
    assert warning.endswith("lone holds only real files.")


def test_too_few_files_are_said_to_be_too_few() -> None:
    (warning,) = report_on(files(95, 75, number=10)).warnings
    assert warning == (
        "5 independent groups with a real file and 5 with a fake one: too few to say whether anything but the face tells the label; "
        "that takes 10 of each."
    )


def test_the_report_is_plain_json() -> None:
    found = [
        *files(95, 75, split="train"),
        file_facts(item("t.jpg", split="test", group="000.jpg")),
        FileFacts(item("u", 1), failure="empty"),
    ]
    document = json.loads(json.dumps(report_on(found).to_dict(), allow_nan=False))
    assert document["schema_version"] == 1
    assert document["files"] == [
        {"split": "", "label": "fake", "count": 1},
        {"split": "test", "label": "real", "count": 1},
        {"split": "train", "label": "real", "count": 60},
        {"split": "train", "label": "fake", "count": 60},
    ]
    assert document["unreadable"] == [{"name": "u", "reasons": ["empty"]}]
    assert [(leak["kind"], leak["names"], leak["labels"]) for leak in document["leaks"]] == [
        ("group", ["000.jpg", "t.jpg"], ["real", "real"])
    ]
    (quality,) = (one for one in document["confounds"] if one["fact"] == "jpeg_quality")
    assert (quality["fact"], quality["auc"], quality["interval"], quality["stands_out"]) == ("jpeg_quality", 1.0, [1.0, 1.0], True)
    assert quality["typical"] == ["95 (98 %)", "75"]
    assert document["clean"] is False


@pytest.mark.parametrize("change", [{"auc_bound": 0.4}, {"folds": 1}, {"hash_bits": 65}, {"correlation": 1.5}, {"readers": 0}])
def test_settings_that_make_no_sense_are_refused(change: dict[str, float]) -> None:
    (name,) = change
    with pytest.raises(SettingsError, match=f"^{name}: expected"):
        AuditSettings(**change)  # type: ignore[arg-type]


def test_the_bound_decides() -> None:
    rng = np.random.default_rng(0)
    found = [
        file_facts(item(f"{n}", n % 2), header=PictureHeader(quality=int(75 + 20 * (rng.random() < 0.7 - 0.4 * (n % 2)))))
        for n in range(800)
    ]
    assert judge(found, AuditSettings(auc_bound=0.65)).standing_out
    assert judge(found, AuditSettings(auc_bound=0.8)).is_clean
