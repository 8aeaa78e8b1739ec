"""What a run is: its settings, weights, versions and shards, as one object in the output store that is written last and once.

A worker on another machine reads it, and refuses to judge where its verdicts would differ. Knows stores and settings, not who judges.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from screener.checkpoint import default_checkpoint_path
from screener.cluster.inputs import Row
from screener.cluster.manifest import sharded, write_shard
from screener.cluster.stores import Missing, Store
from screener.errors import OutputError, SettingsError
from screener.runtime.file_hash import sha256_of
from screener.runtime.files import write_whole
from screener.runtime.versions import versions
from screener.scanning.engines import BESIDE
from screener.settings import ClusterSettings, ScanSettings

RUN = "run.json"
WEIGHTS = ".safetensors"
FORMAT = 1


@dataclass(frozen=True)
class Plan:
    """One run. id: of this plan; its shards lie below it. sources: as they were named. checkpoint: SHA-256 of the weights.

    shipped: whether the weights lie in the output store; else they are those that ship with screener. settings: of the scan, with the
    certificates beside them, which `ScanSettings.to_dict` only names. model: SHA-256 of the 8-bit model that travels with the weights, as a
    scan of the planning machine would use it; empty if there is none.
    """

    id: str
    sources: list[str]
    shards: int
    inputs: int
    input_bytes: int
    left_out: int
    checkpoint: str
    shipped: bool
    settings: dict[str, Any]
    cluster: dict[str, Any]
    trust_anchors: str | None = None
    model: str = ""
    versions: dict[str, str] = field(default_factory=versions)
    format: int = FORMAT

    @property
    def scan_settings(self) -> ScanSettings:
        """How every input is judged."""
        return ScanSettings.from_mapping({**self.settings, "trust_anchors": self.trust_anchors})

    @property
    def cluster_settings(self) -> ClusterSettings:
        """How the run is divided."""
        return ClusterSettings.from_mapping(self.cluster)

    def require_same_versions(self) -> None:
        """Raise SettingsError if this machine would judge with other versions, and so perhaps otherwise."""
        here = versions()
        other = [f"{name} {version}, here {here.get(name, 'none')}" for name, version in self.versions.items() if here.get(name) != version]
        if other:
            raise SettingsError(f"the run was planned with {'; '.join(other)}: install the same versions on every machine")


@dataclass(frozen=True)
class Wanted:
    """What a plan is made for. checkpoint: None for the weights that ship."""

    sources: list[str]
    settings: ScanSettings
    cluster: ClusterSettings
    checkpoint: Path | None


def read_plan(store: Store) -> Plan | None:
    """The plan of the run in a store, None if it has none. Raises SettingsError for what this version cannot read."""
    try:
        values = json.loads(store.read(RUN))
        if values.get("format") != FORMAT:
            raise SettingsError(f"{store.address}: made by another version of screener (format {values.get('format')!r}, here {FORMAT})")
        return Plan(**values)
    except Missing:
        return None
    except (ValueError, TypeError, AttributeError) as error:
        if isinstance(error, SettingsError):
            raise
        raise SettingsError(f"{store.address}/{RUN}: is no plan of a run: {error}") from error


def make_plan(store: Store, wanted: Wanted, rows: Iterable[Row], left_out: list[str]) -> Plan:
    """Write the shards, the weights if need be, and last the plan. left_out: filled while the rows are taken. Raises StoreLost.

    Where another command was first, its plan is returned.
    """
    identity, size, inputs, shards = secrets.token_hex(6), 0, 0, 0
    for shard in sharded(rows, wanted.cluster.shard_videos):
        write_shard(store, identity, shards, shard)
        shards, inputs, size = shards + 1, inputs + len(shard), size + sum(row.size for row in shard)
    if not inputs:
        raise SettingsError(f"{' '.join(wanted.sources)}: names no input; an empty list judges nothing")
    weights = _weights_of(wanted)
    model = _model_of(weights, wanted.settings)
    is_shipped = wanted.checkpoint is not None or model is not None
    if is_shipped:
        _ship(store, weights, WEIGHTS)
    if model is not None:
        _ship(store, model, BESIDE)
    plan = Plan(
        identity, wanted.sources, shards, inputs, size, len(left_out), _hash_of(weights), is_shipped,
        {**wanted.settings.to_dict(), "trust_anchors": None}, wanted.cluster.to_dict(), wanted.settings.trust_anchors,
        _hash_of(model),
    )  # fmt: skip
    if not store.create(RUN, json.dumps(asdict(plan), indent=1).encode()):
        found = read_plan(store)
        assert found is not None
        require_same(store, found, wanted)
        return found
    return plan


def require_same(store: Store, plan: Plan, wanted: Wanted) -> None:
    """Raise SettingsError unless a run that is there is the one that is wanted: the same command goes on with it, another may not."""
    asked, weights = {**wanted.settings.to_dict(), "trust_anchors": None}, _weights_of(wanted)
    other = sorted(name for name in asked if asked[name] != plan.settings.get(name))
    differences = {
        "sources": plan.sources != wanted.sources,
        "checkpoint": plan.checkpoint != _hash_of(weights),
        "8-bit model": plan.model != _hash_of(_model_of(weights, wanted.settings)),
        "trusted signers": plan.trust_anchors != wanted.settings.trust_anchors,
        "settings (" + ", ".join(other) + ")": bool(other),
    }
    found = [what for what, differs in differences.items() if differs]
    if found:
        raise SettingsError(f"{store.address}: holds another run, with other {' and '.join(found)}; name another place with -o")


def fetch_checkpoint(store: Store, plan: Plan, folder: Path) -> Path | None:
    """The weights of a run on this machine, with the 8-bit model beside them if it has one; None for those that ship.

    Raises SettingsError if they are other ones than planned.
    """
    if not plan.shipped:
        weights = default_checkpoint_path()
        if _hash_of(weights) != plan.checkpoint:
            raise SettingsError("the weights here are other ones than those of the run; install the same screener on every machine")
        if (model := _model_of(weights, plan.scan_settings)) is not None:
            raise SettingsError(f"{model}: the machine that planned the run has no such model and would judge otherwise; move it away here")
        return None
    path = folder / f"{plan.checkpoint[:16]}{WEIGHTS}"
    _fetch(store, plan.checkpoint, WEIGHTS, path)
    if plan.model:
        _fetch(store, plan.model, BESIDE, path.with_name(path.stem + BESIDE))
    return path


def _ship(store: Store, path: Path, suffix: str) -> None:
    """Write weights to the store, unless they are there. Their name tells their content, so whoever writes them writes the same."""
    key, data = _key(_hash_of(path), suffix), path.read_bytes()
    with suppress(Missing):
        if store.head(key).size == len(data):
            return
    store.write(key, data)


def _fetch(store: Store, sha256: str, suffix: str, path: Path) -> None:
    if sha256_of(path) != sha256:
        write_whole(path, store.read(_key(sha256, suffix)))
    if _hash_of(path) != sha256:
        raise SettingsError(f"{store.address}/{_key(sha256, suffix)}: was changed since the run was planned")


def _key(sha256: str, suffix: str) -> str:
    return f"checkpoint-{sha256[:16]}{suffix}"


def _weights_of(wanted: Wanted) -> Path:
    return wanted.checkpoint or default_checkpoint_path()


def _model_of(weights: Path, settings: ScanSettings) -> Path | None:
    """The 8-bit model beside the weights, if the settings may use it."""
    beside = weights.with_name(weights.stem + BESIDE)
    return beside if settings.engine in ("auto", "onnxruntime") and beside.is_file() else None


def _hash_of(path: Path | None) -> str:
    """SHA-256 of a file, empty for None."""
    if path is None:
        return ""
    found = sha256_of(path)
    if found is None:
        raise OutputError(f"{path}: the weights cannot be read")
    return found
