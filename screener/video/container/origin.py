"""What a file says of where it comes from: its C2PA manifest, and what an encoder or camera wrote into its container.

Runs in the decoding process. Everything here is a statement of the file, which whoever made the file could write: a manifest's signature
says by whom, the rest says nothing of that.
No address is followed, be it of a manifest or of a certificate's status.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from av.error import FFmpegError

from screener.errors import SourceError
from screener.video.container.opening import open_container

MOST_ENTRIES, LONGEST_TEXT = 40, 200

_MIME_TYPES = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".avi": "video/avi", ".jpg": "image/jpeg", ".jpeg": "image/jpeg",
    ".png": "image/png", ".webp": "image/webp", ".tif": "image/tiff", ".tiff": "image/tiff", ".gif": "image/gif", ".heic": "image/heic",
    ".heif": "image/heif", ".avif": "image/avif", ".dng": "image/x-adobe-dng",
}  # fmt: skip
_ENCODER_KEYS = ("encoder", "com.apple.quicktime.software", "software", "handler_name")
_CAMERA_KEYS = ("com.apple.quicktime.make", "com.apple.quicktime.model", "make", "model", "com.android.manufacturer", "com.android.model")
_PLACE = re.compile(r"location|gps|\bxyz\b", re.IGNORECASE)
_EXIF_MAKE, _EXIF_MODEL, _EXIF_SOFTWARE, _EXIF_TIME, _EXIF_GPS = 271, 272, 305, 306, 34853
_MOOV_LIMIT = 64 << 20


def origin_of(path: Path, trust_anchors: str | None) -> dict[str, Any]:
    """Plain values, ready for JSON, under `c2pa` and `container`. trust_anchors: PEM of the certificates that are trusted, if any."""
    return {"c2pa": _manifest_of(path, trust_anchors), "container": _exif_of(path) or _container_of(path)}


def _manifest_of(path: Path, trust_anchors: str | None) -> dict[str, Any]:
    """checked: False where the library is missing or does not know the kind of file. present, intact, trusted: None where unknown."""
    unknown: dict[str, Any] = {"checked": False, "present": None, "intact": None, "trusted": None, "remote": False, "note": ""}
    try:
        import c2pa
    except ImportError:
        return {**unknown, "note": "not_installed"}
    kind = _MIME_TYPES.get(path.suffix.lower())
    if kind is None:
        return {**unknown, "note": "unknown_kind"}
    settings: dict[str, Any] = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True}}
    if trust_anchors:
        settings["trust"] = {"trust_anchors": trust_anchors}
    try:
        context = c2pa.Context.from_dict(settings)
    except (c2pa.C2paError, ValueError):  # a fault of the list of trusted signers, which says nothing about the file
        return {**unknown, "note": "trust_anchors_not_usable"}
    try:
        with path.open("rb") as file, c2pa.Reader(kind, file, context=context) as reader:
            stated = _stated(json.loads(reader.json()), str(reader.get_validation_state()))
            return stated if trust_anchors else {**stated, "trusted": None}
    except (c2pa.C2paError, ValueError) as error:
        said = str(error)
        if said.startswith("ManifestNotFound"):
            return {**unknown, "checked": True, "present": False}
        if said.startswith("Remote"):
            return {**unknown, "checked": True, "present": True, "remote": True, "note": "remote_not_fetched"}
        if not _has_manifest_store(path):  # it could not find its way through the file, which says nothing about credentials
            return {**unknown, "note": "not_readable"}
        return {**unknown, "checked": True, "present": True, "intact": False, "note": _short(said)}


def _has_manifest_store(path: Path) -> bool:
    """Whether the label of a C2PA manifest store is anywhere in the file."""
    label, before = b"c2pa", b""
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            if label in before + block:
                return True
            before = block[-len(label) + 1 :]
    return False


def _stated(store: dict[str, Any], state: str) -> dict[str, Any]:
    """What the newest manifest states, and of its ingredients what was done to them."""
    manifest = store.get("manifests", {}).get(store.get("active_manifest"), {})
    signature = manifest.get("signature_info", {})
    tools = [" ".join(str(tool[key]) for key in ("name", "version") if tool.get(key)) for tool in manifest.get("claim_generator_info", [])]
    actions, sources = [], []
    for one in store.get("manifests", {}).values():
        for assertion in one.get("assertions", []):
            if str(assertion.get("label", "")).startswith("c2pa.actions"):
                for action in assertion.get("data", {}).get("actions", []):
                    actions.append(_short(action.get("action", "")))
                    sources.append(_short(str(action.get("digitalSourceType") or "").rpartition("/")[2]))
    problems = [_short(status.get("code", "")) for status in store.get("validation_status") or []]
    # A signer nobody vouches for is no damage: these are two questions.
    trusted, damage = state == "Trusted", [code for code in problems if code != "signingCredential.untrusted"]
    return {
        "checked": True,
        "present": True,
        "intact": state in ("Valid", "Trusted") and not damage,
        "trusted": trusted,
        "remote": False,
        "note": "",
        "signer": _short(signature.get("issuer", "")),
        "signed_at": _short(signature.get("time", "")),
        "tool": _short(", ".join(tools)),
        "actions": _distinct(actions),
        "source_types": _distinct(sources),
        "problems": _distinct(problems),
    }


def _container_of(path: Path) -> dict[str, Any]:
    try:
        with open_container(path, path.name) as container:
            said = {str(key).lower(): str(value) for key, value in container.metadata.items()}
            of_streams = [{str(k).lower(): str(v) for k, v in stream.metadata.items()} for stream in container.streams.video]
            everything = [said, *of_streams]
            return {
                "format": _short(container.format.name),
                "encoder": _first(everything, _ENCODER_KEYS),
                "camera": " ".join(_distinct([said[key] for key in _CAMERA_KEYS if said.get(key)])),
                "created": _first(everything, ("com.apple.quicktime.creationdate", "creation_time", "date")),
                "edit_list_entries": _edit_list_entries(path) if "mov" in container.format.name.split(",") else None,
                "has_place": any(_PLACE.search(key) for values in everything for key in values),
            }
    except (SourceError, FFmpegError, OSError):
        return {}


def _exif_of(path: Path) -> dict[str, Any]:
    """Of a picture; empty for what Pillow takes for none."""
    from PIL import Image

    with suppress(Exception), Image.open(path) as picture:
        if getattr(picture, "is_animated", False):
            return {}
        exif = picture.getexif()
        return {
            "format": _short(picture.format or ""),
            "encoder": _short(exif.get(_EXIF_SOFTWARE, "")),
            "camera": _short(" ".join(str(exif[tag]) for tag in (_EXIF_MAKE, _EXIF_MODEL) if exif.get(tag))),
            "created": _short(exif.get(_EXIF_TIME, "")),
            "edit_list_entries": None,
            "has_place": bool(exif.get_ifd(_EXIF_GPS)),
        }
    return {}


def _edit_list_entries(path: Path) -> int | None:
    """Of all tracks of an MP4 (ISO/IEC 14496-12, 8.6.6); None where its index is too large to look through."""
    with path.open("rb") as file:
        while header := file.read(16):
            size, name = int.from_bytes(header[:4], "big"), header[4:8]
            length = int.from_bytes(header[8:16], "big") if size == 1 else size
            if name == b"moov":
                if not 8 <= length <= _MOOV_LIMIT:
                    return None
                index = header[8:] + file.read(length - 16)
                return sum(int.from_bytes(index[at.end() + 4 : at.end() + 8], "big") for at in re.finditer(rb"elst", index))
            if length < 8:
                return 0
            file.seek(length - 16, 1)
    return 0


def _first(places: list[dict[str, str]], keys: tuple[str, ...]) -> str:
    return next((_short(values[key]) for key in keys for values in places if values.get(key)), "")


def _distinct(values: list[str]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))[:MOST_ENTRIES]


def _short(value: object) -> str:
    return str(value or "").strip("\x00 ")[:LONGEST_TEXT]
