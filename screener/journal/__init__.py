"""Verdicts in, and out again in the next run, so that a stop at any moment, kill -9 and power cuts included, repeats nothing finished.

Knows records, files and what an input is. Does not judge anything, and does not know the stages.
"""

from __future__ import annotations

from screener.journal.book import GIVEN_UP_AFTER, Entry, Journal
from screener.journal.keys import InputKey, key_of

__all__ = ["GIVEN_UP_AFTER", "Entry", "InputKey", "Journal", "key_of"]
