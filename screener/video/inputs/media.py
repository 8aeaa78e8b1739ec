"""Which files of a folder are videos or pictures: by suffix, or by their first bytes if the suffix is unknown.

Opens only files with unknown suffixes. An accepted file may still turn out to be damaged; skipped files are counted.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from screener.errors import SourceError
from screener.video.container.gate import HEAD_BYTES, check_file

# fmt: off
PICTURE_SUFFIXES = frozenset({
    ".apng", ".avif", ".avifs", ".bmp", ".dib", ".heic", ".heics", ".heif", ".heifs", ".hif", ".j2c", ".j2k", ".jfi", ".jfif", ".jif",
    ".jp2", ".jpc", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".jxl", ".mpo", ".pjp", ".pjpeg", ".png", ".tif", ".tiff", ".webp",
})
VIDEO_SUFFIXES = frozenset({
    ".264", ".265", ".266", ".3g2", ".3gp", ".3gp2", ".3gpp", ".3gpp2", ".amv", ".asf", ".av1", ".avc", ".avi", ".dav", ".divx", ".dv",
    ".dvr-ms", ".evo", ".f4v", ".flv", ".gif", ".h261", ".h263", ".h264", ".h265", ".h266", ".h26l", ".hevc", ".insv", ".ismv", ".ivf",
    ".jpgv", ".jpv", ".lrv", ".m1v", ".m2p", ".m2t", ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mjpg", ".mk3d", ".mkv", ".moov", ".mov",
    ".movie", ".mp2v", ".mp4", ".mp4v", ".mpe", ".mpeg", ".mpeg4", ".mpg", ".mpg2", ".mpv", ".mpv2", ".mqv", ".mts", ".mxf", ".nut",
    ".obu", ".ogm", ".ogv", ".ogx", ".qt", ".rm", ".rmvb", ".split", ".tod", ".trp", ".ts", ".vob", ".vro", ".vvc", ".webm", ".wmv",
    ".wtv", ".xvid", ".y4m",
})
SOUND_SUFFIXES = frozenset({
    ".3ga", ".aac", ".ac3", ".aif", ".aiff", ".alac", ".amr", ".ape", ".au", ".caf", ".dts", ".eac3", ".f4a", ".f4b", ".flac", ".m4a",
    ".m4b", ".m4p", ".m4r", ".mka", ".mp1", ".mp2", ".mp3", ".mpa", ".oga", ".ogg", ".opus", ".ra", ".spx", ".tta", ".wav", ".weba",
    ".wma", ".wv",
})
# fmt: on
MEDIA_SUFFIXES = PICTURE_SUFFIXES | VIDEO_SUFFIXES

_EITHER = re.compile(
    # Matroska, ASF, RealMedia and Ogg; the last shows its video in the first page.
    rb"\x1aE\xdf\xa3|0&\xb2u\x8ef\xcf\x11|\.RMF",
    re.DOTALL,
)
"""First bytes of formats for both video and audio, which only the suffix tells apart without opening the file."""

_VIDEO = re.compile(
    rb"....(?:ftyp(?!M4[ABP] )|moov|moof|mdat|styp|wide|pnot)"  # ISO base media, QuickTime
    rb"|RIFF....(?:AVI |AVIX|CDXA)|FLV\x01|GIF8[79]a|DKIF|YUV4MPEG2 |\x06\x0e\x2b\x34\x02\x05|nut/multimedia|DHAV|\x1f\x07\x00"
    rb"|\xb7\xd8\x00 7I\xda\x11"  # WTV
    rb"|OggS.{1,4080}?(?:\x80theora|BBCD|OVP80)"
    rb"|\x00\x00\x01(?:\xba|\xb3|\xb0|\x0f)"  # MPEG program and video streams, MPEG-4, VC-1
    rb"|\x00?\x00\x00\x01(?:[\x07\x27\x47\x67]|\x06[\x00-\x06]|\x09[\x10\x30\x50\x70\x90\xb0\xd0\xf0])"  # H.264
    rb"|\x00?\x00\x00\x01[\x40\x42\x46]\x01"  # HEVC
    rb"|(?:.{4})?G.{187}(?:.{4})?G.{187}(?:.{4})?G|G.{203}G.{203}G"  # MPEG transport stream
    rb"|\x12\x00\x0a",  # AV1 open bitstream units
    re.DOTALL,
)


def is_media(path: str) -> bool:
    """Whether a file is a video or picture by its suffix, or by its first bytes if the suffix is unknown."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix in MEDIA_SUFFIXES:
        return True
    try:
        if check_file(Path(path)) != "video":
            return True
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except (SourceError, OSError):
        return False
    return bool(_VIDEO.match(head) or (suffix not in SOUND_SUFFIXES and _EITHER.match(head)))
