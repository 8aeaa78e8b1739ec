"""Verdicts in, and out again in the next run, so that nothing finished is repeated after a stop at any moment, even kill -9 or a power cut.

Knows records, files and inputs. Does not judge anything, and does not know the stages.
"""

from __future__ import annotations

from screener.journal.book import GIVEN_UP_AFTER, Entry, Journal
from screener.journal.keys import InputKey, key_of

__all__ = ["GIVEN_UP_AFTER", "Entry", "InputKey", "Journal", "key_of"]
