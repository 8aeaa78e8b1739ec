"""Decoding: files, series of pictures, addresses and cameras in, frames with their times and facts about each input out.

The only user of cv2.VideoCapture, and of PyAV for reading. Knows nothing of faces or verdicts.
"""

from screener.video.inputs.expanding import expand_sources
from screener.video.sampling import Sampling
from screener.video.sandbox.decoded_video import READ_ON_FRAMES, Video, open_video, start_decoder
from screener.video.sandbox.sound import with_sound
from screener.video.seek_plan import SeekPlan, Slice, equal_slices
from screener.video.sources import Source, SourceFailure, file_source

__all__ = [
    "READ_ON_FRAMES",
    "Sampling",
    "SeekPlan",
    "Slice",
    "Source",
    "SourceFailure",
    "Video",
    "equal_slices",
    "expand_sources",
    "file_source",
    "open_video",
    "start_decoder",
    "with_sound",
]  # fmt: skip
