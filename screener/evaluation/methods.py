"""Which family a forgery method belongs to, so that figures of unlike things are never pooled. Knows names only."""

from __future__ import annotations

FAMILIES: dict[str, tuple[str, ...]] = {
    "swap": ("deepfacelive", "deepfakes", "faceswap", "faceshifter", "celeb-df", "classic landmark face swap"),
    "lip-sync": ("wav2lip", "ip-lap", "lp-lap", "diffdub", "videoretalking"),
    "reenactment": ("face2face", "neuraltextures"),
    "whole face": ("anitalker", "edtalk", "loopy", "vasa", "pc-avs", "dae-talker", "sadtalker", "emo", "hallo"),
}
"""Beginnings of method names, in lower case, by family. Swaps, lip-syncs and reenactments put a made part into a real picture; methods of
the family `whole face` make every pixel of it."""

BLENDING = ("swap", "lip-sync", "reenactment")
"""Families in which made and real pixels meet inside the face crop: what a detector of blending can see."""


def family_of(method: str) -> str:
    """The family of a method's name, `other` when it is not known."""
    name = method.strip().lower()
    return next((family for family, starts in FAMILIES.items() if name.startswith(starts)), "other")
