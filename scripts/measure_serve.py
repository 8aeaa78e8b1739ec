"""Measures the performance of `screener serve` against its limits. Exits with 1 if a limit is exceeded.

    python scripts/measure_serve.py [ready] [http] [memory] [answers] [history] [live] [kills] [--clips 20] [--repeats 3] [--kills 50]

ready: from the start of the command to the first response. http: clips over HTTP against `scan --jsonl`, from the first verdict to the
last, in turns. memory: the server's peak while receiving 2 GiB, against 16 MiB. answers: 95th percentile of GET while a worker judges and
uploads arrive, against an idle server. history: a page of 10,000 scans against one of 100. live: delay from capture to verdict with two
viewers against none, in turns. kills: server or worker killed at random moments, with twice as many clips as kills, as in the test.
Without a name, everything except kills. Linux only.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "tests"))

from serving import Served, environment_of, serving  # noqa: E402

from screener.bench import SIZES_WH, make_clip  # noqa: E402
from screener.watching.judging_thread import RECENT_SECONDS  # noqa: E402

CLIP_SECONDS = 5.0
LIMITS = {"ready": 2.0, "http": 1.10, "memory": 1.1, "answers": 10.0, "history": 2.0, "live": 1.25}
"""Seconds for `ready`, ratios for the others."""

SETTLING_SECONDS = 5.0
LOOKS = 5


def clips(folder: Path, count: int) -> list[Path]:
    """Clips of the same pictures, each content of its own: they differ in a box behind the end that no player looks at."""
    first = folder / "clip.mp4"
    make_clip(first, SIZES_WH["480p"], 1, CLIP_SECONDS)
    made = []
    for number in range(count):
        path = folder / f"{number}.mp4"
        path.write_bytes(first.read_bytes() + b"\0\0\0\x10free" + number.to_bytes(8, "big"))
        made.append(path)
    first.unlink()
    return made


def until_ready(server: Served) -> None:
    """Until the models are loaded."""
    while json.loads(server.request("GET", "readyz")[2])["worker"] != "ready":
        time.sleep(0.1)


def ready(folder: Path, options: argparse.Namespace) -> float:
    taken = []
    for number in range(options.repeats):
        began = time.monotonic()
        with serving(folder / f"ready{number}") as server:
            assert server.request("GET", "readyz")[0] == 200
            taken.append(time.monotonic() - began)
    print(f"ready: {', '.join(f'{one:.2f}' for one in taken)} s")
    return statistics.median(taken)


def over_http(folder: Path, videos: list[Path]) -> float:
    """Seconds from the first verdict to the last, by the ledger's own clock."""
    with serving(folder / f"http{time.monotonic_ns()}") as server:
        until_ready(server)
        ids = [server.send(video)["id"] for video in videos]
        server.wait(ids[-1], 600)
        with Moments(server) as moments:
            return moments[-1] - moments[0]


class Moments:
    """Moments at which the scans of a server were done, in order."""

    def __init__(self, server: Served) -> None:
        self._server = server

    def __enter__(self) -> list[float]:
        import sqlite3

        with sqlite3.connect(f"file:{self._server.state / 'ledger.sqlite3'}?mode=ro", uri=True) as ledger:
            return [row[0] for row in ledger.execute("SELECT finished FROM scans WHERE state = 'done' ORDER BY finished")]

    def __exit__(self, *_: object) -> None:
        pass


def by_command(videos: list[Path]) -> float:
    command = [sys.executable, "-m", "screener", "scan", "--jsonl", "--quiet", *map(str, videos)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment_of({}), text=True) as process:
        assert process.stdout is not None
        moments = [time.monotonic() for _ in process.stdout]
    assert len(moments) == len(videos)
    return moments[-1] - moments[0]


def http_ratio(folder: Path, options: argparse.Namespace) -> float:
    videos = clips(folder, options.clips)
    ratios = []
    for turn in range(options.repeats):
        first, second = (by_command, over_http) if turn % 2 else (over_http, by_command)
        taken = {way: way(folder, videos) if way is over_http else way(videos) for way in (first, second)}
        ratios.append(taken[over_http] / taken[by_command])
        print(f"http: {options.clips} clips, first verdict to last: {taken[over_http]:.2f} s, scan --jsonl {taken[by_command]:.2f} s")
    return statistics.median(ratios)


def memory(folder: Path, options: argparse.Namespace) -> float:
    highest = {}
    for size in (16 << 20, 2 << 30):
        with serving(folder / f"memory{size}", "--max-upload", "3GiB") as server:
            until_ready(server)
            server.request("GET", "api/v1/scans")
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
            headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "video/mp4", "Content-Length": str(size)}
            connection.request("POST", "/api/v1/scans?name=zeros.mp4", zeros(size), headers)
            began = time.monotonic()
            assert connection.getresponse().status == 202
            assert server.process is not None
            status = Path(f"/proc/{server.process.pid}/status").read_text()
            highest[size] = int(status.partition("VmHWM:")[2].split()[0])
            print(f"memory: {size >> 20} MiB, answered {time.monotonic() - began:.1f} s after the last byte: {highest[size]} kB at most")
    return highest[2 << 30] / highest[16 << 20]


def zeros(size: int) -> Iterator[bytes]:
    piece = bytes(1 << 20)
    for _ in range(size >> 20):
        yield piece


def percentile(server: Served, count: int = 300) -> float:
    """The 95th of the time that a GET of one scan takes, on connections of their own."""
    scan = json.loads(server.request("GET", "api/v1/scans?limit=1")[2])["scans"][0]["id"]
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        assert server.request("GET", f"api/v1/scans/{scan}")[0] == 200
        taken.append(time.perf_counter() - began)
        time.sleep(0.005)
    return statistics.quantiles(taken, n=20)[-1]


def answers(folder: Path, options: argparse.Namespace) -> float:
    videos = clips(folder, 12)
    with serving(folder / "answers") as server:
        until_ready(server)
        server.wait(server.send(videos[0])["id"])
        idle = percentile(server)
        ended = threading.Event()

        def upload() -> None:
            number = 0
            while not ended.is_set():
                server.send(videos[number % len(videos)], "force=true")
                number += 1
                time.sleep(0.5)

        uploading = threading.Thread(target=upload)
        uploading.start()
        time.sleep(1)
        busy = percentile(server)
        ended.set()
        uploading.join()
    print(f"answers: 95th percentile idle {1000 * idle:.1f} ms, busy {1000 * busy:.1f} ms")
    return busy / idle


def history(folder: Path, options: argparse.Namespace) -> float:
    from screener.serve.ledger import Database, NewScan, Scans

    summary = {"outcome": "genuine", "sha256": "0" * 64, "crops": 0, "thumbnail": False}
    taken = {}
    for count in (100, 10_000):
        state = folder / f"history{count}"
        with serving(state):
            pass
        database = Database(state / "ledger.sqlite3")
        database._writer.execute("PRAGMA synchronous = OFF")
        scans = Scans(database)
        for number in range(count):
            scan = scans.accept(NewScan("upload", "", f"clip {number}.mp4", sha256="0" * 64))
            scans.take()
            scans.finish(scan.id, "{}", summary, "", False)
        database.close()
        with serving(state) as server:
            for _ in range(20):
                server.request("GET", "api/v1/scans?limit=50")
            times = []
            for _ in range(200):
                began = time.perf_counter()
                assert json.loads(server.request("GET", "api/v1/scans?limit=50")[2])["total"] == count
                times.append(time.perf_counter() - began)
        taken[count] = statistics.median(times)
        print(f"history: a page of {count}: {1000 * taken[count]:.2f} ms")
    return taken[10_000] / taken[100]


def live(folder: Path, options: argparse.Namespace) -> float:
    clip = folder / "live.mp4"
    make_clip(clip, SIZES_WH["480p"], 1, 60.0 + 2 * options.repeats * (RECENT_SECONDS + SETTLING_SECONDS + LOOKS + 5))
    ratios = []
    with serving(folder / "live", "--live", str(clip)) as server:
        until_ready(server)
        while watched(server)["state"] != "live":
            time.sleep(0.2)
        time.sleep(10)
        for _ in range(options.repeats):
            alone = delay(server)
            ended = threading.Event()
            viewers = [threading.Thread(target=view, args=(server, ended)) for _ in range(2)]
            for viewer in viewers:
                viewer.start()
            looked_at = delay(server)
            ended.set()
            for viewer in viewers:
                viewer.join()
            ratios.append(looked_at / alone)
            print(f"live: median delay {alone:.3f} s without viewers, {looked_at:.3f} s with two")
    return statistics.median(ratios)


def watched(server: Served) -> dict[str, object]:
    return dict(json.loads(server.request("GET", "api/v1/live")[2])[0])


def delay(server: Served) -> float:
    """Median delay. The source says that of its last minute, so it is asked when that holds nothing from before."""
    time.sleep(SETTLING_SECONDS + RECENT_SECONDS)
    said = []
    for _ in range(LOOKS):
        time.sleep(1)
        if (value := watched(server)["delay_median_seconds"]) is not None:
            said.append(float(str(value)))
    return statistics.median(said)


def view(server: Served, ended: threading.Event) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", "/api/v1/live/0/picture", headers={"Authorization": f"Bearer {server.token}"})
    response = connection.getresponse()
    with suppress(OSError):
        while not ended.is_set() and response.read1(1 << 16):
            pass
    connection.close()


def kills(options: argparse.Namespace) -> bool:
    test = "tests/integration/test_serve_recovery.py"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", test, "-k", "random_moments"]
    environment = {**os.environ, "SCREENER_TEST_KILLS": str(options.kills), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=REPOSITORY, env=environment).returncode == 0


MEASURES: dict[str, Callable[[Path, argparse.Namespace], float]] = {
    "ready": ready, "http": http_ratio, "memory": memory, "answers": answers, "history": history, "live": live,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join([*MEASURES, "kills"]))
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--kills", type=int, default=50)
    options = parser.parse_args()
    good = True
    for name in options.names or MEASURES:
        if name == "kills":
            good &= kills(options)
            continue
        with tempfile.TemporaryDirectory() as folder:
            value = MEASURES[name](Path(folder), options)
        good &= value <= LIMITS[name]
        print(f"{name}: {value:.2f} (at most {LIMITS[name]:g}){'' if value <= LIMITS[name] else '  BEYOND'}", flush=True)
    sys.exit(not good)


if __name__ == "__main__":
    main()
