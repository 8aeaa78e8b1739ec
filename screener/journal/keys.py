"""By what an input is known again: its content, not its name or its place.

Knows sources. Does not know the journal or how content is hashed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from screener.video import Source, SourceFailure

Digest = Callable[[Path], str | None]
"""SHA-256 of a regular file's bytes, None when it cannot be read."""


@dataclass(frozen=True)
class InputKey:
    """text: what the journal files the input under.

    lasting: whether the key tells the content, so that a verdict holds for as long as the journal is kept. One that does not, an address,
    is good only until the run that it was judged in has finished: what lies there may change.
    """

    text: str
    lasting: bool


def key_of(source: Source | SourceFailure, digest: Digest) -> InputKey | None:
    """The key of an input; None for what has no content to be known by (missing, unreadable, no regular file, a camera).

    Such an input costs nothing to look at once more, or must be. The suffix counts as content: decoders take hints from it.
    """
    if isinstance(source, SourceFailure) or source.kind == "camera":
        return None
    if source.kind == "url":
        return InputKey(f"url {hashlib.sha256(str(source.target).encode('utf-8', 'surrogatepass')).hexdigest()}", lasting=False)
    paths = source.target if isinstance(source.target, tuple) else [source.path] if source.path is not None else []
    found = [(path.suffix.lower(), digest(path)) for path in paths]
    hashes = [f"{suffix} {content}" for suffix, content in found if content is not None]
    if not hashes or len(hashes) < len(found):
        return None
    whole = hashlib.sha256("\n".join(hashes).encode("utf-8", "surrogatepass")).hexdigest()
    return InputKey(f"{source.kind} {whole}", lasting=True)
