"""The truth harness of `scripts/measure_coverage.py`: numbers come back from pictures however they were treated, files hold what they are
said to hold, and an answer that claims too much is found out."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from encoding import apart

from screener.faces import DETECTORS
from screener.scanning.engines import ENGINES

sys.path.append(str(Path(__file__).parents[3] / "scripts"))

from truth.clips import Track, matrix_of, shots_of, write
from truth.facts import MUTE, Evidence, Look, Made, Reading, verdict_on
from truth.joins import clocks, edit_lists, hidden_start, programmes
from truth.kinds import KINDS, kind_of, make
from truth.oracle import evidence_of
from truth.pictures import Label, Seen, numbered_picture, read_label, turned
from truth.reading import NumberDetector, Readers, confidence_of, look_of
from truth.stills import gif_without_control

SIZES = [(96, 64), (160, 96), (96, 160), (176, 144), (320, 240)]
LABELS = [Label(0, 0), Label(3, 77), Label(15, 4095)]


def jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR))


TREATMENTS = {
    "poor jpeg": lambda picture: jpeg(picture, 20),
    "enlarged": lambda picture: cv2.resize(picture, None, fx=2.3, fy=2.3),
    "reduced": lambda picture: cv2.resize(picture, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA),
    "squeezed": lambda picture: cv2.resize(picture, (120, 120)),
    "darker": lambda picture: (picture * 0.4).astype(np.uint8),
    "greyer": lambda picture: (picture * 0.3 + 90).astype(np.uint8),
    "tone-mapped": lambda picture: (255 * (picture / 255.0) ** 2.2).astype(np.uint8),
    "blurred": lambda picture: cv2.GaussianBlur(picture, (5, 5), 0),
    "noisy": lambda picture: (picture + np.random.default_rng(0).normal(0, 20, picture.shape)).clip(0, 255).astype(np.uint8),
}


@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize("label", LABELS, ids=str)
def test_a_number_survives(label: Label, treatment: str) -> None:
    for size_wh in SIZES:
        assert read_label(TREATMENTS[treatment](numbered_picture(label, size_wh))) == Seen(label, 0), size_wh


@pytest.mark.parametrize("turn", range(8))
def test_a_number_says_how_its_picture_lies(turn: int) -> None:
    for size_wh in SIZES:
        assert read_label(turned(numbered_picture(LABELS[1], size_wh), turn)) == Seen(LABELS[1], turn)


def test_no_number_is_read_from_what_has_none() -> None:
    first, second = (numbered_picture(Label(0, number), (160, 96)) for number in (12, 13))
    half = np.concatenate([first[:48], second[48:]])
    assert read_label(first) and read_label(second)
    torn = np.where(np.arange(96)[:, None, None] < 52, first, np.uint8(128))
    noise = np.random.default_rng(0).integers(0, 255, (96, 160, 3)).astype(np.uint8)
    for picture in (half, torn, noise, np.zeros_like(first), np.full_like(first, 200)):
        assert read_label(picture) is None


@pytest.mark.parametrize("turn", range(8))
def test_the_display_matrix_has_a_player_undo_what_was_stored(turn: int) -> None:
    """The matrix moves the corner of the stored picture to where turning the pixels moves it."""
    picture = np.zeros((3, 5), np.uint8)
    picture[0, 1] = 1
    a, b, _, c, d = (round(value / 65536) for value in matrix_of(turn)[:5])
    moved = np.array([[a * x + c * y, b * x + d * y] for y in range(3) for x in range(5)])
    x, y = np.array([a * 1 + c * 0, b * 1 + d * 0]) - moved.min(axis=0)
    assert turned(picture, turn)[y, x] == 1


def made_of(*tracks: Track, **more: object) -> Made:
    shots = tuple(shot for track in tracks for shot in shots_of(track, 0.0))
    return Made(Path("clip.mp4"), "plain", "mp4", "libx264", shots, **more)


def looks_at(made: Made, **changes: object) -> tuple[Look, ...]:
    return tuple(replace(Look(shot.label, shot.seconds[0], 0, shot.size_wh), **changes) for shot in made.shots)


WHOLE = made_of(Track("libx264", frames=24))
HONEST = Reading("all frames", "complete", looks=looks_at(WHOLE))
EVERY = Evidence(frozenset(shot.label for shot in WHOLE.shots))


def test_an_honest_answer_passes() -> None:
    assert verdict_on(WHOLE, EVERY, [HONEST]) == ("complete", "")
    partial = replace(HONEST, coverage="partial", reasons=("corrupt",), looks=HONEST.looks[:10])
    assert verdict_on(WHOLE, EVERY, [partial]) == ("partial", "")
    assert verdict_on(WHOLE, EVERY, [Reading("all frames", "none", ("not_media",))]) == ("refused", "")


PLANTED = {
    "a frame missing": ("false complete", replace(HONEST, looks=HONEST.looks[:7] + HONEST.looks[8:])),
    "nothing seen": ("false complete", replace(HONEST, looks=())),
    "turned": ("false complete", replace(HONEST, looks=looks_at(WHOLE, turn=2))),
    "squeezed": ("false complete", replace(HONEST, looks=looks_at(WHOLE, size_wh=(96, 160)))),
    "another's memory": ("false complete", replace(HONEST, looks=looks_at(WHOLE, label=None))),
    "garbage besides": ("false complete", replace(HONEST, looks=(*HONEST.looks, Look(None, 0.5, 0, (160, 96))))),
    "late": ("wrong times", replace(HONEST, looks=tuple(replace(look, seconds=look.seconds + 0.12) for look in HONEST.looks))),
    "one late": ("wrong times", replace(HONEST, looks=(replace(HONEST.looks[0], seconds=0.2), *HONEST.looks[1:]))),
    "mute": ("no reason", replace(HONEST, coverage="partial", looks=())),
    "crashed": ("crash", replace(HONEST, failure="crash")),
    "hung": ("hang", replace(HONEST, failure="hang")),
    "sample of a half": ("false complete", Reading("sample", "complete", looks=HONEST.looks[:8], samples=8)),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_fault_is_noticed(planted: str) -> None:
    column, reading = PLANTED[planted]
    found, words = verdict_on(WHOLE, EVERY, [HONEST, reading])
    assert found == column
    assert reading.way in words


def test_an_even_sample_passes() -> None:
    for start in range(3):
        sample = Reading("sample", "complete", looks=HONEST.looks[start::3], samples=8)
        assert verdict_on(WHOLE, EVERY, [HONEST, sample]) == ("complete", "")


def test_times_may_count_from_another_frame_where_that_is_said_but_only_all_of_them() -> None:
    late = replace(HONEST, looks=tuple(replace(look, seconds=look.seconds - 0.4) for look in HONEST.looks))
    anywhere = replace(WHOLE, any_origin=True)
    assert verdict_on(WHOLE, EVERY, [late])[0] == "wrong times"
    assert verdict_on(anywhere, EVERY, [late])[0] == "complete"
    torn = replace(HONEST, looks=HONEST.looks[:9] + late.looks[9:])
    assert verdict_on(anywhere, EVERY, [torn])[0] == "wrong times"


def test_beside_an_unread_part_each_part_is_timed_by_itself() -> None:
    made = made_of(Track("libx264", part=0, frames=10), Track("libx264", part=1, frames=10))
    later = tuple(replace(look, seconds=look.seconds + 5.0) if look.label and look.label.part else look for look in looks_at(made))
    partial = Reading("all frames", "partial", ("unread_part",), looks=later)
    assert verdict_on(made, Evidence(), [partial])[0] == "partial"
    assert verdict_on(made, Evidence(), [replace(partial, reasons=("corrupt",))])[0] == "wrong times"
    uneven = tuple(replace(look, seconds=look.seconds * 1.5) for look in later)
    assert verdict_on(made, Evidence(), [replace(partial, looks=uneven)])[0] == "wrong times"


def test_what_nobody_wrote_but_a_plain_decode_sees_is_owed_too() -> None:
    shorter = replace(WHOLE, shots=WHOLE.shots[:20])
    column, words = verdict_on(shorter, EVERY, [Reading("all frames", "complete", looks=looks_at(shorter))])
    assert (column, "0:20-23" in words) == ("false complete", True)


def test_what_was_cut_off_is_owed_unless_nothing_tells_of_it() -> None:
    seen = HONEST.looks[:10]
    visible_part = Evidence(frozenset(look.label for look in seen if look.label), complains=False)
    reading = replace(HONEST, looks=seen)
    warned = replace(reading, warnings=("end_unverified",))
    assert verdict_on(WHOLE, visible_part, [reading])[0] == "false complete"
    assert verdict_on(replace(WHOLE, must="end"), visible_part, [reading])[0] == "false complete"
    assert verdict_on(replace(WHOLE, must="end"), visible_part, [warned])[0] == "complete"
    assert verdict_on(replace(WHOLE, must="end"), replace(visible_part, complains=True), [warned])[0] == "false complete"
    assert verdict_on(replace(WHOLE, must="visible"), visible_part, [reading])[0] == "complete"


def test_damage_is_mute_only_where_nobody_complains_and_a_garbled_picture_stands_in_its_place() -> None:
    harmed, garbled = replace(WHOLE, harmed=True), (*HONEST.looks[:20], *[Look(None, 0.9)] * 4)
    quiet = Evidence(frozenset(look.label for look in HONEST.looks[:20] if look.label), complains=False)
    reading = replace(HONEST, looks=garbled)
    assert verdict_on(harmed, quiet, [reading])[0] == MUTE
    assert verdict_on(harmed, replace(quiet, complains=True), [reading])[0] == "false complete"
    assert verdict_on(harmed, replace(EVERY, complains=False), [reading])[0] == "false complete"
    assert verdict_on(WHOLE, quiet, [reading])[0] == "false complete"
    assert verdict_on(harmed, quiet, [replace(reading, looks=garbled[:22])])[0] == "false complete"


def test_the_detector_hands_its_number_on_through_the_confidence() -> None:
    for label in LABELS:
        for turn in range(8):
            (face,) = NumberDetector().detect(turned(numbered_picture(label, (160, 96)), turn))
            assert 0 < face.confidence < 1
            assert face.confidence == confidence_of(Seen(label, turn))
    (face,) = NumberDetector().detect(np.zeros((96, 160, 3), np.uint8))
    assert face.confidence == confidence_of(None) == 0


MADE = {
    "edit list": edit_lists,
    "discarded start": hidden_start,
    "clock": clocks,
    "second part": programmes,
    "gif without control": gif_without_control,
}


@pytest.mark.parametrize("name", MADE)
def test_files_hold_the_pictures_that_they_are_said_to_hold(name: str, tmp_path: Path) -> None:
    """Counted in the bytes: as many coded pictures as numbers, whatever a decoder makes of them."""
    made = apart(MADE[name])(random.Random(1), tmp_path, 0)
    assert made.path.stat().st_size > 1000
    assert evidence_of(made).visible <= {shot.label for shot in made.shots}
    if made.container != "gif":
        with av.open(str(made.path), options={"ignore_editlist": "1"} if made.container == "mp4" else {}) as container:
            assert sum(packet.size > 0 for packet in container.demux()) == len(made.shots)


def test_a_file_depends_on_seed_and_number_alone(tmp_path: Path) -> None:
    number = next(number for number in range(200) if kind_of(number)[0] == "random join")
    folders = [tmp_path / name for name in "ab"]
    data = []
    for folder in folders:
        folder.mkdir()
        made = apart(make)(5, number, folder)
        data.append((made.shots, made.kind))
    assert data[0] == data[1]
    assert {kind_of(number)[0] for number in range(4 * len(KINDS))} == {*KINDS, "plain"}


@pytest.fixture(scope="module")
def readers() -> Readers:
    return Readers()


def test_the_harness_leaves_no_engine_behind(readers: Readers) -> None:
    assert "numbers" not in {*DETECTORS, *ENGINES}


def test_the_real_pipeline_reads_numbers_and_times(readers: Readers, tmp_path: Path) -> None:
    """Decoding process, sampling, scoring and verdict are the real ones; only what is looked for is another."""
    track = Track("libx264", part=2)
    path = apart(write)(tmp_path / "clip.mp4", "mp4", [track])
    made = replace(made_of(track), path=path)
    readings = readers.read(path)
    assert [reading.way for reading in readings] == ["all frames", "sample", "until sure"]
    assert [look.label.number for look in readings[0].looks if look.label] == list(range(24))
    assert len(readings[1].looks) == 8
    assert verdict_on(made, evidence_of(made), readings) == ("complete", "")


def test_a_reader_that_hides_frames_is_found_out(readers: Readers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verdict that forgets its reasons, on a file that was cut short."""
    monkeypatch.setattr("screener.scanning.conclusion.coverage_of", lambda facts: "complete")
    track = Track("libx264", options={"g": "8"})
    path = apart(write)(tmp_path / "clip.mp4", "mp4", [track], {"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    made = replace(made_of(track), path=path)
    column, words = verdict_on(made, evidence_of(made), readers.read(path))
    assert column == "false complete"
    assert "not seen" in words


def test_a_look_is_what_was_scored(readers: Readers, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), turned(numbered_picture(Label(4, 9), (160, 96)), 1))
    (reading, *_) = readers.read(path)
    assert reading.looks == (Look(Label(4, 9), 0.0, 1, (96, 160)),)
    assert look_of.__module__ == "truth.reading"
