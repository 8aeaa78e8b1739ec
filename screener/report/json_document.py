"""The report as one JSON document: one input's object if one input was requested, else an object that contains all of them.

Knows the public JSON only through `Verdict.to_json`. `schema.json` in this folder describes both forms.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from screener.records import SCHEMA_VERSION, Verdict
from screener.report.summary import Summary


def load_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of one input; its `$defs/several_inputs` describes the document of several."""
    text = resources.files("screener.report").joinpath("schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


class JsonWriter:
    """For one input, its object. For more, or an unknown number: `{"schema_version": 1, "inputs": [...], "summary": {...}}`.

    Written incrementally, so no verdict is kept. ASCII only: lone surrogates in names become \\udcXX escapes.
    """

    def __init__(self, inputs: int | None = None, colour: bool = False, columns: int | None = None) -> None:
        self._single = inputs == 1
        self._written = 0

    def begin(self) -> str:
        """The start of the document; nothing for a single input."""
        return "" if self._single else self._opening()

    def one(self, verdict: Verdict) -> str:
        """The object of one input. Raises ValueError for a second input if `inputs` was 1."""
        self._written += 1
        if not self._single:
            return ("\n" if self._written == 1 else ",\n") + verdict.to_json(indent=2)
        if self._written > 1:
            raise ValueError("JsonWriter was told of one input and was given a second; pass inputs=None when the number is not known")
        return verdict.to_json(indent=2) + "\n"

    def end(self, summary: Summary) -> str:
        """The summary and the end of the document; nothing for a single input that was judged."""
        if self._single and self._written:
            return ""
        # A run interrupted before its only input was judged must still leave valid JSON.
        opening = self._opening() if self._single else ""
        return f'{opening}\n], "summary": {json.dumps(summary.to_dict())}}}\n'

    def _opening(self) -> str:
        return f'{{"schema_version": {SCHEMA_VERSION}, "inputs": ['
