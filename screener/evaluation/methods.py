"""The family and the generator of a forgery method, by its name, so that figures of different kinds are never pooled. Knows names only."""

from __future__ import annotations

import re

FAMILIES: dict[str, tuple[str, ...]] = {
    "swap": (
        "deepfacelive", "deepfakes", "deepfakedetection", "faceswap", "faceshifter", "celeb-df", "celeb-synthesis", "dfdc",
        "classic landmark face swap", "sdfvd",
    ),
    "lip-sync": ("wav2lip", "ip-lap", "lp-lap", "diffdub", "videoretalking"),
    "reenactment": ("face2face", "neuraltextures"),
    "whole face": ("anitalker", "edtalk", "loopy", "vasa", "pc-avs", "dae-talker", "sadtalker", "emo", "hallo"),
}  # fmt: skip
"""Prefixes of method names, in lower case, by family. Swaps, lip-syncs and reenactments insert a generated part into a real picture;
methods of the family `whole face` generate every pixel of it.
"""

BLENDING = ("swap", "lip-sync", "reenactment")
"""Families in which generated and real pixels meet inside the face crop, which a detector of blending can see."""


def family_of(method: str) -> str:
    """The family of a method's name; `other` if unknown."""
    name = method.strip().lower()
    return next((family for family, starts in FAMILIES.items() if name.startswith(starts)), "other")


def generator_of(method: str) -> str:
    """The generator of a method: its name without additions, as in `AniTalker + SR` or `DiffDub (few_shot)`."""
    return re.split(r"\s*(?:\+|\()", method.strip(), maxsplit=1)[0] or method.strip()
