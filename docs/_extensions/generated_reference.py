"""Directives that write the reference from the program itself: its commands, its closed lists of words, its JSON Schemas.

```{screener-commands}
```
```{screener-words} REASONS
```
```{screener-schema} report/schema.json
```
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import screener
from screener import cli, errors

PACKAGE = Path(screener.__file__).parent
HELP_WIDTH = 96


class Generated(SphinxDirective):
    """Parses what `text` gives as Markdown, in place of itself."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes("\n".join(self.text()), allow_section_headings=True)

    def text(self) -> Iterator[str]:
        raise NotImplementedError


class Commands(Generated):
    """A section for each command, in the order of the help, with the help that the command prints."""

    def text(self) -> Iterator[str]:
        yield from _command(typer.main.get_command(cli.with_commands()), None, "screener")


def _command(command: Any, parent: Any, words: str) -> Iterator[str]:
    context = command.make_context(words.rpartition(" ")[2], ["--help"], parent=parent, resilient_parsing=True)
    context.terminal_width = context.max_content_width = HELP_WIDTH
    yield f"## `{words}`\n\n```text\n$ {words} --help\n{command.get_help(context)}\n```\n"
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        yield from _command(command.commands[name], context, f"{words} {name}")


class Words(Generated):
    """A table of one of the closed lists in `screener/errors.py`: REASONS or WARNINGS."""

    required_arguments, optional_arguments = 1, 0

    def text(self) -> Iterator[str]:
        yield "| word | it means |\n|---|---|"
        for word, meaning in getattr(errors, self.arguments[0]).items():
            yield f"| `{word}` | {meaning} |"


class Schema(Generated):
    """A JSON Schema of the package: a table of properties for each object in it, and the whole document."""

    required_arguments, optional_arguments = 1, 0

    def text(self) -> Iterator[str]:
        path = PACKAGE / self.arguments[0]
        self.env.note_dependency(str(path))
        document = path.read_text(encoding="utf-8")
        yield from SchemaTables(json.loads(document)).text()
        yield f"\nThe schema itself:\n\n```json\n{document}\n```"


WORD_LISTS = {"reasons": "[reasons](words.md#reasons)", "warnings": "[warnings](words.md#warnings)"}
"""Definitions that are closed lists of words, and where these are explained."""


class SchemaTables:
    """Definitions that are no objects are put in where they are named; those that are get a table of their own."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema

    def text(self) -> Iterator[str]:
        title = self._schema["title"]
        yield f"{title[0].upper()}{title[1:]}. {self._schema['description']}\n"
        yield from self._properties(self._schema)
        for name, part in self._schema["$defs"].items():
            if "properties" in part:
                yield f"\n**{name}**: {part.get('description', '')}\n"
                yield from self._properties(part)

    def _properties(self, part: dict[str, Any]) -> Iterator[str]:
        required = set(part.get("required", ()))
        yield "| key | values | |\n|---|---|---|"
        for name, value in part.get("properties", {}).items():
            meant = self._meant(value)
            described = value.get("description") or ("" if "properties" in meant else meant.get("description", ""))
            always = "" if name in required else " (not always there)"
            yield f"| `{name}` | {self._values(value)} | {described}{always} |"

    def _meant(self, value: dict[str, Any]) -> dict[str, Any]:
        """What a value refers to; itself where it refers to nothing."""
        meant = value
        if "$ref" in value:
            meant = self._schema
            for step in value["$ref"].split("/")[1:]:
                meant = meant[step]
        return meant

    def _values(self, value: dict[str, Any]) -> str:
        name = value.get("$ref", "").rpartition("/")[2]
        if name in WORD_LISTS:
            return f"array of {WORD_LISTS[name]}"
        meant = self._meant(value)
        if name and "properties" in meant:
            return "the object above" if meant is self._schema else f"*{name}*"
        if "enum" in meant:
            return ", ".join(f"`{one}`" for one in meant["enum"])
        if "const" in meant:
            return f"`{meant['const']}`"
        if "anyOf" in meant:
            return " or ".join(self._values(one) for one in meant["anyOf"])
        if meant.get("type") == "array" and "items" in meant:
            return f"array of {self._values(meant['items'])}"
        kind = meant.get("type", "any")
        return kind if isinstance(kind, str) else " or ".join(kind)


def setup(app: Sphinx) -> dict[str, bool]:
    for name, directive in {"commands": Commands, "words": Words, "schema": Schema}.items():
        app.add_directive(f"screener-{name}", directive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
