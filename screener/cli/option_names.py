"""Which option sets which setting, so that a refusal can name what the user typed. Knows names only."""

from __future__ import annotations

from collections.abc import Sequence

OTHERWISE_NAMED = {
    "auc_bound": "bound", "budget_seconds": "budget", "decoders": "decoder", "duration_seconds": "duration",
    "heartbeat_seconds": "heartbeat", "max_upload_bytes": "max-upload", "save_every_seconds": "save-every", "shares": "share",
    "time_limit_seconds": "time-limit", "window_seconds": "window",
}  # fmt: skip
"""Settings whose option has a different name."""


def option_of(setting: str) -> str:
    """The option that sets a setting, such as `--min-face-px` for `min_face_px`."""
    return "--" + OTHERWISE_NAMED.get(setting, setting).replace("_", "-").replace(" ", "-")


def as_typed(refusal: str, arguments: Sequence[str]) -> str:
    """A refusal that names each setting before its first colon by the option, if that is among the arguments of the command line.

    Settings of a file or of the environment keep their names: there the refusal begins with where they are from.
    """
    head, colon, rest = refusal.partition(": ")
    typed = {argument.partition("=")[0] for argument in arguments}
    return " and ".join(_named(name, typed) for name in head.split(" and ")) + colon + rest if colon else refusal


def _named(name: str, typed: set[str]) -> str:
    setting, dot, entry = name.partition(".")  # decoders.swap-96
    option = option_of(setting)
    if option not in typed or (dot and setting not in OTHERWISE_NAMED):  # a dot may also be that of a file's name
        return name
    return f"{option} {entry}" if dot else option
