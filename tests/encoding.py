"""Encoding in a thread that ends with it, as the doctor does."""

from __future__ import annotations

from screener.runtime.apart import apart

__all__ = ["apart"]
