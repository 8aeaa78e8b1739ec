"""Clips of numbered frames, in every container and codec that PyAV can write here; and packets copied from one container to another.

Knows PyAV's writing side. Does not know what is wrong with a file that is made of them: see the kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec.context import Flags
from av.error import FFmpegError

from truth.facts import Shot
from truth.pictures import Label, numbered_picture, turned

FRAMES = 24
SIZES = ((160, 96), (176, 144), (192, 112), (96, 160), (128, 128), (240, 176))
SIZE_OF = {
    "h261": (176, 144), "h263": (176, 144), "h263p": (160, 96), "rv10": (176, 144), "rv20": (176, 144),
    "dnxhd": (256, 128), "dvvideo": (720, 576), "roqvideo": (160, 96), "amv": (160, 112), "avrp": (160, 96), "gif": (160, 96),
}  # fmt: skip
"""Of codecs that know few sizes."""

RATIO_OF = {"h263": Fraction(12, 11), "dvvideo": Fraction(16, 15)}
"""Of samples in codecs whose sizes have proportions of their own."""

WIDE_GOP = "8"
OPTIONS: dict[str, dict[str, str]] = {
    "libx264": {"preset": "ultrafast", "bf": "2", "g": WIDE_GOP, "crf": "20"},
    "libx264rgb": {"preset": "ultrafast", "g": WIDE_GOP, "crf": "20"},
    "libx265": {"preset": "ultrafast", "crf": "20", "x265-params": f"keyint={WIDE_GOP}:pools=none:log-level=none"},
    "libsvtav1": {"preset": "8", "crf": "20", "svtav1-params": f"keyint={WIDE_GOP}:enable-tf=0"},  # quicker ones repeat frames
    "libvpx": {"b": "2M", "g": WIDE_GOP, "cpu-used": "8", "deadline": "realtime"},
    "libvpx-vp9": {"b": "2M", "g": WIDE_GOP, "cpu-used": "8", "deadline": "realtime"},
    "mpeg1video": {"b": "3M", "g": WIDE_GOP, "bf": "2"},
    "mpeg2video": {"b": "3M", "g": WIDE_GOP, "bf": "2"},
    "dnxhd": {"profile": "dnxhr_sq"},
}
ORDINARY = {"b": "3M", "g": WIDE_GOP}

PIXELS = (
    "yuvj420p", "yuv420p", "yuv422p", "yuv422p10le", "yuv444p", "rgb24", "bgr24", "bgr0", "rgba", "bgra", "rgb8", "rgb555le", "gray",
    "pal8",
)  # fmt: skip
"""The first of these that a codec takes is what it is given; those that take none of them are given their own first."""

ONLY_HARDWARE = ("_amf", "_nvenc", "_qsv", "_v4l2m2m")

SUFFIX = {
    "mp4": ".mp4", "mov": ".mov", "matroska": ".mkv", "webm": ".webm", "avi": ".avi", "mpegts": ".ts", "mpeg": ".mpg", "vob": ".vob",
    "dvd": ".vob", "svcd": ".mpg", "vcd": ".mpg", "flv": ".flv", "f4v": ".f4v", "asf": ".wmv", "asf_stream": ".asf", "ogg": ".ogg",
    "ogv": ".ogv", "3gp": ".3gp", "3g2": ".3g2", "ipod": ".m4v", "ismv": ".mp4", "psp": ".mp4", "mxf": ".mxf", "mxf_opatom": ".mxf",
    "gxf": ".gxf", "nut": ".nut", "rm": ".rm", "dv": ".dv", "ivf": ".ivf", "obu": ".obu", "h264": ".h264", "hevc": ".hevc", "m4v": ".m4v",
    "mjpeg": ".mjpeg", "mpeg1video": ".m1v", "mpeg2video": ".m2v", "h261": ".h261", "h263": ".h263", "dirac": ".drc", "dnxhd": ".dnxhd",
    "gif": ".gif", "apng": ".png", "webp": ".webp", "avif": ".avif", "yuv4mpegpipe": ".y4m", "swf": ".swf", "avm2": ".swf", "wtv": ".wtv",
    "roq": ".roq", "film_cpk": ".cpk", "amv": ".amv", "smjpeg": ".mjpg", "mpjpeg": ".mjpg", "image2pipe": ".pictures", "fits": ".fits",
    "filmstrip": ".flm",
}  # fmt: skip
"""Every container of moving pictures that PyAV writes as one file."""

UNDECLARED = {
    "mpegts": ("libx264", "libx265", "mpeg4", "mpeg1video", "vc2", "libsvtav1"),
    "mpeg": ("mpeg2video", "libx264", "libx265", "mpeg4"),
    "vob": ("mpeg1video", "libx264"),
    "mxf": ("libx264", "prores_ks", "dnxhd", "dvvideo", "jpeg2000", "ffv1"),
    "mxf_opatom": ("libx264", "jpeg2000"),
    "ogg": ("libvpx", "vc2"),
    "gxf": ("dvvideo", "mjpeg", "mpeg1video"),
    "matroska": ("huffyuv", "ffvhuff", "utvideo", "png", "mjpeg", "flv", "dvvideo", "cinepak", "magicyuv"),
}
"""What these containers hold although FFmpeg does not say so when asked."""

Pictures = Callable[[Label, tuple[int, int]], np.ndarray]


@dataclass(frozen=True)
class Track:
    """One video track. codec: name of an encoder. first: number of the first frame. start_seconds: when it is shown.

    milliseconds: from there, of each frame; evenly by the rate if left out. options, pixels: of the encoder, the usual ones if left out.
    turn: how a player is told to turn the picture, an index of `pictures.turned`. matrix: whether the container is to tell it.
    field: `tff` or `bff` codes it interlaced. ratio: of a sample. colours: primaries, transfer and matrix by H.273.
    """

    codec: str
    part: int = 0
    frames: int = FRAMES
    size_wh: tuple[int, int] = (160, 96)
    rate: int = 25
    first: int = 0
    start_seconds: float = 0.0
    milliseconds: tuple[int, ...] = ()
    options: dict[str, str] = field(default_factory=dict)
    pixels: str = ""
    turn: int = 0
    matrix: bool = True
    field: str = ""
    ratio: Fraction = Fraction(1)
    colours: tuple[int, int, int] | None = None
    disposition: str = ""

    def fitted(self) -> Track:
        """In a size and proportions that its codec knows."""
        return replace(self, size_wh=SIZE_OF.get(self.codec, self.size_wh), ratio=RATIO_OF.get(self.codec, self.ratio))

    @property
    def times(self) -> list[float]:
        """Seconds of each frame from the track's own start."""
        if self.milliseconds:
            return [tick / 1000 for tick in self.milliseconds]
        return [number / self.rate for number in range(self.frames)]

    @property
    def lasts(self) -> float:
        return self.times[-1] + 1 / self.rate


def shots_of(track: Track, *starts: float) -> tuple[Shot, ...]:
    """What a track shows; starts: when it begins, several where either is right, none where nothing says."""
    width, height = track.size_wh
    shown = (round(width * track.ratio), height)
    return tuple(
        Shot(Label(track.part, track.first + place), tuple(start + seconds for start in starts), shown)
        for place, seconds in enumerate(track.times)
    )


def write(path: Path, container: str, tracks: Sequence[Track], muxer: dict[str, str] | None = None, sound_seconds: float = 0.0) -> Path:
    """Encode tracks side by side. sound_seconds: of a tone beside them, 0 is none. Raises FFmpegError or ValueError where it cannot be."""
    with av.open(str(path), "w", format=container, options=muxer or {}) as output:
        streams = [_add_stream(output, track) for track in tracks]
        sound: Any = output.add_stream(SOUND.get(container, "aac"), rate=48000, layout="mono") if sound_seconds else None
        ready = [(track.start_seconds + seconds, number) for number, track in enumerate(tracks) for seconds in track.times]
        feeds = [_frames(track) for track in tracks]
        for _, number in sorted(ready):
            output.mux(streams[number].encode(next(feeds[number])))
        for stream in streams:
            output.mux(stream.encode())
        if sound is not None:
            _add_tone(output, sound, sound_seconds)
    return path


SOUND = {
    "webm": "libopus", "ogg": "libopus", "ogv": "libopus", "avi": "libmp3lame", "asf": "libmp3lame", "mpeg": "mp2", "vob": "mp2",
    "dvd": "mp2",
}  # fmt: skip


def _add_stream(output: Any, track: Track) -> Any:
    options = {**OPTIONS.get(track.codec, ORDINARY), **track.options}
    stream = output.add_stream(track.codec, rate=track.rate, options=options)
    context = stream.codec_context
    stored_wh = track.size_wh[::-1] if track.turn % 2 else track.size_wh
    stream.width, stream.height = stored_wh
    stream.pix_fmt = track.pixels or pixels_of(track.codec)
    context.thread_count = 1
    if track.milliseconds:
        context.time_base = Fraction(1, 1000)
    if track.ratio != 1:
        context.sample_aspect_ratio = track.ratio
    if track.field:
        context.flags |= int(Flags.interlaced_dct | Flags.interlaced_me)
    if track.colours:
        context.color_primaries, context.color_trc, context.colorspace = track.colours
    if track.turn and track.matrix:
        stream.set_display_matrix(matrix_of(track.turn))
    if track.disposition:
        stream.disposition = av.stream.Disposition[track.disposition]
    return stream


def matrix_of(turn: int) -> list[int]:
    """The display matrix that has a player show `pictures.turned(picture, turn)`: mirrored first, then turned clockwise."""
    way = np.linalg.matrix_power(np.array([[0, -1], [1, 0]]), turn % 4) @ (np.diag([-1, 1]) if turn >= 4 else np.eye(2, dtype=int))
    (a, c), (b, d) = (int(value) * 65536 for value in way[0]), (int(value) * 65536 for value in way[1])
    return [a, b, 0, c, d, 0, 0, 0, 1 << 30]


def _frames(track: Track) -> Iterator[av.VideoFrame]:
    pixels, marked = track.pixels or pixels_of(track.codec), None
    base = Fraction(1, 1000) if track.milliseconds else Fraction(1, track.rate)
    start = round(track.start_seconds / base)
    for place in range(len(track.times)):
        upright = numbered_picture(Label(track.part, track.first + place), track.size_wh)
        frame = frame_of(turned(upright, -track.turn if track.turn < 4 else track.turn), pixels)
        frame.pts, frame.time_base = start + (track.milliseconds[place] if track.milliseconds else place), base
        if track.field:
            marked = marked or _field_marker(frame, track.field, base)
            marked.push(frame)
            frame = marked.pull()
        yield frame


def frame_of(picture: np.ndarray, pixels: str) -> av.VideoFrame:
    if pixels == "pal8":
        greys = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, axis=1)
        greys[:, 0] = 255  # opaque
        return av.VideoFrame.from_ndarray((np.ascontiguousarray(picture[..., 0]), greys), format="pal8")
    return av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixels)


def _field_marker(frame: av.VideoFrame, order: str, base: Fraction) -> Any:
    """A filter that says of each picture which of its fields comes first."""
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format.name, time_base=base)
    marker, sink = graph.add("setfield", order), graph.add("buffersink")
    source.link_to(marker)
    marker.link_to(sink)
    graph.configure()
    return graph


def _add_tone(output: Any, stream: Any, seconds: float) -> None:
    tone = np.sin(np.arange(int(48000 * seconds)) / 8).astype(np.float32)[None]
    heard = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
    heard.sample_rate = 48000
    resampler = av.AudioResampler(stream.codec_context.format.name, "mono", 48000, frame_size=stream.codec_context.frame_size or 1152)
    for block in [*resampler.resample(heard), *resampler.resample(None)]:
        output.mux(stream.encode(block))
    output.mux(stream.encode())


@cache
def formats_of(codec: str) -> tuple[str, ...]:
    """Pixel formats that an encoder takes."""
    return tuple(known.name for known in av.codec.Codec(codec, "w").video_formats or ())


def pixels_of(codec: str) -> str:
    taken = formats_of(codec)
    return next((name for name in PIXELS if name in taken), taken[0] if taken else "yuv420p")


@cache
def pairs() -> tuple[tuple[str, str], ...]:
    """(container, encoder) of everything that PyAV says can be written here, and some that it keeps to itself."""
    encoders = _encoders()
    found = {(container, codec) for container, codecs in UNDECLARED.items() for codec in codecs if codec in encoders}
    for container in sorted(set(SUFFIX) & set(av.formats_available)):
        with av.open(_Nowhere(), "w", format=container) as output:  # containers are asked only through one that is being written
            declared = output.supported_codecs
        found |= {(container, codec) for codec, name in encoders.items() if {codec, name} & declared}
    return tuple(sorted(found))


class _Nowhere:
    def write(self, data: bytes) -> int:
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0


@cache
def _encoders() -> dict[str, str]:
    """Encoder -> the name of what it writes."""
    found = {}
    for name in sorted(av.codecs_available):
        try:
            codec = av.codec.Codec(name, "w")
        except (ValueError, FFmpegError):
            continue
        if codec.type == "video" and not codec.name.endswith(ONLY_HARDWARE):
            found[codec.name] = codec.canonical_name
    return found
