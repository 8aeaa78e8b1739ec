"""The model card: figures from the evaluation, guarantees from the contract, and its failures in plain words."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import tiny_contract, tiny_network

from screener.checkpoint import Checkpoint, DataSet, Localisation, Measured, load_checkpoint, save_checkpoint
from screener.checkpoint.json_fields import to_plain
from screener.errors import CheckpointError
from screener.evaluation.figures import FIGURE_NAMES, Evaluation
from screener.evaluation.model_card import model_card, write_model_card
from screener.evaluation.wording import with_interval

from .made import evaluation, item, row, several


def checkpoint(tmp_path: Path, **changes: Any) -> Checkpoint:
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(path, tiny_contract(**changes), tiny_network().state_dict())
    return load_checkpoint(path)


def evaluated(of: Checkpoint, name: str = "made") -> Evaluation:
    items, rows = several(12)
    judged = [{**one, "checkpoint": {**one["checkpoint"], "sha256": of.sha256}} for one in rows]
    return evaluation(items, judged, name)


def sections(card: str) -> dict[str, str]:
    parts = re.split(r"^## (.+)$", card, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_sections_and_figures(tmp_path: Path) -> None:
    data = DataSet("faces | more", "cd" * 32, 1234, "research only")
    weights = checkpoint(
        tmp_path, training_data=(data,), limits="Made for tests.", figures={"recipe": "By hand.", "head_training": {"epochs": 3}}
    )
    found = evaluated(weights)
    card = model_card(found, weights)
    assert card.startswith("# tiny\n")
    told = sections(card)
    assert list(told) == [
        "What it is", "Not for", "How it was made", "What was measured", "Where it fails", "Calibration", "Operating points", "Licence",
    ]  # fmt: skip
    assert "Made for tests." in told["What it is"]
    assert "By hand." in told["How it was made"]
    assert "Head training: epochs 3." in told["How it was made"]
    assert "| faces \\| more | 1,234 | research only | `cdcdcdcdcdcdcdcd` |" in told["How it was made"]
    for name, figure in found.headline.figures.items():
        assert f"| {FIGURE_NAMES[name]} | {with_interval(figure)} | {figure.note} |" in told["What was measured"]
    assert f"`{found.data.list_sha256[:16]}`" in told["What was measured"]
    whole = with_interval(next(part for part in found.slices["family"] if part.name == "whole face").figures["video_auc"])
    assert f"- **family whole face**: taken for more genuine than real videos: AUC {whole}" in told["Where it fails"]
    assert "| 5 % | 0.600 | 0.400 | 100 | 100 |" in told["Operating points"]
    assert f"sha256 `{weights.sha256}`" in card
    assert "Apache-2.0" in told["Licence"]
    assert "\n\n\n" not in card
    for table in re.findall(r"(?:^\|.*\n)+", card, flags=re.M):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table


def test_a_card_is_of_the_checkpoint_that_was_evaluated(tmp_path: Path) -> None:
    weights = checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match="model card: the evaluation is of the checkpoint abababababababab, not of 'tiny'"):
        write_model_card(evaluation(*several(2)), weights, tmp_path / "card.md")
    assert not (tmp_path / "card.md").exists()
    write_model_card(evaluated(weights), weights, tmp_path / "card.md")
    assert (tmp_path / "card.md").read_text(encoding="utf-8") == model_card(evaluated(weights), weights)


def test_what_the_contract_does_not_say_is_said(tmp_path: Path) -> None:
    weights = checkpoint(tmp_path, operating_points=())
    told = sections(model_card(evaluated(weights), weights))
    assert "The checkpoint does not say." in told["How it was made"]
    assert "The checkpoint names no training data." in told["How it was made"]
    assert "None: it needs a threshold set by hand." in told["Operating points"]


def test_outcomes_at_thresholds_of_the_same_videos_flatter(tmp_path: Path) -> None:
    weights = checkpoint(tmp_path, figures={"calibration": {"data": "clips"}})
    same, other = (sections(model_card(evaluated(weights, name), weights))["Operating points"] for name in ("clips", "others"))
    assert "(chosen on these same videos, so this table flatters" in same
    assert "(chosen on clips):" in other
    assert "how it was made" not in same.lower()


@pytest.mark.parametrize(
    ("evaluated_on", "told"),
    [
        ("validation", "(chosen on these same videos, so this table flatters"),
        ("test", "(chosen on clips (validation)):"),
        ("", "(chosen on these same videos, so this table flatters"),  # the list of then had splits, this one does not say
    ],
)
def test_another_split_of_the_same_folder_does_not_flatter(evaluated_on: str, told: str, tmp_path: Path) -> None:
    weights = checkpoint(tmp_path, figures={"calibration": {"data": "clips", "splits": ["validation"]}})
    items, rows = several(12)
    judged = [{**one, "checkpoint": {**one["checkpoint"], "sha256": weights.sha256}} for one in rows]
    found = evaluation([replace(one, split=evaluated_on) for one in items], judged, "clips")
    assert told in sections(model_card(found, weights))["Operating points"]


def test_a_name_that_cannot_be_printed_is_the_one_that_the_contract_has(tmp_path: Path) -> None:
    weights = checkpoint(tmp_path, figures={"calibration": {"data": "clips 3 PM"}})
    assert "(chosen on these same videos" in sections(model_card(evaluated(weights, "clips 3\u202fPM"), weights))["Operating points"]


def test_the_map_of_the_blended_region_where_it_was_measured(tmp_path: Path) -> None:
    measured = Measured(0.9, 0.85, 0.95)
    located = Localisation(
        500, 0.4, measured, Measured(0.6, 0.55, 0.65), Measured(0.4, 0.35, 0.45), Measured(0.2, 0.1, 0.3), measured, 0.05
    )
    weights = checkpoint(tmp_path, figures={"localisation": to_plain(located)})
    told = sections(model_card(evaluated(weights), weights))["Where, not only whether"]
    assert "On 500 self-blended pictures" in told
    assert "overlaps the true region by 0.600 (0.550 to 0.650)" in told
    assert "Reports show it: the rule is" in told


def test_good_figures_promise_nothing_of_other_data(tmp_path: Path) -> None:
    weights = checkpoint(tmp_path)
    items = [item(f"{i}.mp4", i % 2) for i in range(40)]
    rows = [row(one.path, [4.0 * one.label - 2.0 + i / 100], outcome="undecided") for i, one in enumerate(items)]
    judged = [{**one, "checkpoint": {**one["checkpoint"], "sha256": weights.sha256}} for one in rows]
    found = evaluation(items, judged)
    told = sections(model_card(replace(found, held_out=replace(found.held_out, figures={}, note="takes more")), weights))
    assert "No slice of this data breaks a rule" in told["Where it fails"]
    assert "Other data may." in told["Where it fails"]
    assert "On videos not fitted to it was not measured: it takes more." in told["Calibration"]
