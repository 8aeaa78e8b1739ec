"""A reference page of the API, generated from its OpenAPI document, without scripts or external resources."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, Response

from screener.serve.page import PAGE_HEADERS

router = APIRouter(include_in_schema=False)

_templates = Environment(
    loader=PackageLoader("screener.serve.reference", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def marked(text: str) -> Markup:
    """A description, in which names for programs stand between backticks, as HTML."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))


_templates.filters["marked"] = marked


@dataclass(frozen=True)
class Row:
    """A parameter, a field or a response. kind: its type, in words."""

    name: str
    kind: str
    meaning: str


@dataclass(frozen=True)
class Operation:
    """An operation of one path. anchor: of its heading."""

    anchor: str
    method: str
    path: str
    summary: str
    words: str
    parameters: tuple[Row, ...]
    body: tuple[Row, ...]
    answers: tuple[Row, ...]


@router.get("/reference")
def reference(request: Request) -> Response:
    """The page."""
    schema = request.app.openapi()
    kinds = [(name, fields_of(kind)) for name, kind in sorted(schema["components"]["schemas"].items()) if not _is_framework(name)]
    text = _templates.get_template("reference.html").render(
        title=f"API of screener {schema['info']['version']}",
        about=schema["info"]["description"],
        operations=list(operations_of(schema)),
        kinds=kinds,
    )
    return HTMLResponse(text, headers=PAGE_HEADERS)


def operations_of(schema: Mapping[str, Any]) -> Iterator[Operation]:
    """Every operation of an OpenAPI document, in its order."""
    for path, methods in schema["paths"].items():
        for method, found in methods.items():
            yield Operation(
                anchor=re.sub(r"\W+", "-", f"{method} {path}").strip("-"),
                method=method.upper(),
                path=path,
                summary=found.get("summary", ""),
                words=found.get("description", ""),
                parameters=tuple(_parameter(one) for one in found.get("parameters", [])),
                body=tuple(
                    Row(kind, kind_of(content.get("schema", {})), "")
                    for kind, content in found.get("requestBody", {}).get("content", {}).items()
                ),
                answers=tuple(_answer(status, one) for status, one in found["responses"].items()),
            )


def fields_of(kind: Mapping[str, Any]) -> tuple[Row, ...]:
    """The fields of an object."""
    return tuple(Row(name, kind_of(field), field.get("description", "")) for name, field in kind.get("properties", {}).items())


def kind_of(schema: Mapping[str, Any]) -> str:
    """A type in words: `text`, `list of CropView`, `number or null`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(kind_of(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    if schema.get("format") == "binary":
        return "bytes"
    if "properties" in schema and "title" in schema:
        return ", ".join(schema["properties"])
    return {"string": "text", "integer": "whole number"}.get(schema.get("type", ""), str(schema.get("type", "anything")))


def _parameter(one: Mapping[str, Any]) -> Row:
    place = one["in"] + ("" if one.get("required") else ", may be left out")
    default = one["schema"].get("default")
    meaning = one.get("description", "") + (f" ({default})" if default not in (None, "") else "")
    return Row(one["name"], f"{kind_of(one['schema'])}; {place}", meaning)


def _answer(status: str, one: Mapping[str, Any]) -> Row:
    kinds = ", ".join(f"{kind}: {kind_of(content.get('schema', {}))}" for kind, content in one.get("content", {}).items())
    return Row(status, kinds, one.get("description", ""))


def _is_framework(name: str) -> bool:
    return name in ("HTTPValidationError", "ValidationError")
