"""Robustness figures from constructed scans, compared with hand computations; and resuming after a stop."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import face_score, person, verdict
from sklearn.metrics import roc_auc_score

from screener.datasets import LabelledItem
from screener.errors import DatasetError, SettingsError
from screener.evaluation.figures import NO_SPREAD
from screener.evaluation.perturbed_screener import SETTING
from screener.evaluation.robustness import AS_IT_IS, Robustness, perturbed_evaluation
from screener.evaluation.robustness_plots import robustness_charts
from screener.evaluation.robustness_report import robustness_section, robustness_text
from screener.perturbation.applied import Applied
from screener.perturbation.kinds import PERTURBATIONS
from screener.records import Frame, Verdict
from screener.report.progress import QuietProgress
from screener.runtime.file_hash import sha256_of
from screener.verdict.proportion import wilson_interval
from screener.video import Source, SourceFailure

THRESHOLD = 0.6

Scores = dict[tuple[str, int], dict[str, float | None]]
"""p_fake by condition and file name; None where nobody can be judged."""


class MadeUp:
    """In place of a PerturbedScreener: scores from a table. scanned: what was asked for; stops at the scan with the number `stop_at`."""

    def __init__(self, scores: Scores, stop_at: int | None = None) -> None:
        self.scores, self.stop_at = scores, stop_at
        self.applied: Applied | None = None
        self.scanned: list[tuple[tuple[str, int], str]] = []

    def scan(self, source: Source | SourceFailure, on_progress: Any = None) -> Verdict:
        condition = (self.applied.kind, self.applied.strength) if self.applied else ("", 0)
        settings = {SETTING: str(condition)} if self.applied else {}
        calibration = {"temperature": 1.0, "bias": 0.0}
        checkpoint = {"name": "made up", "sha256": "0" * 64, "pooling": "mean", "calibration": calibration}
        made = verdict(source=source.name, threshold=THRESHOLD, settings=settings, checkpoint=checkpoint)
        if isinstance(source, SourceFailure):
            return made
        if len(self.scanned) == self.stop_at:
            raise KeyboardInterrupt
        assert source.path is not None
        self.scanned.append((condition, source.path.name))
        p_fake = self.scores[condition][source.path.name]
        made = replace(made, sha256=sha256_of(source.path))
        if p_fake is None:
            return replace(made, outcome="undecided", p_fake=None, interval=None, reasons=("no_face",), coverage="complete")
        outcome = "fake" if p_fake >= THRESHOLD else "genuine"
        return replace(made, outcome=outcome, p_fake=p_fake, people=(person(outcome, p_fake),), frames=(face_score(p_fake),))


def items_in(folder: Path, names: dict[str, int]) -> list[LabelledItem]:
    items = []
    for name, label in names.items():
        (folder / name).write_bytes(name.encode())
        items.append(LabelledItem(folder / name, name, label, name, method="Deepfakes" if label else "photograph", set_name="made"))
    return items


REALS, FAKES = ("r1", "r2", "r3", "r4"), ("f1", "f2", "f3", "f4")
NAMES = {**dict.fromkeys(REALS, 0), **dict.fromkeys(FAKES, 1)}


def scores(*p_fakes: float | None) -> dict[str, float | None]:
    return dict(zip(NAMES, p_fakes, strict=True))


CLEAN = scores(0.1, 0.2, 0.3, 0.4, 0.7, 0.8, 0.9, 0.95)
BLURRED = scores(0.1, 0.2, 0.3, 0.65, 0.25, 0.8, None, None)
LOST = scores(*[None] * 8)
TABLE: Scores = {("", 0): CLEAN, ("blur", 2): BLURRED, ("blur", 5): LOST}


def quiet(words: str, kept: int, waiting: int) -> QuietProgress:
    return QuietProgress()


def evaluated(items: list[LabelledItem], screener: MadeUp, **changes: Any) -> Robustness:
    chosen: dict[str, Any] = {"kinds": ("blur",), "strengths": (2, 5), **changes}
    start: Callable[..., Any] = chosen.pop("start", quiet)
    return perturbed_evaluation(items, screener, start, **chosen)  # type: ignore[arg-type]


@pytest.fixture
def items(tmp_path: Path) -> list[LabelledItem]:
    (tmp_path / "data").mkdir()
    return items_in(tmp_path / "data", NAMES)


@pytest.fixture
def found(items: list[LabelledItem]) -> Robustness:
    return evaluated(items, MadeUp(TABLE))


def test_the_items_as_they_are_come_first(found: Robustness) -> None:
    clean = found.clean
    assert (clean.kind, clean.strength, clean.auc.value, clean.caught.value, clean.flagged.value) == ("", 0, 1.0, 1.0, 0.0)
    assert (clean.reals, clean.fakes, clean.coverage.value, clean.change.value) == (4, 4, 1.0, None)
    assert (found.subject, found.threshold, found.kinds) == ("swaps, lip-syncs and reenactments", THRESHOLD, ("blur",))


def test_figures_after_a_perturbation(found: Robustness) -> None:
    """Of four fakes two can be judged, of which one is caught; of four reals one is flagged."""
    weak, strong = found.of("blur")
    judged = {name: p for name, p in BLURRED.items() if p is not None}
    auc = roc_auc_score([NAMES[name] for name in judged], list(judged.values()))
    assert weak.auc.value == pytest.approx(auc) == pytest.approx(6 / 8)
    assert weak.change.value == pytest.approx(auc - 1.0)
    assert (weak.caught.value, weak.flagged.value, weak.coverage.value) == (1 / 4, 1 / 4, 6 / 8)
    assert (weak.reals_scored, weak.fakes_scored, weak.parameter) == (4, 2, "kernel 9")
    assert weak.auc.interval is not None and weak.auc.interval[0] <= auc <= weak.auc.interval[1]
    assert strong.auc.value is None and strong.auc.note == "no real and no fake could be judged"
    assert (strong.caught.value, strong.flagged.value, strong.coverage.value) == (0.0, 0.0, 0.0)


def test_the_change_is_over_items_judged_both_times(items: list[LabelledItem]) -> None:
    """A fake that only the perturbed scan can judge must not move the change."""
    table: Scores = {("", 0): {**CLEAN, "f1": None}, ("blur", 2): CLEAN, ("blur", 5): CLEAN}
    changed = evaluated(items, MadeUp(table)).of("blur")[0].change
    assert changed.value == 0.0 and changed.interval == (0.0, 0.0)


def test_whole_generated_faces_are_left_out_of_the_headline(items: list[LabelledItem]) -> None:
    items = [replace(item, method="VASA-1") if item.name == "f4" else item for item in items]
    assert evaluated(items, MadeUp(TABLE)).clean.fakes == 3


def test_the_interval_is_by_video(items: list[LabelledItem], found: Robustness) -> None:
    """All four fakes are caught as they are, and a quarter after it: shares, of which four say little."""
    clean, weak = found.clean, found.of("blur")[0]
    assert clean.caught.interval == pytest.approx(wilson_interval(1.0, 4)) and clean.caught.note == "4 of 4"
    assert clean.flagged.interval == pytest.approx(wilson_interval(0.0, 4))
    assert clean.coverage.interval == pytest.approx(wilson_interval(1.0, 8))
    assert weak.caught.interval == weak.flagged.interval == pytest.approx(wilson_interval(0.25, 4))
    assert (clean.auc.value, clean.auc.interval, clean.auc.note) == (1.0, None, NO_SPREAD)


def test_results_given_are_not_judged_again(items: list[LabelledItem], tmp_path: Path) -> None:
    from screener.evaluation.run import judge

    screener = MadeUp(TABLE)
    clean = judge(items, screener, lambda kept, waiting: QuietProgress())  # type: ignore[arg-type]
    count = len(screener.scanned)
    assert evaluated(items, screener, clean=clean).clean.auc.value == 1.0
    assert len(screener.scanned) == count + 2 * len(items)


@pytest.mark.parametrize("stop_at", [0, 5, 8, 13, 23])
def test_a_stop_loses_at_most_one_item(items: list[LabelledItem], tmp_path: Path, stop_at: int, found: Robustness) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    first, second = MadeUp(TABLE, stop_at), MadeUp(TABLE)
    with pytest.raises(KeyboardInterrupt):
        evaluated(items, first, folder=folder)
    assert first.applied is None
    assert evaluated(items, second, folder=folder) == found
    assert len(first.scanned) + len(second.scanned) == 3 * len(items)
    assert not set(first.scanned) & set(second.scanned)


def test_a_line_cut_by_a_kill_is_judged_again(items: list[LabelledItem], tmp_path: Path, found: Robustness) -> None:
    evaluated(items, MadeUp(TABLE), folder=tmp_path)
    results = tmp_path / "blur-2.jsonl"
    results.write_bytes(results.read_bytes()[:-40])
    again = MadeUp(TABLE)
    assert evaluated(items, again, folder=tmp_path) == found
    assert again.scanned == [(("blur", 2), "f4")]


def test_results_of_two_conditions_are_never_mixed(items: list[LabelledItem], tmp_path: Path) -> None:
    evaluated(items, MadeUp(TABLE), folder=tmp_path)
    (tmp_path / "blur-5.jsonl").write_bytes((tmp_path / "blur-2.jsonl").read_bytes())
    with pytest.raises(DatasetError, match=r"blur-5\.jsonl: was made with another setting perturbation"):
        evaluated(items, MadeUp(TABLE), folder=tmp_path)


def test_progress_names_each_condition(items: list[LabelledItem]) -> None:
    told: list[tuple[str, int, int]] = []

    def start(*arguments: Any) -> QuietProgress:
        told.append(arguments)
        return QuietProgress()

    evaluated(items, MadeUp(TABLE), start=start)
    assert told == [(AS_IT_IS, 0, 8), ("blur, kernel 9", 0, 8), ("blur, kernel 21", 0, 8)]


@pytest.mark.parametrize(("kind", "strength", "message"), [("fog", 1, "perturbation: expected"), ("blur", 6, "strength: expected")])
def test_unknown_conditions_are_refused_before_anything_is_judged(
    items: list[LabelledItem], kind: str, strength: int, message: str
) -> None:
    screener = MadeUp(TABLE)
    with pytest.raises(SettingsError, match=message):
        evaluated(items, screener, kinds=(kind,), strengths=(strength,))
    assert not screener.scanned


def test_a_frame_keeps_its_time_and_number_through_a_transform() -> None:
    frame = Frame(np.full((32, 32, 3), 90, np.uint8), 1.5, 7)
    after = Applied("noise", 2).transform("a.mp4")(frame)
    assert (after.pts_seconds, after.index) == (1.5, 7)
    again = Applied("noise", 2).transform("a.mp4")(frame)
    assert np.array_equal(after.picture_rgb, again.picture_rgb) and not np.array_equal(after.picture_rgb, frame.picture_rgb)


def test_it_is_plain_json(found: Robustness) -> None:
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert document["schema_version"] == 1
    assert [(one["kind"], one["strength"], one["auc"]["value"]) for one in document["conditions"]] == [
        ("", 0, 1.0), ("blur", 2, 0.75), ("blur", 5, None),
    ]  # fmt: skip


def test_the_table_says_every_condition(found: Robustness) -> None:
    lines = robustness_text(found).splitlines()
    assert lines[0] == "Swaps, lip-syncs and reenactments against reals: 4 fakes and 4 reals"
    assert lines[3].split() == ["as", "it", "is", "1.000", "100", "%", "0", "%", "100", "%"]
    (weak,) = (line for line in lines if line.startswith("blur 2: kernel 9"))
    assert weak.split()[4] == "0.750" and weak.split()[-6:] == ["25", "%", "25", "%", "75", "%"]
    (strong,) = (line for line in lines if line.startswith("blur 5: kernel 21"))
    assert strong.split()[4:] == ["-", "0", "%", "0", "%", "0", "%"]


def test_the_section_and_its_charts(found: Robustness) -> None:
    pytest.importorskip("matplotlib")
    (chart,) = robustness_charts(found)
    assert chart.alternative == "AUC as it is 1.00, kernel 9 0.75"
    assert chart.svg.startswith("<svg") and "strength (kernel)" in chart.svg
    section = robustness_section(found)
    assert section.startswith("<section>") and section.rstrip().endswith("</section>")
    assert section.count("<tr>") == 1 + 3 and "2: kernel 9" in section
    assert "<svg" in section and "style=" not in section


def test_without_matplotlib_the_section_says_what_is_missing(found: Robustness, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("robustness_plots", "robustness_report"):
        monkeypatch.setattr(f"screener.evaluation.{module}.can_draw", lambda: False)
    section = robustness_section(found)
    assert "<svg" not in section and "pip install" in section


def test_every_kind_has_a_chart(items: list[LabelledItem]) -> None:
    pytest.importorskip("matplotlib")
    table: Scores = {("", 0): CLEAN, **{(kind, strength): BLURRED for kind in PERTURBATIONS for strength in (1, 5)}}
    everything = evaluated(items, MadeUp(table), kinds=tuple(PERTURBATIONS), strengths=(1, 5))
    charts = robustness_charts(everything)
    assert len(charts) == len(PERTURBATIONS) == len({chart.svg for chart in charts})
