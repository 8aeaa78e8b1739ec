"""Student's t against SciPy's."""

from __future__ import annotations

import pytest
from scipy.stats import t

from screener.verdict.student import FEW, t_quantile


@pytest.fixture(autouse=True)
def not_remembered() -> None:
    """What was computed before must not answer for what is computed now: the tests of mistakes fork from a process that ran all tests."""
    t_quantile.cache_clear()


@pytest.mark.parametrize("share", [0.6, 0.95, 0.995])
@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 10, 11, FEW - 1, FEW, FEW + 1, FEW + 2, 100, 1001, 10**6])
def test_quantiles(share: float, degrees: int) -> None:
    assert t_quantile(share, degrees) == pytest.approx(float(t.ppf(share, degrees)), rel=2e-7)


@pytest.mark.parametrize(("share", "degrees"), [(0.5, 3), (1.0, 3), (0.95, 0), (float("nan"), 3)])
def test_what_has_no_quantile(share: float, degrees: int) -> None:
    with pytest.raises(ValueError, match="degree of freedom"):
        t_quantile(share, degrees)
