"""Validates requests for scans: settings, address, path, callback. Does not know the ledger and opens nothing."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from screener.errors import SettingsError, SourceError
from screener.serve.dispatch import SettingsFor
from screener.serve.options import ServeOptions
from screener.serve.problems import Refusal
from screener.settings import ScanSettings
from screener.video.inputs.expanding import STREAM_SCHEMES
from screener.video.masking import is_cut_short, masked
from screener.video.remote.addresses import check_address
from screener.video.sources import printable_name

CHANGEABLE = (
    "frames", "fps", "all_frames", "until_sure", "budget_seconds", "fpr", "threshold", "min_face_px", "min_frames", "min_sharpness",
    "pooling", "detect_every", "stream_seconds", "time_limit_seconds",
)  # fmt: skip
"""Settings that a request may change: sampling and judging, but not devices or limits."""

OF_THE_WEIGHTS = ("fpr", "threshold", "pooling")
"""Settings among these that are held against the weights when a request sets one; `fpr` counts only without a threshold."""

SAME_RATE = 1e-9
"""Difference of two rates that name the same operating point, as in `Contract.operating_point`."""

LONGEST_NAME = 255
CALLBACK_SCHEMES = ("http", "https")


class Wish(BaseModel):
    """A requested scan: exactly one of `upload_id`, `url` and `path`; none of them with a raw body."""

    model_config = ConfigDict(extra="forbid", strict=True)

    upload_id: str | None = Field(None, description="ID of a complete upload")
    url: str | None = Field(None, max_length=8192, description="Address to scan, if the server was started with --allow-urls")
    path: str | None = Field(None, max_length=4096, description="File inside a folder given with --allow-path")
    name: str | None = Field(None, max_length=LONGEST_NAME, description="Name in the verdict, instead of the upload's, address or path")
    settings: dict[str, Any] = Field(default_factory=dict, description="Changed settings: " + ", ".join(CHANGEABLE))
    force: bool = Field(False, description="Judge it again even if a verdict exists")
    callback_url: str | None = Field(None, max_length=2048, description="Receives the signed scan by POST once it is done")


def wish_of(text: bytes | str) -> Wish:
    """Parse a JSON object. Raises Refusal."""
    try:
        return Wish.model_validate_json(text)
    except ValidationError as error:
        raise refusal_of(error) from error


def refusal_of(error: ValidationError) -> Refusal:
    """The Refusal for an invalid body, with an error per field."""
    wrong = [(".".join(str(step) for step in one["loc"]), one["msg"]) for one in error.errors(include_url=False, include_input=False)]
    broken = any(one["type"] == "json_invalid" for one in error.errors(include_url=False, include_input=False))
    return Refusal("invalid", "The body is not valid JSON." if broken else "The request is invalid.", wrong, status=400 if broken else 422)


def checked_settings(changes: dict[str, Any], settings_for: SettingsFor) -> ScanSettings:
    """The settings of a scan with the requested changes. Raises Refusal."""
    wrong = [(f"settings.{name}", "is not for requests to set") for name in changes if name not in CHANGEABLE]
    if wrong:
        raise Refusal("invalid", f"A request may set {', '.join(CHANGEABLE)}.", wrong)
    try:
        settings = settings_for(changes)
    except (SettingsError, TypeError, ValueError, OverflowError) as error:
        raise Refusal("invalid", f"settings: {error}", [("settings", str(error))]) from error
    most = settings_for({}).time_limit_seconds
    if most is not None and (settings.time_limit_seconds is None or settings.time_limit_seconds > most):
        raise Refusal("invalid", f"settings: time_limit_seconds: expected at most {most:g}", [("settings.time_limit_seconds", "too long")])
    return settings


def check_choices(settings: ScanSettings, choices: Mapping[str, Sequence[Any]]) -> None:
    """Raises Refusal for settings that these weights cannot judge with. choices: see `Dispatch.choices`."""
    offered = {name: ", ".join(map(str, sorted(values))) for name, values in choices.items()}
    if settings.pooling is not None and settings.pooling not in choices["pooling"]:
        what = f"pooling: expected one of {offered['pooling']}, got {settings.pooling!r}"
        raise Refusal("invalid", f"settings: {what}", [("settings.pooling", what)])
    if settings.threshold is None and not any(abs(rate - settings.fpr) <= SAME_RATE for rate in choices["fpr"]):
        what = f"fpr: the weights were measured at {offered['fpr'] or 'no rate'}, not at {settings.fpr:g}; set one of these or a threshold"
        raise Refusal("invalid", f"settings: {what}", [("settings.fpr", what)])


def content_of(sha256: str, suffix: str, settings: ScanSettings) -> str:
    """Key that identifies equal scans: the file's bytes, its suffix (a hint for decoders), and the settings."""
    whole = json.dumps([sha256, suffix.lower(), settings.to_dict()], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()


def checked_name(name: str | None, otherwise: str = "video") -> str:
    """A name from a client -> its last component, safe to show; never a path."""
    last = (name or "").replace("\\", "/").rstrip("/").rpartition("/")[2].replace("\0", "").strip()
    return printable_name(last)[:LONGEST_NAME].strip() or otherwise


def checked_url(url: str, options: ServeOptions, allow_private: bool) -> tuple[str, str]:
    """(address, its name without secrets). Resolves its host; raises Refusal if it is not allowed."""
    if not options.allow_urls:
        raise Refusal("not_allowed", "This server judges no addresses; its operator can allow that with --allow-urls.")
    name = printable_name(masked(url))
    if any(ord(sign) < 33 or ord(sign) == 127 for sign in url) or url.partition(":")[0].lower() not in STREAM_SCHEMES or is_cut_short(url):
        raise Refusal("invalid", f"{name}: no address of kind {', '.join(sorted(STREAM_SCHEMES))}", [("url", "refused_protocol")])
    _check_address(url, "url", name, allow_private)
    return url, name


def checked_callback(url: str | None, allow_private: bool) -> str | None:
    """An allowed callback URL. Resolves its host; raises Refusal."""
    if url is None:
        return None
    name = printable_name(masked(url))
    if any(ord(sign) < 33 or ord(sign) == 127 for sign in url) or url.partition("://")[0].lower() not in CALLBACK_SCHEMES:
        raise Refusal("invalid", f"{name}: no address of kind http or https", [("callback_url", "refused_protocol")])
    _check_address(url, "callback_url", name, allow_private)
    return url


def checked_path(path: str, options: ServeOptions) -> Path:
    """A regular file inside an allowed folder, after resolving links. Raises Refusal, which reveals nothing about other files."""
    if not options.allow_paths:
        raise Refusal("not_allowed", "This server judges no files of its machine; its operator can allow a folder with --allow-path.")
    outside = Refusal("not_allowed", "The path leads to no file in the folders that are allowed.", [("path", "outside")])
    if "\0" in path or not os.path.isabs(path):
        raise outside
    try:
        real = Path(path).resolve(strict=True)
        inside = any(real.is_relative_to(folder) for folder in options.allow_paths) and real.is_file()
    except (OSError, RuntimeError, ValueError) as error:
        raise outside from error
    if not inside:
        raise outside
    return real


def _check_address(url: str, where: str, name: str, allow_private: bool) -> None:
    try:
        check_address(url, allow_private, name)
    except SourceError as error:
        # Not in the words of the command line, which name an option of `scan` and the address inside the network.
        private = f"{name}: leads into a private network; the server's operator can allow that with the setting allow_private"
        raise Refusal("invalid", private if error.reason == "refused_address" else str(error), [(where, error.reason)]) from error
    except (OSError, UnicodeError, ValueError) as error:
        raise Refusal("invalid", f"{name}: no sound address", [(where, "not_found")]) from error
