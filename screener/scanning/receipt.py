"""A report checked against what it is about: whether the input is still the one that was judged, by which weights, with what result.

Reads the JSON of a scan (one input, several, or lines) and the web page of an input. Judges again only if asked to. Prints nothing.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from html import unescape
from pathlib import Path
from typing import Any

from screener.checkpoint import load_checkpoint
from screener.errors import DatasetError
from screener.records import Verdict
from screener.runtime.file_hash import sha256_of
from screener.runtime.signatures import checked, signature_of
from screener.runtime.versions import versions
from screener.scanning.engines import model_beside
from screener.scanning.screener import Screener
from screener.scoring import OnnxRuntimeEngine
from screener.settings import ScanSettings
from screener.video.sources import paths_printed_as

SAME_SCORE = 0.02
"""Scores of one file on two machines differ by less than this (docs/measurements.md)."""

MOST_BYTES = 1 << 30

_NEEDED_TO_JUDGE_AGAIN = ("outcome", "p_fake", "reasons", "settings", "video")

_ROW = re.compile(r"<dt>(Name|SHA-256)</dt><dd[^>]*><bdi>(.*?)</bdi>", re.DOTALL)


@dataclass(frozen=True)
class Claim:
    """What a report says of one input. rest: the whole object where it is JSON, which alone can be judged again."""

    source: str
    sha256: str | None
    checkpoint_sha256: str
    rest: dict[str, Any] | None


@dataclass(frozen=True)
class Finding:
    """One thing that was checked. holds: None where it could not be told."""

    source: str
    what: str
    holds: bool | None
    words: str


def claims_of(report: Path) -> list[Claim]:
    """What a report says. Raises DatasetError for what is none of ours, naming the file."""
    try:
        with report.open("rb") as file:
            text = file.read(MOST_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise DatasetError(f"{report}: cannot be read: {error.strerror}") from error
    if text.lstrip()[:1] == "<":
        return [_of_page(report, text)]
    found = [_of_object(report, one) for one in _objects(report, text)]
    if not found:
        raise DatasetError(f"{report}: holds no input; give the JSON of a scan, or the page of one input")
    return found


def verified(
    report: Path, checkpoint: Path | None = None, rerun: bool = False, signature: Path | None = None, signers: Path | None = None
) -> Iterator[Finding]:
    """Check the signature, and every claim, one after the other.

    checkpoint: the weights that should have judged; the default weights if left out. signature: of the report; that beside it, if there is
    one, if left out. signers: who may have signed (`signatures.checked`). Raises DatasetError, CheckpointError and SettingsError.
    """
    claims = claims_of(report)
    if signature or signers or signature_of(report).exists():
        yield _signed(report, signature or signature_of(report), signers)
    weights = load_checkpoint(checkpoint)
    for claim in claims:
        held = _input(report, claim)
        yield held
        same = claim.checkpoint_sha256 == weights.sha256
        words = f"{weights.contract.name}, sha256 {weights.sha256[:16]}" if same else f"judged by sha256 {claim.checkpoint_sha256[:16]}"
        yield Finding(claim.source, "checkpoint", same, words if same else f"{words}; name those weights with --checkpoint")
        if claim.rest is not None:
            yield _versions(claim)
        if rerun:
            yield from _judged_again(report, claim, checkpoint, bool(held.holds) and same)


def _signed(report: Path, signature: Path, signers: Path | None) -> Finding:
    if not signature.exists():
        return Finding(str(report), "signature", None, f"there is none: no {signature.name} beside it; name it with --signature")
    check = checked(report, signature, signers)
    return Finding(str(report), "signature", check.holds, check.words)


def _objects(report: Path, text: str) -> list[Any]:
    try:
        document = json.loads(text)
    except ValueError:
        pass
    else:
        inputs = document["inputs"] if isinstance(document, dict) and "inputs" in document else [document]
        return inputs if isinstance(inputs, list) else []
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError as error:
        raise DatasetError(f"{report}: neither JSON of a scan nor a page of one: {error}") from error


def _of_object(report: Path, values: Any) -> Claim:
    try:
        for name in _NEEDED_TO_JUDGE_AGAIN:
            values[name]
        return Claim(str(values["source"]), values["sha256"], str(values["checkpoint"]["sha256"]), values)
    except (TypeError, KeyError) as error:
        raise DatasetError(f"{report}: no verdict of a scan: {error} is missing") from error


def _of_page(report: Path, text: str) -> Claim:
    """The first name and hash are the file's, the second the checkpoint's."""
    rows = [(name, unescape(value)) for name, value in _ROW.findall(text)]
    names, hashes = ([value for name, value in rows if name == wanted] for wanted in ("Name", "SHA-256"))
    if not names or len(hashes) < 2:
        raise DatasetError(f"{report}: no page of one input; an index has no hashes")
    return Claim(names[0], hashes[0] if re.fullmatch("[0-9a-f]{64}", hashes[0]) else None, hashes[1], None)


def _place(report: Path, claim: Claim) -> Path:
    """Where the input lies: as it was named, or beside the report."""
    named = list(paths_printed_as(claim.source))
    places = [*named, *(report.parent / path for path in named)]
    return next((path for path in places if os.path.exists(path)), places[-1])


def _input(report: Path, claim: Claim) -> Finding:
    path = _place(report, claim)
    if claim.sha256 is None:
        return Finding(claim.source, "input", None, "no hash of it was kept: it was no file, or could not be read")
    found = sha256_of(path)
    if found is None:
        return Finding(claim.source, "input", None, "it is not there any more, or cannot be read")
    holds = found == claim.sha256
    return Finding(claim.source, "input", holds, f"sha256 {found[:16]}" if holds else f"it was changed: sha256 {found[:16]} today")


def _versions(claim: Claim) -> Finding:
    assert claim.rest is not None
    then, now = claim.rest.get("versions", {}), versions()
    other = [f"{name} {then[name]}, {now.get(name, 'none')} today" for name in then if then[name] != now.get(name)]
    return Finding(claim.source, "versions", True if not other else None, "; ".join(other) or "as they were")


def _judged_again(report: Path, claim: Claim, checkpoint: Path | None, may: bool) -> Iterator[Finding]:
    if claim.rest is None:
        yield Finding(claim.source, "again", None, "a page does not hold every setting; give the JSON")
        return
    if not may:
        yield Finding(claim.source, "again", None, "not judged again: input or checkpoint are others")
        return
    if claim.rest["video"].get("reader") == "live":
        yield Finding(claim.source, "again", None, "not judged again: it was watched as it played, and a scan looks at other frames")
        return
    known = {field.name for field in fields(ScanSettings)} - {"trust_anchors"}
    chosen = {name: value for name, value in claim.rest["settings"].items() if name in known}
    if chosen.get("engine") == OnnxRuntimeEngine.name:
        chosen["dtype"] = "auto"  # it is that of the model
        if lacking := _lacking_model(claim.rest["settings"].get("model_sha256"), checkpoint):
            yield Finding(claim.source, "again", None, f"not judged again: {lacking}")
            return
    settings = ScanSettings.from_mapping(chosen)
    verdict = Screener(settings, checkpoint).scan(_place(report, claim))
    before, after = claim.rest["p_fake"], verdict.p_fake
    close = before is after if before is None or after is None else abs(before - after) <= SAME_SCORE
    same = claim.rest["outcome"] == verdict.outcome
    outcome = verdict.outcome if same else f"{claim.rest['outcome']} then, {verdict.outcome} now"
    scores = f"{before} then, {None if after is None else round(after, 4)} now"
    limited = settings.budget_seconds is not None or "limit_time" in (*claim.rest["reasons"], *verdict.reasons)
    why = "; its time was limited, so the speed of the machine decides which frames are looked at" if limited else ""
    holds = True if same and close else None if limited else False
    yield Finding(claim.source, "again", holds, f"{outcome}, p_fake {scores}{'' if holds else why}")
    if settings.stress:
        yield _stressed_again(claim, verdict)


def _lacking_model(sha256: str | None, checkpoint: Path | None) -> str:
    """What is needed to score as the report's model did; empty if that model lies beside the checkpoint."""
    if sha256 is None:
        return "an exported model scored the faces, and the report does not say which"
    beside = model_beside(load_checkpoint(checkpoint))
    if beside is not None and sha256_of(beside) == sha256:
        return ""
    return f"the exported model of sha256 {sha256[:16]} scored the faces; put that file at {beside}"


def _stressed_again(claim: Claim, verdict: Verdict) -> Finding:
    """Outcomes, not scores: those of single changes are not what anyone decides by."""
    assert claim.rest is not None
    then, now = (_outcomes(stress) for stress in (claim.rest.get("stress"), verdict.to_dict()["stress"]))
    other = [
        f"{name}: {then.get(name, 'none')} then, {now.get(name, 'none')} now" for name in {**then, **now} if then.get(name) != now.get(name)
    ]
    return Finding(claim.source, "stress", not other, "; ".join(other) or "the same outcome after each change")


def _outcomes(stress: Any) -> dict[str, str]:
    """Change -> outcome of the input and of each person, as the JSON has them; whatever else stands there is an outcome that differs."""
    if not isinstance(stress, dict):
        return {"stress test": "none"}
    try:
        changes = {
            one["name"]: ", ".join([one["outcome"], *(f"{person['track_id']} {person['outcome']}" for person in one["people"])])
            for one in stress["changes"]
        }
        return {**changes, "stable": str(stress["stable"]), "tipped by": ", ".join(stress["tipped_by"])}
    except (TypeError, KeyError, AttributeError):
        return {"stress test": "cannot be read"}
