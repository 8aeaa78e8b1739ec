"""The sound of a judged file under a video of ours, put there by a process of its own. Knows processes and files, not containers."""

from __future__ import annotations

from pathlib import Path

from screener.errors import REASONS, OutputError, SourceError
from screener.settings import ScanSettings
from screener.video.sandbox.child import Child
from screener.video.sandbox.limits import awaiting

LONGEST_SECONDS = 600.0
SUFFIXES = frozenset({".mp4", ".mkv"})


def with_sound(picture: Path, source: Path, target: Path, settings: ScanSettings) -> str:
    """Write to `target` the video of `picture` with the sound of `source`; -> how the name of such a file ends.

    picture: an MP4 of ours, whose time 0 is the beginning of the source's picture. Raises OutputError, and SourceError if it is
    the source that stands in the way.
    """
    child = Child("video.sandbox.sound_worker")
    try:
        child.request(picture, source, target, settings)
        with awaiting(child.popen, settings.time_limit_seconds or LONGEST_SECONDS):
            answer = child.receive()
    except ValueError:
        answer = None
    finally:
        child.kill()
        child.close_pipes()
    suffix = str((answer or {}).get("suffix"))
    if suffix not in SUFFIXES:
        why = str((answer or {}).get("failed", "the process that does it failed"))
        because_of = (answer or {}).get("because_of")
        if because_of in REASONS:
            raise SourceError(str(because_of), f"{source.name}: its sound cannot be put under the annotated picture: {why}")
        raise OutputError(f"{target}: the sound of {source.name} cannot be put under the picture: {why}")
    return suffix
