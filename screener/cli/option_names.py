"""Which option sets which setting, so that a refusal can name what the user typed. Knows names only."""

from __future__ import annotations

import os
from collections.abc import Sequence

OTHERWISE_NAMED = {
    "auc_bound": "bound", "budget_seconds": "budget", "decoders": "decoder", "duration_seconds": "duration",
    "heartbeat_seconds": "heartbeat", "max_upload_bytes": "max-upload",
    "more_teachers": "add-teacher", "save_every_seconds": "save-every", "shares": "share",
    "time_limit_seconds": "time-limit", "window_seconds": "window",
}  # fmt: skip
"""Settings whose option has a different name."""


def option_of(setting: str) -> str:
    """The option that sets a setting, such as `--min-face-px` for `min_face_px`."""
    return "--" + OTHERWISE_NAMED.get(setting, setting).replace("_", "-").replace(" ", "-")


def as_typed(refusal: str, arguments: Sequence[str]) -> str:
    """A refusal that names each setting before its first colon by the option, if that is among the arguments of the command line.

    Settings of a file or of the environment keep their names: there the refusal begins with where they are from. A file may be called as a
    setting: what is itself among the arguments is a setting only if something was expected of it.
    """
    head, colon, rest = refusal.partition(": ")
    options = {argument.partition("=")[0] for argument in arguments}
    files = {os.path.normpath(word) for argument in arguments for word in (argument, argument.partition("=")[2]) if word}
    if not rest.startswith("expected ") and any(os.path.normpath(name) in files for name in {head, *head.split(" and ")}):
        return refusal
    return " and ".join(_named(name, options) for name in head.split(" and ")) + colon + rest if colon else refusal


def _named(name: str, options: set[str]) -> str:
    setting, dot, entry = name.partition(".")  # decoders.swap-96
    option = option_of(setting)
    if option not in options or (dot and setting not in OTHERWISE_NAMED):  # a dot may also be that of a file's name
        return name
    return f"{option} {entry}" if dot else option
