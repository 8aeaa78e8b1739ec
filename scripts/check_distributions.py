"""Checks that a wheel and a source distribution of screener contain all required files and no others.

python scripts/check_distributions.py dist
"""

from __future__ import annotations

import argparse
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

IN_WHEEL = (
    "screener/__init__.py", "screener/py.typed", "screener/_weights/default.safetensors", "screener/_weights/MODEL_CARD.md",
    "screener/_weights/LICENSE.md", "screener/faces/mtcnn.safetensors", "screener/faces/mtcnn-LICENSE.txt", "screener/report/schema.json",
    "screener/watching/live_schema.json", "screener/doctor/portrait.jpg",
)  # fmt: skip
IN_SOURCES = (
    "pyproject.toml", "LICENSE", "NOTICE", "README.md", "CHANGELOG.md", "uv.lock", "weights/default.safetensors", "tests/conftest.py",
    "docs/conf.py", "examples/genuine.mp4", "scripts/check.sh",
)  # fmt: skip
LARGEST_FILE = 100 << 20
"""PyPI refuses larger files."""


def fault_of_wheel(path: Path) -> str | None:
    with zipfile.ZipFile(path) as wheel:
        names = set(wheel.namelist())
        metadata = Parser().parsestr(wheel.read(next(name for name in names if name.endswith(".dist-info/METADATA"))).decode())
    if missing := [name for name in IN_WHEEL if name not in names]:
        return f"{path.name}: lacks {', '.join(missing)}"
    if strange := {name.split("/")[0] for name in names if not name.split("/")[0].startswith(("screener_video-", "screener"))}:
        return f"{path.name}: would install {', '.join(sorted(strange))} beside screener"
    if metadata["Name"] != "screener-video" or "LICENSE" not in (metadata.get_all("License-File") or []):
        return f"{path.name}: its metadata name {metadata['Name']}, licence files {metadata.get_all('License-File')}"
    return None


def fault_of_sources(path: Path) -> str | None:
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    missing = [name for name in IN_SOURCES if name not in names]
    return f"{path.name}: lacks {', '.join(missing)}" if missing else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    wheels, sources = sorted(folder.glob("*.whl")), sorted(folder.glob("*.tar.gz"))
    if len(wheels) != 1 or len(sources) != 1:
        raise SystemExit(f"{folder}: expected one wheel and one source distribution, found {len(wheels)} and {len(sources)}")
    faults = [fault_of_wheel(wheels[0]), fault_of_sources(sources[0])]
    faults += [f"{path.name}: larger than {LARGEST_FILE:,} bytes" for path in (*wheels, *sources) if path.stat().st_size > LARGEST_FILE]
    for path in (*wheels, *sources):
        print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")
    if found := "\n".join(fault for fault in faults if fault):
        raise SystemExit(found)


if __name__ == "__main__":
    main()
