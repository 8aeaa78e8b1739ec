"""Draws the video codec and its quality for coding a picture in training.

Knows encoders and their options. Does not know pixels.
"""

from __future__ import annotations

import numpy as np

from screener.encoding.round_trip import Encoding

Rng = np.random.Generator

SHARES = {"libx264": 0.74, "libx265": 0.05, "mpeg4": 0.08, "libvpx": 0.07, "libvpx-vp9": 0.06}
"""How often each encoder is drawn; most circulating video is H.264."""


def draw(rng: Rng, hardness: float) -> Encoding:
    """hardness: 0 is close to a camera's quality, 1 is that of social media and messengers."""
    encoder = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    harm = float(rng.uniform(0.0, 0.35 + 0.65 * hardness))
    match encoder:
        case "libx264":
            offsets = f"{int(rng.integers(-2, 3))},{int(rng.integers(-2, 3))}" if rng.random() < 0.4 else "0,0"
            options = {
                "preset": str(rng.choice(["ultrafast", "superfast", "veryfast", "faster", "medium"], p=[0.3, 0.15, 0.3, 0.15, 0.1])),
                "crf": str(round(17 + 23 * harm)), "g": "250", "bf": str(int(rng.integers(0, 4))),
                # Without mbtree, which makes encodings of so few frames vary from run to run.
                "x264-params": f"deblock={offsets}:rc-lookahead=0:mbtree=0:log-level=-1",
            }  # fmt: skip
            if rng.random() < 0.25:
                options["tune"] = str(rng.choice(["zerolatency", "film", "fastdecode"]))
        case "libx265":
            options = {"preset": "ultrafast", "crf": str(round(19 + 21 * harm)), "x265-params": "log-level=none:pools=none:frame-threads=1"}
        case "mpeg4":
            quantiser = str(round(2 + 11 * harm))
            options = {"qmin": quantiser, "qmax": quantiser, "g": "250", "bf": str(int(rng.integers(0, 2)))}
        case _:
            quantiser = str(round(8 + 48 * harm))
            fixed = {"crf": quantiser, "b": "0"} if encoder == "libvpx-vp9" else {"qmin": quantiser, "qmax": quantiser, "b": "9M"}
            # A speed above 0 lets VP8's encoder adapt to the available time, which varies from run to run.
            options = {**fixed, "deadline": "realtime", "cpu-used": "8" if encoder == "libvpx-vp9" else "-8", "g": "250"}
    return Encoding(encoder, options)
