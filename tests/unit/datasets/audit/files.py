"""Constructed facts about files: a test sets only what it is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from screener.datasets import LabelledItem
from screener.datasets.audit.incidental_facts import FileFacts
from screener.datasets.audit.jpeg_header import PictureHeader
from screener.records import VideoFacts


def item(name: str, label: int = 0, **changes: Any) -> LabelledItem:
    return LabelledItem(**{"path": Path(name), "name": name, "label": label, "group": name, "set_name": "made", **changes})


def file_facts(of: LabelledItem, **changes: Any) -> FileFacts:
    """A whole JPEG picture of 100 x 100 pixels whose bytes are its own."""
    fields: dict[str, Any] = {
        "item": of,
        "sha256": of.name,
        "size_bytes": 5000,
        "video": VideoFacts(size_wh=(100, 100), codec="mjpeg", is_still=True, frames_decoded=1),
        "header": PictureHeader(quality=90, tables="aa", sampling="4:2:0", progressive=False),
    }
    return FileFacts(**{**fields, **changes})
