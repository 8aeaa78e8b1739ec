"""How a run on many machines is cut up and what it puts up with. Does not know Ray, stores or the checkpoint."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from screener.errors import SettingsError
from screener.settings.checks import above_zero, at_least, require_known, within


@dataclass(frozen=True)
class ClusterSettings:
    """How a run on many machines is divided, and when a worker counts as lost.

    shard_videos: inputs that are handed out together. actor_cpus: cores of one worker, which loads the models once.
    min_actors, max_actors: workers under Ray; without a maximum, as many as the cluster has cores for.
    gpu_scorers: workers under Ray that score the faces that all others find, each on a GPU of its own, or with the device `cpu` on
    `actor_cpus` cores; 0 where every worker scores its own.
    max_attempts: after so many deaths on a single input it gets the row `decoder_crash`.
    lease_seconds: a worker that was not heard of for so long counts as dead. deadline_seconds: a worker that has spent so long on one input
    is killed; None is the time limit of an input and a minute more.
    scratch: folder for downloads and journals on each machine; None is the system's folder for temporary files.
    """

    shard_videos: int = 256
    actor_cpus: int = 1
    min_actors: int = 1
    max_actors: int | None = None
    gpu_scorers: int = 0
    max_attempts: int = 3
    lease_seconds: float = 60.0
    deadline_seconds: float | None = None
    scratch: str | None = None

    def __post_init__(self) -> None:
        for name in ("shard_videos", "actor_cpus", "min_actors", "max_attempts"):
            at_least(name, getattr(self, name), 1)
        at_least("gpu_scorers", self.gpu_scorers, 0)
        if self.max_actors is not None:
            at_least("max_actors", self.max_actors, self.min_actors)
        within("lease_seconds", self.lease_seconds, 1, 3600)
        above_zero("deadline_seconds", self.deadline_seconds)
        if not isinstance(self.scratch, str | None):
            raise SettingsError(f"scratch: expected the path of a folder, got {self.scratch!r}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> ClusterSettings:
        """Settings from a mapping such as a TOML table; raises SettingsError naming any key that is not a setting."""
        require_known(cls, values)
        return cls(**values)
