"""Which versions are installed, whether they are recent enough, and whether two OpenCV packages overwrite each other.

Reads package metadata; loads OpenCV only to ask for its version and its FFmpeg.
"""

from __future__ import annotations

import operator
import platform
import re
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

from screener.doctor.findings import Examination, Fault
from screener.runtime.versions import DISTRIBUTION, versions

ABSENT = "not installed"
_COMPARISONS: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    ">=": operator.ge, "==": operator.eq, "<=": operator.le, "!=": operator.ne, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(\[[^\]]*\])?\s*\(?(?P<bounds>[^;)]*)\)?\s*(;(?P<marker>.*))?")
_BOUND = re.compile(r"(>=|==|<=|!=|>|<)\s*([\w.]+)")


def examine(examination: Examination, _checkpoint: Path | None, _device: str) -> None:
    """Check that every library is installed in a suitable version, and OpenCV only once."""
    examination.check("versions", _versions, f"install screener and its libraries again: pip install --force-reinstall {DISTRIBUTION}")
    examination.check("one OpenCV", _one_opencv, "install it: pip install opencv-python")


def _versions() -> str:
    """Names and versions in words. Raises Fault naming each that does not meet screener's requirements."""
    found = versions() | {"FFmpeg in OpenCV": ffmpeg_of_opencv()}
    said = ", ".join(f"{name} {version}" for name, version in found.items())
    try:
        distribution = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return f"{said}; not held against minimum versions, which only an installed package carries"
    python = f"python{distribution.metadata['Requires-Python'] or ''}"
    unfit = list(unfit_versions([python, *(distribution.requires or [])]))
    if unfit:
        wanted = " ".join(f'"{requirement}"' for requirement, _ in unfit if requirement != python)
        advice = f"pip install {wanted}" if wanted else f"use another Python: {python}"
        raise Fault(f"{'; '.join(f'{requirement} is needed, {there}' for requirement, there in unfit)} ({said})", advice)
    return said


def unfit_versions(requirements: list[str]) -> Iterator[tuple[str, str]]:
    """Requirements from package metadata -> (requirement, installed version) of those not met; those of extras do not count."""
    for text in requirements:
        parts = _REQUIREMENT.match(text)
        if parts is None or parts["marker"]:
            continue
        version = _version_of(parts["name"])
        bounds = _BOUND.findall(parts["bounds"])
        if version == ABSENT or not all(_COMPARISONS[sign](_release(version), _release(bound)) for sign, bound in bounds):
            yield f"{parts['name']}{parts['bounds'].replace(' ', '')}", version if version == ABSENT else f"{version} is installed"


def ffmpeg_of_opencv() -> str:
    """Version of the libavcodec inside OpenCV, or "none"."""
    import cv2

    build: str = cv2.getBuildInformation()
    found = re.search(r"avcodec:\s*YES \(([\d.]+)\)", build)
    return f"(avcodec) {found[1]}" if found else "none"


def _one_opencv() -> str:
    import cv2

    names = sorted(
        {name for dist in metadata.distributions() if (name := (dist.name or "").lower().replace("_", "-")).startswith("opencv-")}
    )
    if len(names) > 1:
        advice = f"pip uninstall -y {' '.join(names)}, then pip install --force-reinstall --no-deps opencv-python"
        raise Fault(f"{' and '.join(names)} are installed over each other; which files won is chance", advice)
    return f"{names[0] if names else 'not from pip'}, OpenCV {cv2.__version__}"


def _version_of(name: str) -> str:
    if name == "python":
        return platform.python_version()
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        if name != "opencv-python":
            return ABSENT
    # Installed under another name, or from a system's packages: ask the module.
    import cv2

    return str(cv2.__version__)


def _release(version: str) -> tuple[int, ...]:
    """Version numbers for comparisons: "2.11.0+cpu" -> (2, 11), without trailing zeros."""
    numbers = [int(part) for part in re.findall(r"\d+", re.split(r"[^\d.]", version)[0])]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
