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
        yield from _command(typer.main.get_command(cli.app), None, "screener")


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
        schema = json.loads(document)
        yield f"{schema['title'][0].upper()}{schema['title'][1:]}. {schema['description']}\n"
        yield from _properties(schema)
        for name, part in schema.get("$defs", {}).items():
            if "properties" in part:
                yield f"\n**{name}**: {part.get('description', '')}\n"
                yield from _properties(part)
        yield f"\nThe schema itself:\n\n```json\n{document}\n```"


def _properties(part: dict[str, Any]) -> Iterator[str]:
    required = set(part.get("required", ()))
    yield "| key | values | |\n|---|---|---|"
    for name, value in part.get("properties", {}).items():
        always = "" if name in required else " (not always there)"
        yield f"| `{name}` | {_values(value)} | {value.get('description', '')}{always} |"


def _values(value: dict[str, Any]) -> str:
    if "$ref" in value:
        return f"*{value['$ref'].rpartition('/')[2]}*"
    if "enum" in value:
        return ", ".join(f"`{one}`" for one in value["enum"])
    if "const" in value:
        return f"`{value['const']}`"
    if "anyOf" in value:
        return " or ".join(_values(one) for one in value["anyOf"])
    if value.get("type") == "array" and "items" in value:
        return f"array of {_values(value['items'])}"
    return str(value.get("type", "any"))


def setup(app: Sphinx) -> dict[str, bool]:
    for name, directive in {"commands": Commands, "words": Words, "schema": Schema}.items():
        app.add_directive(f"screener-{name}", directive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
