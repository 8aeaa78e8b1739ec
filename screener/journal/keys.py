"""How an input is recognised again: by its content, not by its name or place.

Knows sources. Does not know the journal or how content is hashed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from screener.video import Source, SourceFailure

Digest = Callable[[Path], str | None]
"""SHA-256 of a regular file's bytes; None if it cannot be read."""


@dataclass(frozen=True)
class InputKey:
    """text: the key of the input in the journal.

    lasting: whether the key identifies the content, so that a verdict stays valid. Otherwise, as for an address, it is valid only until the
    run has finished, because the content may change.
    """

    text: str
    lasting: bool


def key_of(source: Source | SourceFailure, digest: Digest) -> InputKey | None:
    """The key of an input; None if it has no content to identify (missing, unreadable, not a regular file, a camera).

    Such an input is judged again. The suffix counts as content, because decoders take hints from it.
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
