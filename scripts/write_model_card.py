"""Figures of the default checkpoint from a scan of labelled videos; writes `weights/MODEL_CARD.md`, where every figure comes from here.

    screener scan VIDEOS --jsonl -o results.jsonl
    python scripts/write_model_card.py results.jsonl VIDEOS/manifest.csv [--to weights/MODEL_CARD.md]

The videos also served to choose the calibration and the thresholds, so those are measured honestly as well: fitted on half of the groups
and tested on the other half, over several divisions.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from screener.checkpoint import Contract, default_checkpoint_path, load_checkpoint
from screener.datasets import read_manifest
from screener.evaluation import metrics
from screener.evaluation.calibration import MISSED_SHARE, fit_calibration, operating_point, pooled_p_fake
from screener.evaluation.methods import BLENDING, family_of
from screener.evaluation.videos import VideoScore, halves_by_group, labels_of, read_scores

DIVISIONS = 20
FPR = 0.05


def with_interval(metric: metrics.Metric, labels: np.ndarray, scores: np.ndarray) -> str:
    low, high = metrics.bootstrap_interval(metric, labels, scores)
    return f"{metric(labels, scores):.3f} ({low:.3f} to {high:.3f})"


def auc_row(name: str, chosen: np.ndarray, scored: Sequence[VideoScore], p_fake: np.ndarray) -> str:
    """AUC of the chosen fakes against all reals, and against the reals of the same scenes where there are at least five."""
    labels = labels_of(scored)
    groups = {s.video.group for s, c in zip(scored, chosen, strict=True) if c}
    same = np.array([s.video.label == 0 and s.video.group in groups for s in scored])
    paired = with_interval(metrics.roc_auc, labels[chosen | same], p_fake[chosen | same]) if same.sum() >= 5 else ""
    against = chosen | (labels == 0)
    return f"| {name} | {chosen.sum()} | {with_interval(metrics.roc_auc, labels[against], p_fake[against])} | {paired} |"


def auc_rows(scored: Sequence[VideoScore], p_fake: np.ndarray) -> list[str]:
    """A row for each family of methods and for each method in it."""
    family = np.array([family_of(s.video.method) if s.video.label else "" for s in scored])
    method = np.array([s.video.method if s.video.label else "" for s in scored])
    rows = [auc_row("**swaps and lip-syncs**", np.isin(family, BLENDING), scored, p_fake)]
    for name in sorted({f for f in family if f}, key=lambda f: (f not in BLENDING, f)):
        rows.append(auc_row(f"*{name}*", family == name, scored, p_fake))
        rows += [auc_row(m, method == m, scored, p_fake) for m in sorted({m for m, f in zip(method, family, strict=True) if f == name})]
    return rows


def held_out_figures(scored: Sequence[VideoScore], pooling: str) -> dict[str, list[float]]:
    """Calibration and threshold fitted on half of the groups, measured on the other half."""
    found: dict[str, list[float]] = {"ECE": [], "Brier": [], "real flagged": [], "fake caught": []}
    labels, logits = labels_of(scored), [s.logits for s in scored]
    for seed in range(DIVISIONS):
        fit = halves_by_group(scored, seed)
        if min(((labels == c) & part).sum() for c in (0, 1) for part in (fit, ~fit)) < 10:
            continue
        calibration = fit_calibration([x for x, f in zip(logits, fit, strict=True) if f], labels[fit], pooling)
        p = pooled_p_fake(logits, calibration, pooling)
        # Half of the videos can promise a rate only half as fine; the share is what counts here.
        rate = max(FPR, 1.0 / (labels[fit] == 0).sum())
        point = operating_point(labels[fit], p[fit], rate, MISSED_SHARE)
        found["ECE"].append(metrics.expected_calibration_error(labels[~fit], p[~fit]))
        found["Brier"].append(metrics.brier_score(labels[~fit], p[~fit]))
        found["real flagged"].append(float((p[~fit & (labels == 0)] >= point.threshold).mean()))
        found["fake caught"].append(float((p[~fit & (labels == 1)] >= point.threshold).mean()))
    return found


def outcome_rows(scores: Sequence[VideoScore]) -> list[str]:
    """Outcomes of the reals and of each family of fakes."""
    kinds: dict[str, Counter[str]] = {}
    for score in scores:
        kinds.setdefault(family_of(score.video.method) if score.video.label else "real", Counter())[score.outcome] += 1
    ordered = sorted(kinds.items(), key=lambda item: (item[0] != "real", item[0]))
    return [f"| {kind} | {counts['genuine']} | {counts['undecided']} | {counts['fake']} |" for kind, counts in ordered]


def card(contract: Contract, sha256: str, megabytes: float, scores: Sequence[VideoScore]) -> str:
    everything = [s for s in scores if len(s.logits)]
    p_everything = pooled_p_fake([s.logits for s in everything], contract.calibration, contract.pooling)
    scored = [s for s in everything if s.video.label == 0 or family_of(s.video.method) in BLENDING]
    labels = labels_of(scored)
    p_fake = pooled_p_fake([s.logits for s in scored], contract.calibration, contract.pooling)
    held_out = held_out_figures(scored, contract.pooling)
    complete = sum(s.coverage == "complete" for s in scores)
    figures = [
        ("AUC", with_interval(metrics.roc_auc, labels, p_fake)),
        ("average precision", with_interval(metrics.average_precision, labels, p_fake)),
        ("equal error rate", with_interval(metrics.equal_error_rate, labels, p_fake)),
        ("true positives at 5 % false positives", with_interval(metrics.true_positive_rate_at(0.05), labels, p_fake)),
    ]
    counts = contract.figures.get("training_pictures", {})
    lines = [
        f"# {contract.name}",
        "",
        f"Wide ResNet50-2 (split at {contract.split_point}), {megabytes:.1f} MB, sha256 `{sha256}`, made by screener "
        f"{contract.code_version}. "
        "Written by `scripts/write_model_card.py`; every figure below is printed by it.",
        "",
        "**What it is.** " + contract.limits,
        "",
        f"**Licence.** The weights are {contract.licence}.",
        "",
        "**Not for.** Deciding alone about a person, an employment, an account or a publication; identifying people; any use "
        "in which nobody looks at "
        "the evidence. It was not built to withstand someone who adapts a forgery to it.",
        "",
        "## How it was made",
        "",
        "`scripts/train_default_weights.py`: from random initialisation, with fakes blended on the fly from the real pictures "
        "(self-blended images, "
        "arXiv:2204.08376, and landmark-aligned swaps) beside the labelled fakes of the sets, both classes degraded alike "
        "(size, blur, noise, JPEG, WebP). A "
        "copy of the network with a quarter of the channels learnt first and was widened into Wide ResNet50-2 without "
        "changing its function "
        "(arXiv:1511.05641). Pictures seen in each stage: " + ", ".join(f"{name} {number:,}" for name, number in counts.items()) + ".",
        "",
        "| set | pictures | licence | sha256 |",
        "|---|---|---|---|",
        *[f"| {d.name} | {d.pictures:,} | {d.licence} | `{d.sha256[:16]}` |" for d in contract.training_data],
        "",
        "## What was measured",
        "",
        f"{len(scores)} development clips of up to five seconds that were never trained on: "
        f"{sum(s.video.label == 0 for s in scores)} real, "
        f"{sum(s.video.label == 1 for s in scores)} fake. {complete} were read completely; {len(everything)} hold a person "
        "that could be judged and are scored; "
        "figures are per video, with 95 % bootstrap intervals over videos. So few clips say little: read the intervals.",
        "",
        f"| swaps and lip-syncs ({int(labels.sum())}) against reals ({int((labels == 0).sum())}) | |",
        "|---|---|",
        *[f"| {name} | {value} |" for name, value in figures],
        "",
        "By method: AUC of its fakes against all real clips, and against the real clips of the same scenes where there are at "
        "least five. Methods that "
        "make the whole face stand apart: they are outside of what this checkpoint was trained to see, and an AUC below 0.5 "
        "there means that it takes "
        "their smooth pictures for more genuine than real ones.",
        "",
        "| fakes | clips | AUC against all reals | AUC against the same scenes |",
        "|---|---|---|---|",
        *auc_rows(everything, p_everything),
        "",
        f"Calibration and the threshold at {FPR:.0%} false positives, fitted on half of the groups and tested on the other "
        "half (mean and range over "
        f"{len(held_out['ECE'])} divisions):",
        "",
        "| figure | mean | range |",
        "|---|---|---|",
        *[f"| {name} | {np.mean(v):.3f} | {min(v):.3f} to {max(v):.3f} |" for name, v in held_out.items() if v],
        "",
        f"Outcomes of `screener scan` at its default operating point ({FPR:.0%}; chosen on these same clips, so this table flatters):",
        "",
        "| clips | genuine | undecided | fake |",
        "|---|---|---|---|",
        *outcome_rows(scores),
        "",
        "Operating points stored in the checkpoint:",
        "",
        "| false-positive rate | fake from | genuine below | real clips | fake clips |",
        "|---|---|---|---|---|",
        *[
            f"| {p.fpr:.0%} | {p.threshold:.3f} | {p.genuine_below:.3f} | {p.real_videos} | {p.fake_videos} |"
            for p in contract.operating_points
        ],
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--to", type=Path, default=Path("weights/MODEL_CARD.md"))
    arguments = parser.parse_args()
    checkpoint = load_checkpoint()
    used = {json.loads(line)["checkpoint"]["sha256"] for line in arguments.results.read_text(encoding="utf-8").splitlines()}
    if used != {checkpoint.sha256}:
        parser.error(f"{arguments.results} was not made with the default checkpoint {checkpoint.sha256}")
    scores = read_scores(arguments.results, read_manifest(arguments.manifest))
    text = card(checkpoint.contract, checkpoint.sha256, default_checkpoint_path().stat().st_size / 1e6, scores)
    arguments.to.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
