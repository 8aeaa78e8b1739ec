"""How an endless source is watched. Does not know the checkpoint; a setting of None takes the checkpoint's value."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from screener.errors import SettingsError
from screener.settings.checks import above_zero, is_number, require_known, within
from screener.settings.scanning import ScanSettings

LONGEST_WINDOW_SECONDS = 600.0


@dataclass(frozen=True)
class LiveSettings:
    """How a live source is opened, watched and judged.

    Watching:
        window_seconds: the verdict on a person is pooled over the frames of this many last seconds. A person not seen for that long is
        gone.
        judged_fps: maximum number of frames judged per second; a slow machine judges fewer, but always current ones.
        picture_fps: maximum number of frames passed on per second. Further frames are decoded, counted and dropped.
        duration_seconds: the watch ends after this time, sleep of the machine included; None watches until the source ends or the user
        stops it.
        heartbeat_seconds: an event says this often that the watch goes on, and how; None says nothing while nothing happens.
    Steadiness:
        min_frames, min_seconds: judged frames, and time between the first and last of them, needed before an outcome is shown.
        margin: a person called fake stays so until the pooled score is this much below the threshold.
        hold_seconds: how long a different outcome must last before fake is withdrawn, or genuine returns. Fake takes effect at once.
    Nothing stale:
        stale_seconds: the verdict is withdrawn after this time without a new frame. frozen_seconds: the same if all frames are alike.
        timeout_seconds: if opening, or a silence, takes longer than this, the source counts as lost.
        retry_seconds: waits before the attempts to reconnect; the last one repeats. retry_jitter: share by which they vary randomly.
        healthy_seconds: after a connection that lasted this long, the waits start anew.
        allow_private: a public address may redirect into a private network. An address that is private itself, like most cameras', always
        may.
    Judging, as in a scan:
        fpr, threshold, min_face_px, min_sharpness, pooling, detector, device, dtype, batch_size, max_pixels: see `ScanSettings`.
    """

    window_seconds: float = 10.0
    judged_fps: float = 10.0
    picture_fps: float = 15.0
    duration_seconds: float | None = None
    heartbeat_seconds: float | None = None
    min_frames: int = 4
    min_seconds: float = 1.0
    margin: float = 0.05
    hold_seconds: float = 2.0
    stale_seconds: float = 2.0
    frozen_seconds: float = 2.0
    timeout_seconds: float = 5.0
    retry_seconds: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0, 30.0)
    retry_jitter: float = 0.2
    healthy_seconds: float = 60.0
    allow_private: bool = False
    fpr: float = 0.05
    threshold: float | None = None
    min_face_px: int = 40
    min_sharpness: float | None = None
    pooling: str | None = None
    detector: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int = 16
    max_pixels: int = 8192 * 8192

    def __post_init__(self) -> None:
        within("window_seconds", self.window_seconds, 1, LONGEST_WINDOW_SECONDS)
        for name in ("judged_fps", "picture_fps"):
            within(name, getattr(self, name), 0.1, 240)
        for name in ("duration_seconds", "stale_seconds", "frozen_seconds", "timeout_seconds", "healthy_seconds"):
            above_zero(name, getattr(self, name))
        for name in ("stale_seconds", "frozen_seconds", "timeout_seconds", "healthy_seconds"):
            if getattr(self, name) is None:
                raise SettingsError(f"{name}: expected a number above 0, got None")
        if self.heartbeat_seconds is not None:
            within("heartbeat_seconds", self.heartbeat_seconds, 0.5, 3600)
        within("min_seconds", self.min_seconds, 0, LONGEST_WINDOW_SECONDS)
        if self.min_seconds > self.window_seconds / 2:
            raise SettingsError(
                "window_seconds and min_seconds: expected a window of at least twice min_seconds, "
                f"got {self.window_seconds!r} and {self.min_seconds!r}"
            )
        within("margin", self.margin, 0, 0.5)
        within("hold_seconds", self.hold_seconds, 0, 60)
        within("retry_jitter", self.retry_jitter, 0, 0.9)
        if not isinstance(self.retry_seconds, tuple) or not self.retry_seconds:
            raise SettingsError(f"retry_seconds: expected one or more numbers of seconds, got {self.retry_seconds!r}")
        for wait in self.retry_seconds:
            if not (is_number(wait) and 0 < wait <= 3600):
                raise SettingsError(f"retry_seconds: expected numbers above 0 and up to 3600, got {wait!r}")
        if not isinstance(self.allow_private, bool):
            raise SettingsError(f"allow_private: expected true or false, got {self.allow_private!r}")
        self.judging()

    def judging(self) -> ScanSettings:
        """The settings of a scan with the same judgement: every setting that both have, and all frames, each searched whole."""
        known = {item.name for item in fields(self)} & {item.name for item in fields(ScanSettings)}
        return ScanSettings(all_frames=True, detect_every=1, **{name: getattr(self, name) for name in known})

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> LiveSettings:
        """Settings from a mapping such as a TOML table; raises SettingsError naming any key that is not a setting."""
        require_known(cls, values)
        # TOML has lists but no tuples.
        plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        return cls(**plain)
