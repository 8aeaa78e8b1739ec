"""The contract of an engine, which computes the network for a scorer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Pictures = NDArray[np.uint8] | Sequence[NDArray[np.uint8]]
"""(N, S, S, 3) uint8 crops, as one array or one by one."""

LogitsAndMaps = tuple[NDArray[np.float64], NDArray[np.float32] | None]
"""(N,) uncalibrated log-odds of fake, and (N, S/16, S/16) probability of blending in each cell, or None if not asked for."""


class Device(Protocol):
    """Where an engine computes: a device of PyTorch, or one that has only a name. Its text is its whole name, such as `cuda:0`."""

    @property
    def type(self) -> str:
        """`cpu`, `cuda` or `mps`."""
        ...


@dataclass(frozen=True)
class NamedDevice:
    """The device of engines that need no PyTorch here. name: as PyTorch writes it."""

    name: str

    @property
    def type(self) -> str:
        """See `Device.type`."""
        return self.name.partition(":")[0]

    def __str__(self) -> str:
        return self.name


PROCESSOR = NamedDevice("cpu")


class Engine(Protocol):
    """A network ready to run. The same crop gives the same logit with and without maps.

    The side S of crops is that of the contract's preprocessing, or that of its reference's copies; one batch has one.
    """

    name: str
    """Its key in `engines.ENGINES`."""

    @property
    def device(self) -> Device:
        """Where it computes."""
        ...

    dtype_name: str
    """The dtype of its convolutions: a key of `scoring.TOLERANCE_P_FAKE`."""

    def logits(self, crops_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(N, S, S, 3) uint8 crops, at least one -> (N,) uncalibrated log-odds of fake, in one batch."""
        ...

    def logits_and_maps(self, crops_rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """(N, S, S, 3) uint8 crops, at least one -> (N,) logits and (N, S/16, S/16) probability of blending in each cell."""
        ...

    def bare_pass(self, crops_rgb: NDArray[np.uint8]) -> Callable[[], object]:
        """A prepared function that only runs the network on these crops, to measure the cost of everything else."""
        ...


@runtime_checkable
class BeginningEngine(Engine, Protocol):
    """An engine that can start a batch before the result of the previous one is fetched."""

    keeps_in_flight: bool
    """Whether starting a batch before fetching the previous result saves time."""

    def begin(self, pictures_rgb: Pictures, locate: bool) -> Callable[[], LogitsAndMaps]:
        """Start one batch of at least one crop; returns a function that waits for the results of `logits` or `logits_and_maps` and returns
        them.
        """
        ...


class ByBeginning(ABC):
    """`logits` and `logits_and_maps` of a `BeginningEngine`, by its `begin`."""

    @abstractmethod
    def begin(self, pictures_rgb: Pictures, locate: bool) -> Callable[[], LogitsAndMaps]:
        """See `BeginningEngine.begin`."""

    def logits(self, crops_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
        """See `Engine.logits`."""
        return self.begin(crops_rgb, locate=False)()[0]

    def logits_and_maps(self, crops_rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """See `Engine.logits_and_maps`."""
        logits, maps = self.begin(crops_rgb, locate=True)()
        assert maps is not None
        return logits, maps


def begun(engine: Engine, pictures_rgb: Pictures, locate: bool) -> Callable[[], LogitsAndMaps]:
    """Start one batch as `BeginningEngine.begin` does; an engine that is none has finished when this returns."""
    if isinstance(engine, BeginningEngine):
        return engine.begin(pictures_rgb, locate)
    crops_rgb = np.ascontiguousarray(pictures_rgb)
    answers = engine.logits_and_maps(crops_rgb) if locate else (engine.logits(crops_rgb), None)
    return lambda: answers
