"""Which picture a fake was made from: the real one of its group, or, of several frames of a video, the one that it names or is named like.

Knows faces and their names. Does not know pixels or pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from screener.training.labelled_pictures import SUFFIXES, LabelledFace, posix


def with_originals(
    faces: Sequence[LabelledFace],
) -> tuple[list[tuple[LabelledFace, LabelledFace]], list[LabelledFace], dict[str, list[LabelledFace]]]:
    """The originals with their fakes, which take over box and landmarks; the fakes without an original; and by the name of a real face the
    other real ones of its group.
    """
    groups: dict[tuple[str, str], list[LabelledFace]] = {}
    for real in (face for face in faces if face.label == "real" and face.group):
        groups.setdefault((real.set_name, real.group), []).append(real)
    fakes = [face for face in faces if face.label == "fake"]
    by_name = {fake.set_name for fake in fakes if _named_alike(fake, groups.get((fake.set_name, fake.group), []))}
    matched, unmatched = [], []
    for fake in fakes:
        original = _original_of(fake, groups.get((fake.set_name, fake.group), []), fake.set_name in by_name)
        # A fake made from another framing cannot be laid over its original.
        if original is not None and original.size_hw == fake.size_hw:
            matched.append((original, replace(fake, box_xyxy=original.box_xyxy, landmarks_xy=original.landmarks_xy)))
        else:
            unmatched.append(fake)
    others = {real.name: [other for other in group if other is not real] for group in groups.values() if len(group) > 1 for real in group}
    return matched, unmatched, others


def _original_of(fake: LabelledFace, reals: Sequence[LabelledFace], is_named_alike: bool) -> LabelledFace | None:
    """The picture that a fake was made from, among the reals of its group: the one that it names, or the one that it is named like.

    is_named_alike: whether fakes of this set are named like their originals. If they are not, the only real of the group is the original
    of a fake, unless this names a picture that is missing.
    """
    sources = {text for source in fake.sources for text in (source, str(posix(source)))}
    found = [real for real in reals if sources & {real.name, str(posix(real.name)), posix(real.name).stem}] or _named_alike(fake, reals)
    if found or is_named_alike or any(posix(source).suffix.lower() in SUFFIXES for source in sources):
        return found[0] if len(found) == 1 else None
    return reals[0] if len(reals) == 1 else None


def _named_alike(fake: LabelledFace, reals: Sequence[LabelledFace]) -> list[LabelledFace]:
    return [real for real in reals if posix(real.name).stem == posix(fake.name).stem]
