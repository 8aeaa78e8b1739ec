"""Constructed labelled items and results: a test sets only what it is about."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from screener.datasets import LabelledItem
from screener.evaluation.assembly import evaluation_of
from screener.evaluation.figures import Evaluation
from screener.evaluation.results import origin_of

SHA256 = "ab" * 32
THRESHOLD = 0.6
SWAP, LIP_SYNC, WHOLE_FACE = "DeepFaceLive", "Wav2Lip", "VASA-1"


def item(name: str, label: int = 0, **changes: Any) -> LabelledItem:
    fields: dict[str, Any] = {"group": name, "method": SWAP if label else "camera", "set_name": "made"}
    return LabelledItem(Path("/data") / name, name, label, **{**fields, **changes})


def frame(track_id: int, index: int, logit: float, side_px: float = 50.0, sharpness: float = 7.0) -> dict[str, Any]:
    box = [10.0, 20.0, 10.0 + side_px, 40.0 + side_px]
    return {"track_id": track_id, "frame_index": index, "logit": logit, "box_xyxy": box, "sharpness": sharpness}


def person_of(track_id: int, logits: Sequence[float] = (), reasons: Sequence[str] = (), outcome: str = "undecided") -> dict[str, Any]:
    """A person whose score is the mean over its frames, not calibrated."""
    p_fake = float(np.mean(expit(logits))) if len(logits) else None
    return {"track_id": track_id, "outcome": outcome, "p_fake": p_fake, "reasons": list(reasons)}


def row(source: str | Path, logits: Sequence[float] = (), **changes: Any) -> dict[str, Any]:
    """A result with one person, `logits` of its frames; without any, nobody was found."""
    person = person_of(1, logits)
    return {
        "schema_version": 1,
        "source": str(source),
        "sha256": hashlib.sha256(str(source).encode()).hexdigest(),
        "outcome": "undecided",
        "coverage": "complete",
        "reasons": [] if logits else ["no_face"],
        "threshold": THRESHOLD,
        "operating_point": {"fpr": 0.05, "genuine_below": 0.4},
        "video": {"codec": "h264", "size_wh": [640, 360]},
        "people": [person] if logits else [],
        "frames": [frame(1, index, logit) for index, logit in enumerate(logits)],
        "checkpoint": {"name": "made", "sha256": SHA256, "calibration": {"temperature": 1.0, "bias": 0.0}, "pooling": "mean"},
        "settings": {"frames": 32, "pooling": None, "batch_size": 16},
        "versions": {"screener": "0"},
        **changes,
    }


def evaluation(items: Sequence[LabelledItem], rows: Sequence[dict[str, Any]], name: str = "made") -> Evaluation:
    return evaluation_of(items, rows, origin_of(rows[0]), name)


def several(per_kind: int = 12, gap: float = 2.0) -> tuple[list[LabelledItem], list[dict[str, Any]]]:
    """Reals, swaps, lip-syncs and whole faces, `per_kind` of each; a real, a swap and a lip-sync share each scene.

    Swaps lie `gap` above reals on average, lip-syncs half of that, whole faces as far below.
    """
    kinds = {"real": (0, "camera", 0.0), "swap": (1, SWAP, gap), "lip": (1, LIP_SYNC, gap / 2), "whole": (1, WHOLE_FACE, -gap)}
    items, rows = [], []
    for kind, (label, method, shift) in kinds.items():
        for i in range(per_kind):
            group = f"alone {i}" if kind == "whole" else f"scene {i}"
            one = item(f"{kind}/{i}.mp4", label, group=group, method=method)
            middle = shift - 1.0 + 0.3 * ((7 * i + 3 * len(kind)) % per_kind)
            p_fake_above = middle > 0.4
            items.append(one)
            rows.append(row(one.path, [middle - 0.2, middle, middle + 0.2], outcome="fake" if p_fake_above else "genuine"))
    return items, rows
