"""The report as one JSON document: the object of the input when one was asked for, else an object that holds all of them.

Knows the public JSON only through `Verdict.to_json`. `schema.json` beside this file describes both forms.
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
    """One input asked for: its object. More, or an unknown number: `{"schema_version": 1, "inputs": [...], "summary": {...}}`.

    Written piece by piece, so no verdict is kept. All ASCII: names with lone surrogates survive as \\udcXX escapes.
    """

    def __init__(self, inputs: int | None = None, colour: bool = False, columns: int | None = None) -> None:
        self._single = inputs == 1
        self._written = 0

    def begin(self) -> str:
        """The opening of the document; nothing where one input was asked for."""
        return "" if self._single else self._opening()

    def one(self, verdict: Verdict) -> str:
        """The object of one input; raises ValueError for a second where one was promised."""
        self._written += 1
        if not self._single:
            return ("\n" if self._written == 1 else ",\n") + verdict.to_json(indent=2)
        if self._written > 1:
            raise ValueError("JsonWriter was told of one input and was given a second; pass inputs=None when the number is not known")
        return verdict.to_json(indent=2) + "\n"

    def end(self, summary: Summary) -> str:
        """The summary and the closing; nothing where one input was asked for and judged."""
        if self._single and self._written:
            return ""
        # A run that was cut short before its only input was judged still leaves a document that can be read.
        opening = self._opening() if self._single else ""
        return f'{opening}\n], "summary": {json.dumps(summary.to_dict())}}}\n'

    def _opening(self) -> str:
        return f'{{"schema_version": {SCHEMA_VERSION}, "inputs": ['
