"""Intact but sometimes unusual inputs: every common container and codec, and pictures of every kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from encoding import apart
from face_media import landscape, portrait
from PIL import Image

Maker = Callable[[Path], Any]

RATE, FRAMES = 8, 12
X264 = {"threads": "1", "preset": "ultrafast", "crf": "18", "bf": "2", "g": "4"}
QUICK_AV1 = {"preset": "12", "crf": "20", "svtav1-params": "keyint=4"}


def clip(
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    kind: str | None = None,
    pixels: str = "yuv420p",
    frames: int = FRAMES,
    picture: Callable[[int], np.ndarray] = portrait,
    streams: int = 1,
    sound: str = "",
    rotation: int = 0,
    ratio: Fraction | None = None,
    ticks: Sequence[int] | None = None,
    transfer: int | None = None,
) -> Maker:
    """A maker of one video file. ticks: presentation time of each frame in milliseconds. transfer: of its colours, by H.273."""

    @apart
    def make(path: Path) -> None:
        height, width = picture(0).shape[:2]
        chosen = {"libx264": X264, "libsvtav1": QUICK_AV1}.get(codec, {"b": "4M", "g": "4"}) if options is None else options
        with av.open(str(path), "w", format=kind, options=container or {}) as output:
            tracks: list[Any] = []
            for _ in range(streams):
                track: Any = output.add_stream(codec, rate=RATE if codec != "mpeg1video" else 25, options=chosen)
                track.width, track.height, track.pix_fmt = width, height, pixels
                if ticks is not None:
                    track.codec_context.time_base = Fraction(1, 1000)
                if rotation:
                    track.set_display_rotation(rotation)
                if ratio is not None:
                    track.codec_context.sample_aspect_ratio = ratio
                if transfer is not None:
                    track.codec_context.color_trc = transfer
                tracks.append(track)
            heard: Any = output.add_stream(sound, rate=48000, layout="mono") if sound else None
            for number in range(frames):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture(number)), format="rgb24").reformat(format=pixels)
                frame.pts = number if ticks is None else ticks[number]
                frame.time_base = Fraction(1, track.codec_context.rate if ticks is None else 1000)
                for track in tracks:
                    output.mux(track.encode(frame))
            for track in tracks:
                output.mux(track.encode())
            if heard is not None:
                _add_sound(output, heard, frames / RATE)

    return make


def _add_sound(output: Any, track: Any, seconds: float) -> None:
    tone = np.sin(np.arange(int(48000 * seconds)) / 8).astype(np.float32)[None]
    frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
    frame.sample_rate = 48000
    resampler = av.AudioResampler(track.codec_context.format.name, "mono", 48000, frame_size=track.codec_context.frame_size or 1024)
    for block in [*resampler.resample(frame), *resampler.resample(None)]:
        output.mux(track.encode(block))
    output.mux(track.encode())


def sound_only(path: Path) -> None:
    with av.open(str(path), "w") as output:
        _add_sound(output, output.add_stream("aac", rate=48000, layout="mono"), 0.5)


def still(suffix: str, picture: np.ndarray | None = None, **options: Any) -> Maker:
    """A picture in the format of the suffix, whatever the file is called."""

    def make(path: Path) -> None:
        shown = portrait() if picture is None else picture
        written, encoded = cv2.imencode(suffix, shown[..., ::-1] if shown.ndim == 3 and shown.shape[2] == 3 else shown)
        assert written
        path.write_bytes(encoded.tobytes())

    return make


def pillow(kind: str, mode: str = "RGB", frames: int = 1, **options: Any) -> Maker:
    def make(path: Path) -> None:
        first, *rest = [Image.fromarray(portrait(number)).convert(mode) for number in range(frames)]
        more = {"save_all": True, "append_images": rest, "duration": 125} if frames > 1 else {}
        first.save(path, kind, **more, **options)

    return make


def turned(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(portrait()))).save(path, "JPEG", exif=exif)


def strung(*makers: Maker) -> Maker:
    """Several files one behind the other, as `cat` would do it."""

    def make(path: Path) -> None:
        data = b""
        for maker in makers:
            maker(path)
            data += path.read_bytes()
        path.write_bytes(data)

    return make


def small(number: int) -> np.ndarray:
    return portrait(number, 128)


def wide(number: int) -> np.ndarray:
    return np.asarray(cv2.resize(portrait(number), (88, 176)))


def sideways(number: int) -> np.ndarray:
    return np.ascontiguousarray(np.rot90(portrait(number)))


def scenery(number: int) -> np.ndarray:
    return landscape()


MPEG1 = {"b": "4M", "g": "12"}
CLIPS: dict[str, Maker] = {
    "whole/index_end.mp4": clip(sound="aac"),
    "whole/index_front.mp4": clip(container={"movflags": "faststart"}),
    "whole/fragments.mp4": clip(container={"movflags": "frag_keyframe+empty_moov"}),
    "whole/hevc.mp4": clip("libx265", {"preset": "ultrafast", "x265-params": "log-level=none"}),
    "whole/av1.mp4": clip("libsvtav1"),
    "whole/mpeg4.mp4": clip("mpeg4"),
    "whole/h264.mov": clip(sound="aac"),
    "whole/mjpeg.mov": clip("mjpeg", {}, pixels="yuvj420p"),
    "whole/prores.mov": clip("prores", {}, pixels="yuv422p10le"),
    "whole/h264.mkv": clip(sound="libopus"),
    "whole/ffv1.mkv": clip("ffv1", {}),
    "whole/live.mkv": clip(container={"live": "1"}),
    "whole/vp8.webm": clip("libvpx", {"b": "2M", "g": "4", "cpu-used": "8", "deadline": "realtime"}),
    "whole/vp9.webm": clip("libvpx-vp9", {"b": "2M", "g": "4", "cpu-used": "8", "deadline": "realtime"}, sound="libopus"),
    "whole/mpeg4.avi": clip("mpeg4", sound="libmp3lame"),
    "whole/mjpeg.avi": clip("mjpeg", {}, pixels="yuvj420p"),
    "whole/h264.ts": clip(sound="aac"),
    "whole/mpeg2.ts": clip("mpeg2video", {"b": "4M", "g": "12"}, frames=24),
    "whole/mpeg1.mpg": clip("mpeg1video", MPEG1, frames=24),
    "whole/h264.flv": clip(options={**X264, "bf": "0"}),
    "whole/wmv2.wmv": clip("wmv2"),
    "whole/raw.h264": clip(kind="h264"),
    "whole/raw.mjpeg": clip("mjpeg", {}, kind="mjpeg", pixels="yuvj420p"),
    "whole/moving.gif": clip("gif", {}, pixels="rgb8"),
    "whole/no_suffix": clip(kind="mp4"),
    "whole/mp4_called.avi": clip(kind="mp4"),
    "whole/mkv_called.jpg": clip(kind="matroska"),
    "whole/strung.ts": strung(clip(kind="mpegts"), clip(kind="mpegts")),
    "odd/two_videos.mkv": clip(streams=2),
    "odd/turned.mp4": clip(picture=sideways, rotation=-90),
    "odd/wide_pixels.mp4": clip(picture=wide, ratio=Fraction(2, 1)),
    "odd/ten_bits.mkv": clip("libx265", {"preset": "ultrafast", "x265-params": "log-level=none"}, pixels="yuv420p10le"),
    "odd/full_colour.mp4": clip("libx264", {"preset": "ultrafast", "crf": "18"}, pixels="yuv444p"),
    "odd/high_dynamic.mp4": clip(picture=scenery, transfer=16),
    "odd/uneven.mp4": clip(ticks=[0, 40, 200, 210, 500, 520, 900, 905, 1300, 1310, 1700, 1900]),
    "odd/pause.mp4": clip(ticks=[0, 125, 250, 375, 500, 625, 9000, 9125, 9250, 9375, 9500, 9625]),
    "odd/late_start.mkv": clip(ticks=[50_000 + 125 * number for number in range(FRAMES)]),
    "odd/two_sizes.ts": strung(clip(kind="mpegts"), clip(kind="mpegts", picture=small)),
    "odd/one_frame.mp4": clip(frames=1),
    "odd/three_frames.mp4": clip(frames=3),
    "odd/scenery.mp4": clip(picture=scenery),
    "odd/smallest.mp4": clip(picture=lambda number: portrait(number, 16)),
    "odd/many_tracks.mkv": clip("mjpeg", {}, pixels="yuvj420p", frames=2, streams=70, picture=lambda number: portrait(number, 32)),
    "odd/seldom_codec.avi": clip("zmbv", {}, pixels="bgr0"),
    "odd/sound_only.mp4": sound_only,
    "odd/sound_only.mkv": sound_only,
}

PICTURES: dict[str, Maker] = {
    "picture/a.png": still(".png"),
    "picture/a.jpg": still(".jpg"),
    "picture/a.webp": still(".webp"),
    "picture/a.bmp": still(".bmp"),
    "picture/a.tiff": still(".tiff"),
    "picture/a.avif": still(".avif"),
    "picture/png_called.mp4": still(".png"),
    "picture/jpg_called.txt": still(".jpg"),
    "picture/deep.png": still(".png", portrait().astype(np.uint16) * 257),
    "picture/grey.png": still(".png", cv2.cvtColor(portrait(), cv2.COLOR_RGB2GRAY)),
    "picture/see_through.png": pillow("PNG", "RGBA"),
    "picture/palette.png": pillow("PNG", "P"),
    "picture/print.jpg": pillow("JPEG", "CMYK"),
    "picture/progressive.jpg": pillow("JPEG", progressive=True),
    "picture/turned.jpg": turned,
    "picture/moving.png": pillow("PNG", frames=6),
    "picture/moving.webp": pillow("WEBP", frames=6, lossless=True),
    "picture/one_pixel.png": still(".png", portrait()[:1, :1]),
    "picture/one_line.png": still(".png", np.repeat(portrait()[:1], 40, axis=1)),
    "picture/scenery.png": still(".png", landscape()),
    "picture/still.gif": pillow("GIF"),
}
