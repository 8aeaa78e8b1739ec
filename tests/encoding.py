"""Encoding in a thread of its own, as the doctor does."""

from __future__ import annotations

from screener.runtime.apart import apart

__all__ = ["apart"]
