"""The stated origin of a file in plain words: its signed manifest (C2PA) and its container's metadata. Pure text.

Three facts about a manifest are reported separately: that it exists, that it matches its file, and that its signer is trusted.
None of them says whether a face was replaced, and none affects the score.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from screener.report.wording import counted, listed, visible

UNTRUSTED = "signingCredential.untrusted"
"""A problem that the statement on trust already covers."""

INSTALL = "pip install 'screener-video[provenance]'"

NOTES = {
    "not_installed": f"not looked for: {INSTALL}",
    "unknown_kind": "not looked for: none is defined for this kind of file",
    "trust_anchors_not_usable": "not looked for: the list of trusted signers cannot be used",
    "not_readable": "not looked for: the library for them cannot read this file",
    "remote_not_fetched": "it lies elsewhere; addresses in files are not followed",
}

SOURCE_TYPES = {
    "trainedAlgorithmicMedia": "made by generative AI",
    "compositeWithTrainedAlgorithmicMedia": "composed with parts made by generative AI",
    "algorithmicMedia": "made by a program",
    "digitalCapture": "captured by a camera",
    "computationalCapture": "captured by a camera and computed from several pictures",
    "composite": "composed of several elements",
    "compositeCapture": "composed of several captures",
    "screenCapture": "captured from a screen",
    "digitalCreation": "created by a person with a program",
}
"""IPTC's digital source types, as used in manifests."""

ACTIONS = {
    "c2pa.created": "created",
    "c2pa.opened": "opened",
    "c2pa.edited": "edited",
    "c2pa.color_adjustments": "colours adjusted",
    "c2pa.cropped": "cropped",
    "c2pa.resized": "resized",
    "c2pa.transcoded": "encoded anew",
    "c2pa.placed": "something placed in it",
    "c2pa.removed": "something removed",
    "c2pa.converted": "converted",
    "c2pa.published": "published",
    "c2pa.filtered": "filtered",
    "c2pa.drawing": "drawn on",
    "c2pa.dubbed": "dubbed",
    "c2pa.translated": "translated",
}

Fact = tuple[str, str]


def manifest_line(provenance: Mapping[str, Any]) -> str:
    """One line for a terminal; "" if there is no manifest, or none was looked for."""
    manifest = provenance.get("c2pa", {})
    if not manifest.get("present"):
        return ""
    return f"content credentials: {_standing(manifest)}{_stated(manifest)}; no part of the score"


def provenance_facts(provenance: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Rows for a page; none if the input is not a file."""
    if not provenance:
        return ()
    manifest, container = provenance["c2pa"], provenance["container"]
    facts = [
        ("Content credentials", _standing(manifest)),
        ("Signed by", visible(manifest["signer"])),
        ("Signed at", visible(manifest["signed_at"])),
        ("Made with", visible(manifest["tool"])),
        ("It states", _in_words(manifest["source_types"], SOURCE_TYPES)),
        ("Done to it", _in_words(manifest["actions"], ACTIONS)),
        ("Faults found", ", ".join(visible(code) for code in manifest["problems"] if code != UNTRUSTED)),
        ("Container", visible(container["format"])),
        ("Encoder", visible(container["encoder"])),
        ("Camera", visible(container["camera"])),
        ("Created", visible(container["created"])),
        ("Edit list", "" if container["edit_list_entries"] is None else counted(container["edit_list_entries"], "entry", "entries")),
        ("Place", {True: "the file holds where it was recorded", False: "none in the file"}.get(container["has_place"], "")),
    ]
    return tuple((name, value) for name, value in facts if value)


def _standing(manifest: Mapping[str, Any]) -> str:
    """Whether there is a manifest, whether it matches the file, and whether its signer is trusted."""
    if not manifest["present"]:
        return "none" if manifest["checked"] else NOTES.get(manifest["note"], "not looked for")
    if manifest["remote"]:
        return f"present; {NOTES['remote_not_fetched']}"
    fits = {True: "intact", False: "NOT INTACT: the file was changed since it was signed, or the manifest is damaged"}
    known = {True: "signer trusted", False: "signer not among the trusted", None: "no list of trusted signers was given"}
    return f"present; {fits.get(manifest['intact'], 'not known to be intact')}; {known[manifest['trusted']]}"


def _stated(manifest: Mapping[str, Any]) -> str:
    by = f"; signed by {visible(manifest['signer'])}" if manifest["signer"] else ""
    said = [*_worded(manifest["source_types"], SOURCE_TYPES), *_worded(manifest["actions"], ACTIONS)]
    return f"{by}; states: {listed(said)}" if said else by


def _in_words(values: list[str], words: Mapping[str, str]) -> str:
    return ", ".join(_worded(values, words))


def _worded(values: list[str], words: Mapping[str, str]) -> list[str]:
    return [words.get(value, visible(value)) for value in values]
