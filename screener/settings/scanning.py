"""How an input is scanned. Does not know the checkpoint; a setting of None takes the checkpoint's value."""

from __future__ import annotations

import hashlib
import re
import ssl
from dataclasses import asdict, dataclass, fields
from typing import Any

from screener.errors import SettingsError
from screener.settings.checks import DECODERS, DEVICES, DTYPES, above_zero, at_least, is_number, one_of, within

LONGEST_SECONDS = 1e9
"""Longest time that means something; what waits for one takes no number of seconds that is much larger."""

_LONGEST_QUOTE = 60
_PUBLISHED = re.compile(r"sha256 [0-9a-f]{64}")
"""How `to_dict` names certificates."""


@dataclass(frozen=True)
class ScanSettings:
    """How one input is sampled, judged and reported.

    Sampling (the first that is set applies: all_frames, fps, frames):
        frames: number of evenly spaced frames. fps: frames per second of video. all_frames: every frame.
        until_sure: start with frames of a file that are far apart, and examine more between them only while a person's outcome is open, up
        to one frame per second. budget_seconds: the same, until this much time has passed, whether the outcome is open or not.
    Judging:
        fpr: operating point, as a false-positive rate that the checkpoint was measured at. threshold: overrides it, between 0 and 1.
        min_face_px: a person with a smaller face, by its shorter side in pixels, is a passer-by and is not judged.
        min_frames: a person judged in fewer frames than this is `too_short`; does not apply to still pictures.
        min_sharpness: a less sharp crop is too blurred to judge (see `preprocessing.sharpness`); None takes the checkpoint's.
        pooling: rule over one person's frames; None takes the checkpoint's.
    Running:
        device, dtype: where and in which precision to score. batch_size: crops scored together.
        engine: what computes the network: a name (see `engines.ENGINES`), or the path of an .onnx file written by `screener export`.
        decoder: where video files are decoded: `cpu`, or `cuda` for an NVIDIA card; `auto` is the CPU. The CPU always decodes files that a
        card cannot, everything but video files, and single frames (until_sure, budget_seconds).
        detector: name of the face detector; None takes the checkpoint's.
        detect_every: of frames that follow each other within a second, search at least every n-th whole for faces, and the others for large
        faces, and for small ones where they were in the frame before. 1 searches all whole, as `live` and training do, with which scores
        of single frames then agree; None is 4 on a CPU and 1 on a GPU.
        stream_seconds: how long an endless stream is scanned. max_pixels: largest picture, width times height.
        time_limit_seconds: wall-clock limit for one input; None is none.
        thumbnails: how many crops per person are kept for the report.
    Limits for untrusted inputs (an input beyond them is not judged, and says why):
        max_duration_seconds: longest video. max_streams: most streams in one file. max_download_bytes: most that one address may send.
        decoder_memory_mb: memory of the decoding process, in MiB. stall_seconds: how long a single step of the decoder may take.
        allow_private: whether addresses may lead into private networks or to this machine.
    Beside the verdict:
        stress: whether each judged face is judged again after changes that a copy goes through, and the outcome held against those.
        provenance: whether files are asked where they come from. trust_anchors: certificates of the signers that are trusted, as PEM text,
        not the path of a file with it.
    """

    frames: int = 32
    fps: float | None = None
    all_frames: bool = False
    until_sure: bool = False
    budget_seconds: float | None = None
    fpr: float = 0.05
    threshold: float | None = None
    min_face_px: int = 40
    min_frames: int = 4
    min_sharpness: float | None = None
    pooling: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int = 16
    engine: str = "auto"
    decoder: str = "auto"
    detector: str | None = None
    detect_every: int | None = None
    stream_seconds: float = 30.0
    max_pixels: int = 8192 * 8192
    time_limit_seconds: float | None = 3600.0
    thumbnails: int = 6
    max_duration_seconds: float = 12 * 3600.0
    max_streams: int = 64
    max_download_bytes: int = 4 << 30
    decoder_memory_mb: int = 4096
    stall_seconds: float = 60.0
    allow_private: bool = False
    stress: bool = False
    provenance: bool = True
    trust_anchors: str | None = None

    def __post_init__(self) -> None:
        at_least("frames", self.frames, 1)
        at_least("min_face_px", self.min_face_px, 8)
        at_least("min_frames", self.min_frames, 1)
        at_least("batch_size", self.batch_size, 1)
        if self.detect_every is not None:
            at_least("detect_every", self.detect_every, 1)
        at_least("max_pixels", self.max_pixels, 1)
        at_least("thumbnails", self.thumbnails, 0)
        above_zero("fps", self.fps)
        above_zero("stream_seconds", self.stream_seconds)
        for name in ("budget_seconds", "time_limit_seconds"):
            above_zero(name, limit := getattr(self, name))
            if limit is not None and limit > LONGEST_SECONDS:
                raise SettingsError(f"{name}: expected at most {LONGEST_SECONDS:.0f}, got {limit!r}")
        within("max_duration_seconds", self.max_duration_seconds, 0.1, LONGEST_SECONDS)
        within("stall_seconds", self.stall_seconds, 0.1, 86_400)
        at_least("max_streams", self.max_streams, 1)
        at_least("max_download_bytes", self.max_download_bytes, 1)
        at_least("decoder_memory_mb", self.decoder_memory_mb, 1024)
        if not (is_number(self.fpr) and 0 < self.fpr < 1):
            raise SettingsError(f"fpr: expected a rate between 0 and 1, such as 0.05, got {self.fpr!r}")
        if self.threshold is not None and not (is_number(self.threshold) and 0 < self.threshold < 1):
            raise SettingsError(f"threshold: expected a probability between 0 and 1, got {self.threshold!r}")
        if self.min_sharpness is not None and not (is_number(self.min_sharpness) and 0 <= self.min_sharpness < float("inf")):
            raise SettingsError(f"min_sharpness: expected a number of at least 0, got {self.min_sharpness!r}")
        for name in ("all_frames", "until_sure", "allow_private", "stress", "provenance"):
            if not isinstance(getattr(self, name), bool):
                raise SettingsError(f"{name}: expected true or false, got {getattr(self, name)!r}")
        if self.progressive and (self.all_frames or self.fps is not None):
            raise SettingsError("until_sure and budget_seconds choose the frames themselves; give neither fps nor all_frames with them")
        if self.progressive and self.stress:
            raise SettingsError(
                "stress judges the frames of an even sample; until_sure and budget_seconds choose theirs by the scores, and after a change "
                "would have chosen others: give frames, fps or all_frames with it"
            )
        for name in ("pooling", "detector"):
            if not isinstance(getattr(self, name), str | None):
                raise SettingsError(f"{name}: expected text, got {getattr(self, name)!r}")
        if self.trust_anchors is not None:
            _check_certificates(self.trust_anchors)
        if not isinstance(self.engine, str):
            raise SettingsError(f"engine: expected a name or the path of an .onnx file, got {self.engine!r}")
        one_of("device", self.device, DEVICES)
        one_of("dtype", self.dtype, DTYPES)
        one_of("decoder", self.decoder, DECODERS)

    @property
    def progressive(self) -> bool:
        """Whether files are scanned in rounds, each denser than the one before."""
        return self.until_sure or self.budget_seconds is not None

    @property
    def decodes_on_card(self) -> bool:
        """Whether video files are decoded on an NVIDIA card."""
        return self.decoder == "cuda"

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, ready for JSON; certificates are named by their hash, as they are long; `stress` only if it is on."""
        named = self.trust_anchors and f"sha256 {hashlib.sha256(self.trust_anchors.encode()).hexdigest()}"
        values = {**asdict(self), "trust_anchors": named}
        return {name: value for name, value in values.items() if name != "stress" or value}

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> ScanSettings:
        """Settings from a mapping such as a TOML table; raises SettingsError naming any key that is not a setting."""
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise SettingsError(f"unknown setting {', '.join(unknown)}; known are {', '.join(sorted(known))}")
        return cls(**values)


def _check_certificates(trust_anchors: Any) -> None:
    """Raise SettingsError unless they can be read: with a list that cannot, nothing could be said of any signature."""
    expected = "trust_anchors: expected certificates as PEM text"
    if not isinstance(trust_anchors, str):
        raise SettingsError(f"{expected}, got {trust_anchors!r}")
    if _PUBLISHED.fullmatch(trust_anchors):  # settings that were read back; without the certificates no signature is looked at
        return
    try:
        # Notes between certificates may be in any script, which the parser does not take.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=trust_anchors.encode("ascii", "ignore").decode())
    except (ssl.SSLError, ValueError) as error:
        given = trust_anchors.strip().partition("\n")[0][:_LONGEST_QUOTE]  # no more of it, as it may be a key that was given by mistake
        advice = "the path of a file with them goes with --trust-anchors"
        raise SettingsError(f"{expected}, got text without one that can be read, beginning {given!r}; {advice}") from error
