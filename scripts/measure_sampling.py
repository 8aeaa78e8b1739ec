"""Measures what sampling few frames costs and misses: the figures behind `--until-sure` and `--budget`.

    python scripts/measure_sampling.py [--tables 1 2 3] [--minutes 1 5 30 60] [--dense-minutes 1 5 30] [--keep FOLDER]

Three tables:
1. How often n frames fall into a manipulated passage, at least once and at least three times: of n even slices by arithmetic, and of the
   frames that the sampler really takes from a 30-minute file, over random places of the passage.
2. How often stopping as soon as it is sure gives another outcome than all frames do, on made series of scores, beside a scan of 32 frames
   that looks once: what repeated looks cost.
3. On made 1080p clips: seconds, frames and outcome of `--until-sure` against `--fps 1`. The clips are both examples enlarged, and a
   genuine one with a manipulated passage of 5 %; an hour is a short piece over and over.

Clips are made in a temporary folder, unless --keep names one. Takes about half an hour on two idle cores.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from screener import ScanSettings, Screener
from screener.records import FaceScore, Verdict
from screener.scanning.rounds import FIRST_ROUND, Rounds
from screener.verdict.judging import Limits, Sighting, judge_person, judge_video
from screener.verdict.sureness import Standing, is_sure, standing_of
from screener.video import SeekPlan, file_source, open_video

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SIZE_WH = (1920, 1080)
BLOCK_SECONDS = 4
BLOCKS = 8
RATE = 25
PASSAGE_SHARE = 0.05
PASSAGE_START = 0.37
PLACES = 200_000
SERIES = 2_000


# The clips.


def enlarged(picture_bgr: NDArray[np.uint8], block: int) -> NDArray[np.uint8]:
    """An example's frame at 1080p; each block a little nearer and brighter than the one before, so that no two are one."""
    inset = 2 * block
    near = picture_bgr[inset : 480 - inset, inset : 640 - inset]
    picture = np.zeros((SIZE_WH[1], SIZE_WH[0], 3), np.uint8)
    large = cv2.resize(near, (1440, 1080), interpolation=cv2.INTER_CUBIC)
    picture[:, 240:1680] = np.clip(large.astype(np.int16) + block, 0, 255)
    return picture


def write_piece(example: Path, target: Path) -> Path:
    """The example BLOCKS times, each time a little different, with a key frame every BLOCK_SECONDS."""
    with av.open(str(example)) as source:
        pictures = [frame.to_ndarray(format="bgr24") for frame in source.decode(video=0)]
    with av.open(str(target), "w") as output:
        stream = output.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "26", "g": str(BLOCK_SECONDS * RATE)})
        stream.width, stream.height, stream.pix_fmt = *SIZE_WH, "yuv420p"
        for block in range(BLOCKS):
            for picture in pictures:
                output.mux(stream.encode(av.VideoFrame.from_ndarray(enlarged(picture, block), format="bgr24")))
        output.mux(stream.encode())
    return target


def write_long(blocks: Iterator[tuple[Path, int]], target: Path, seconds: float) -> Path:
    """Blocks (piece, number) one after the other without encoding anew, until `target` lasts so long."""
    kept: dict[tuple[Path, int], list[tuple[bytes, int, int, bool]]] = {}
    with av.open(str(target), "w") as output:
        stream = None
        for place in range(round(seconds / BLOCK_SECONDS)):
            piece, number = next(blocks)
            if (piece, number) not in kept:
                kept.update(read_blocks(piece))
            if stream is None:
                with av.open(str(piece)) as source:
                    stream = output.add_stream_from_template(source.streams.video[0])
                stream.time_base = Fraction(1, RATE)
            for data, pts, dts, is_key in kept[piece, number]:
                packet = av.Packet(data)
                packet.pts, packet.dts = pts + place * BLOCK_SECONDS * RATE, dts + place * BLOCK_SECONDS * RATE
                packet.duration, packet.time_base, packet.stream, packet.is_keyframe = 1, Fraction(1, RATE), stream, is_key
                output.mux(packet)
    return target


def read_blocks(piece: Path) -> dict[tuple[Path, int], list[tuple[bytes, int, int, bool]]]:
    """(piece, number) -> its packets: bytes, times in frames from the start of the block, whether a key frame."""
    length = BLOCK_SECONDS * RATE
    found: dict[tuple[Path, int], list[tuple[bytes, int, int, bool]]] = {(piece, number): [] for number in range(BLOCKS)}
    with av.open(str(piece)) as source:
        tick = source.streams.video[0].time_base * RATE
        for packet in source.demux(video=0):
            if packet.size:
                pts, dts = round(packet.pts * tick), round(packet.dts * tick)
                number = min(pts // length, BLOCKS - 1)
                found[piece, number].append((bytes(packet), pts - number * length, dts - number * length, packet.is_keyframe))
    return found


def course(genuine: Path, manipulated: Path, kind: str, seconds: float) -> Iterator[tuple[Path, int]]:
    count = round(seconds / BLOCK_SECONDS)
    first = round(PASSAGE_START * count)
    passage = range(first, first + max(1, round(PASSAGE_SHARE * count)))
    for place in range(count):
        is_fake = kind == "manipulated" or (kind == "passage" and place in passage)
        yield manipulated if is_fake else genuine, (place * 5) % BLOCKS


# 1. How often a passage is found.


def rounds_of(clip: Path) -> Iterator[list[float]]:
    """The times of the frames that the sampler takes from a file, after each round."""
    rounds, taken = Rounds(ScanSettings().frames), []
    slices = rounds.first()
    while slices:
        with open_video(file_source(clip), ScanSettings(), SeekPlan(slices, tuple(taken))) as video:
            taken += [(frame.pts_seconds, frame.index) for frame in video.frames()]
            duration = video.facts.duration_seconds
        yield sorted(seconds for seconds, _ in taken)
        slices = rounds.next(duration, [seconds for seconds, _ in taken])


def hits(seconds: Sequence[float], duration: float, share: float) -> NDArray[np.int64]:
    """How many of the frames fall into a passage, for each of PLACES random places of it."""
    starts = np.random.default_rng(1).uniform(0, duration * (1 - share), PLACES)
    times = np.asarray(seconds)
    return np.searchsorted(times, starts + share * duration) - np.searchsorted(times, starts)


def print_curve(clip: Path, duration: float) -> None:
    print("\n1. Frames that fall into a manipulated passage, by its share of the video: at least one / at least three, in per cent")
    print("   (even: by arithmetic, of n even slices; chance: of n frames anywhere; taken: by the sampler from a 30-minute file)")
    shares = (0.01, 0.02, 0.05, 0.10)
    print(f"   {'frames':>6}  {'':7}" + "".join(f"{share:>16.0%}" for share in shares))
    for seconds in rounds_of(clip):
        n = len(seconds)
        if n > 512:
            break
        taken = [hits(seconds, duration, share) for share in shares]
        rows = {
            "even": [tuple(float(np.clip(n * share - k + 1, 0, 1)) for k in (1, 3)) for share in shares],
            "chance": [(1 - (1 - f) ** n, 1 - sum(_binomial(n, k, f) for k in range(3))) for f in shares],
            "taken": [(float(np.mean(found >= 1)), float(np.mean(found >= 3))) for found in taken],
        }
        for name, values in rows.items():
            print(f"   {n:>6}  {name:7}" + "".join(f"{100 * one:>10.1f} /{100 * three:>4.0f}" for one, three in values))


def _binomial(n: int, k: int, p: float) -> float:
    return float(np.prod([(n - i) / (i + 1) for i in range(k)]) * p**k * (1 - p) ** (n - k))


# 2. What repeated looks cost.


def made_series(rng: np.random.Generator, count: int, centre: float) -> NDArray[np.float64]:
    """Scores of one person, one a second: log-odds around a centre that wander (correlated over some ten seconds) and jump."""
    wander, steps = np.zeros(count), rng.normal(0, 1, count)
    for i in range(1, count):
        wander[i] = 0.9 * wander[i - 1] + steps[i] * np.sqrt(1 - 0.9**2)
    return np.asarray(1 / (1 + np.exp(-(centre + 0.35 * wander + rng.normal(0, 0.35, count)))))


def judged(p_fake: NDArray[np.float64], places: Sequence[int], limits: Limits) -> tuple[str, Standing]:
    box = np.array([0, 0, 100, 100], np.float32)
    scores = [FaceScore(1, i, float(i), 0.0, float(p_fake[i]), box, 0.99, 100.0, 100.0) for i in places]
    seen = Sighting(1, 0.0, float(len(p_fake)), len(places), [100.0] * len(places))
    people = (judge_person(seen, scores, limits, False),)
    outcome, _ = judge_video(people, "complete", len(places), limits.threshold)
    return outcome, standing_of(outcome, people, len(places), limits, 0)


def until_sure(p_fake: NDArray[np.float64], limits: Limits, in_a_row: int) -> tuple[str, int]:
    """Outcome and frames taken by the rule, without its closer looks; in_a_row: rounds that must agree (the rule asks for 2)."""
    count, rounds = len(p_fake), Rounds(32)
    taken: list[int] = []
    slices, before, outcome = rounds.first(), None, "undecided"
    while slices:
        taken += [int(wanted * count) for _, wanted, _ in slices]
        outcome, now = judged(p_fake, taken, limits)
        if (in_a_row == 1 and now.settled) or is_sure(before, now):
            break
        before = now
        slices = rounds.next(float(count), [place + 0.5 for place in taken])
    return outcome, len(taken)


def print_errors() -> None:
    limits, rng = Limits(0.69, 0.35, 4), np.random.default_rng(2)
    print(
        f"\n2. Outcome other than that of all 1,800 frames, per cent of {SERIES} made series; "
        "in brackets: the opposite, fake for genuine or genuine for fake"
    )
    print(f"   {'centre of the score':22}{'32 frames, once':>22}{'sure once':>28}{'sure twice (the rule)':>32}")
    total = {name: np.zeros(3) for name in ("fixed", "once", "twice")}
    centres = (0.1, 0.2, 0.3, 0.34, 0.36, 0.5, 0.65, 0.7, 0.75, 0.85)
    for centre in centres:
        found = {name: np.zeros(3) for name in total}
        for _ in range(SERIES // len(centres)):
            p_fake = made_series(rng, 1800, float(np.log(centre / (1 - centre))))
            truth, _ = judged(p_fake, range(1800), limits)
            answers = {
                "fixed": (judged(p_fake, [int((i + 0.5) * 1800 / 32) for i in range(32)], limits)[0], 32),
                "once": until_sure(p_fake, limits, 1),
                "twice": until_sure(p_fake, limits, 2),
            }
            for name, (outcome, frames) in answers.items():
                found[name] += (outcome != truth, {outcome, truth} == {"fake", "genuine"}, frames)
        print(f"   {centre:<22}" + "".join(_error_words(found[name], SERIES // len(centres)) for name in found))
        for name in total:
            total[name] += found[name]
    print(f"   {'all':22}" + "".join(_error_words(total[name], SERIES) for name in total))


def _error_words(sums: NDArray[np.float64], count: int) -> str:
    other, opposite, frames = sums / count
    return f"{100 * other:>8.1f} ({100 * opposite:.1f}), {frames:>6.0f} frames"


# 3. Clips.


def timed(screener: Screener, clip: Path) -> tuple[Verdict, float]:
    started = time.perf_counter()
    verdict = screener.scan(clip)
    return verdict, time.perf_counter() - started


def print_clips(folder: Path, pieces: tuple[Path, Path], minutes: Sequence[float], dense_minutes: Sequence[float]) -> None:
    sure, dense = Screener(ScanSettings(until_sure=True)), Screener(ScanSettings(fps=1))
    print("\n3. Made clips, 1920 x 1080, H.264, 25 frames a second, models loaded: seconds, frames looked at, outcome")
    print(f"   {'clip':24}{'--until-sure':>46}{'--fps 1':>46}   frames")
    for length in minutes:
        for kind in ("genuine", "manipulated", "passage"):
            clip = folder / f"{kind}-{length:g}.mp4"
            write_long(course(*pieces, kind, 60 * length), clip, 60 * length)
            cells = [_cell(*timed(sure, clip))]
            frames = [cells[0][1]]
            if length in dense_minutes:
                cells.append(_cell(*timed(dense, clip)))
                frames.append(cells[1][1])
            share = f"{frames[0] / frames[1]:.1%}" if len(frames) > 1 else f"of {60 * length:.0f}"
            print(f"   {kind + f', {length:g} min':24}" + "".join(f"{words:>46}" for words, _ in cells) + f"   {share}", flush=True)
            clip.unlink()


def _cell(verdict: Verdict, seconds: float) -> tuple[str, int]:
    frames = verdict.video.frames_sampled
    p_fake = "-" if verdict.p_fake is None else f"{verdict.p_fake:.3f}"
    stretches = sum(len(person.segments) for person in verdict.people)
    return f"{seconds:.1f} s, {frames} fr., {verdict.outcome} {p_fake}, {stretches} stretches", frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, nargs="*", default=[1, 2, 3], choices=[1, 2, 3])
    parser.add_argument("--minutes", type=float, nargs="*", default=[1, 5, 30, 60])
    parser.add_argument("--dense-minutes", type=float, nargs="*", default=[1, 5, 30], help="Lengths that --fps 1 is run on too.")
    parser.add_argument("--keep", type=Path, help="Folder for the clips' pieces, kept and used again.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        pieces = (folder / "genuine-piece.mp4", folder / "manipulated-piece.mp4")
        for piece, name in zip(pieces, ("genuine.mp4", "manipulated.mp4"), strict=True):
            if not piece.exists():
                write_piece(EXAMPLES / name, piece)
        print(f"First round: {FIRST_ROUND} frames")
        if 1 in arguments.tables:
            clip = write_long(course(*pieces, "genuine", 1800), folder / "curve.mp4", 1800)
            print_curve(clip, 1800)
            clip.unlink()
        if 2 in arguments.tables:
            print_errors()
        if 3 in arguments.tables:
            print_clips(folder, pieces, arguments.minutes, arguments.dense_minutes)


if __name__ == "__main__":
    main()
