"""A Screener that perturbs inputs before judging them, for `screener evaluate --perturb`.

Knows frames, clips and verdicts. Does not know labels or figures.
"""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from screener.encoding.h264 import write_h264
from screener.errors import SourceError
from screener.perturbation.applied import Applied
from screener.perturbation.kinds import VERSION
from screener.records import Verdict
from screener.runtime.file_hash import sha256_of
from screener.scanning.screener import Screener, as_source
from screener.scanning.single_pass import OnProgress
from screener.scanning.stages import FrameTransform
from screener.settings import ScanSettings
from screener.verdict.judging import withheld
from screener.video import Source, SourceFailure, file_source, open_video
from screener.video.container.gate import check_file

SETTING = "perturbation"
"""Key in the settings of verdicts on perturbed items, so that results of two conditions are never mixed."""


class PerturbedScreener(Screener):
    """A Screener whose `scan` applies `applied` to the input first, or nothing if it is None."""

    applied: Applied | None = None

    def scan(
        self,
        source: Source | SourceFailure | str | bytes | Path,
        on_progress: OnProgress | None = None,
        frame_transform: FrameTransform | None = None,
    ) -> Verdict:
        """As `Screener.scan`; the verdict's settings name the perturbation."""
        applied, found = self.applied, as_source(source)
        if applied is None:
            return super().scan(found, on_progress, frame_transform)
        if isinstance(found, SourceFailure):
            verdict = super().scan(found)
        elif applied.perturbation.whole_clips and _is_clip(found):
            verdict = self._scan_recoded(found, int(applied.perturbation.level(applied.strength)), on_progress)
        else:
            verdict = super().scan(found, on_progress, applied.transform(found.path.name if found.path else found.name))
        return replace(verdict, settings={**verdict.settings, SETTING: f"{applied.kind} {applied.strength}, version {VERSION}"})

    def _scan_recoded(self, source: Source, crf: int, on_progress: OnProgress | None) -> Verdict:
        """Encode every frame with H.264 into a temporary clip, and judge that instead of the video."""
        with tempfile.TemporaryDirectory(prefix="screener-") as folder:
            clip = Path(folder) / "clip.mp4"
            settings = ScanSettings(
                all_frames=True, max_pixels=self.settings.max_pixels, time_limit_seconds=self.settings.time_limit_seconds
            )  # fmt: skip
            try:
                with closing(open_video(source, settings)) as video:
                    written = write_h264(clip, video.frames(), crf, video.facts.fps)
                    damage = video.facts.reasons
            except SourceError:
                written, damage = 0, ()
            if not written:
                # An unreadable input gets the same verdict as without a perturbation.
                return super().scan(source, on_progress)
            verdict = super().scan(file_source(clip, source.name), on_progress)
        assert source.path is not None
        if damage:
            outcome = "undecided" if verdict.outcome == "genuine" else verdict.outcome
            reasons = tuple(dict.fromkeys((*damage, *verdict.reasons)))
            verdict = replace(verdict, outcome=outcome, coverage="partial", reasons=reasons, people=withheld(verdict.people, "partial"))
        return replace(verdict, sha256=sha256_of(source.path))


def _is_clip(source: Source) -> bool:
    try:
        return source.path is not None and check_file(source.path, source.name) in ("video", "gif")
    except SourceError:
        return False
