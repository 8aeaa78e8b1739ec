"""What a container's header says about how a video was made: format, pixel format, profile, sound, software.

Reads the header and no packets. Runs in the calling process, so only for files that the decoding process has already read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from screener.video.container.opening import first_video, open_container

_SOFTWARE_TAGS = ("encoder", "software", "encoding_tool", "encoded_by", "com.apple.quicktime.software")


@dataclass(frozen=True)
class ContainerFacts:
    """Facts about the first video stream; empty if the header does not state them.

    container: such as `mov/mp4` or `matroska/webm`. pixel_format: such as `yuv420p`. profile: of the codec. sound: codec of the first audio
    track. software: the tag that names the program that wrote the file.
    """

    container: str = ""
    pixel_format: str = ""
    profile: str = ""
    sound: str = ""
    software: str = ""


def read_container_facts(path: Path, name: str) -> ContainerFacts:
    """Read the header of a video file, called `name` in messages. Raises SourceError if it is not a video."""
    with open_container(path, name) as container:
        stream, _ = first_video(container, name)
        sounds = [track.codec_context.name for track in container.streams.audio if track.codec_context is not None]
        return ContainerFacts(
            container="/".join(container.format.name.split(",")[:2]),
            pixel_format=stream.codec_context.pix_fmt or "",
            profile=stream.codec_context.profile or "",
            sound=sounds[0] if sounds else "none",
            software=_software(container.metadata) or _software(stream.metadata),
        )


def _software(tags: Mapping[str, str]) -> str:
    """The tag that names the writing program; containers call and spell it differently."""
    named = {name.lower(): value for name, value in tags.items()}
    return next((named[name] for name in _SOFTWARE_TAGS if named.get(name)), "")
