"""Checks are isolated from each other, and the table repeats its marks in words."""

from __future__ import annotations

import pytest

from screener.doctor import Finding, render
from screener.doctor.findings import WIDTH, Examination, Fault
from screener.errors import DeviceError


def raising(error: Exception) -> str:
    raise error


def test_a_check_that_passes_has_no_advice() -> None:
    examination = Examination()
    examination.check("a", lambda: "fine", "do something")
    assert examination.findings == [Finding("a", True, "fine")]


@pytest.mark.parametrize(
    ("error", "detail", "advice"),
    [
        (Fault("broken"), "broken", "general"),
        (Fault("broken", "special"), "broken", "special"),
        (DeviceError("device x: not there"), "device x: not there", "general"),
        (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero", "general"),
        (RuntimeError(), "RuntimeError", "general"),
    ],
)
def test_whatever_is_raised_becomes_a_finding_and_the_next_check_runs(error: Exception, detail: str, advice: str) -> None:
    examination = Examination()
    examination.check("a", lambda: raising(error), "general")
    examination.check("b", lambda: "fine", "")
    assert examination.findings == [Finding("a", False, detail, advice), Finding("b", True, "fine")]


def test_an_optional_check_never_fails_but_says_what_is_missing() -> None:
    examination = Examination()
    examination.check("gpu", lambda: raising(Fault("none")), "not needed", optional=True)
    assert examination.findings == [Finding("gpu", True, "none", "not needed", optional=True)]


def test_a_check_whose_need_failed_is_not_tried_and_not_well() -> None:
    examination = Examination()
    examination.check("a", lambda: raising(Fault("broken")), "")
    examination.check("b", lambda: pytest.fail("must not run"), "", needs=["a"])
    examination.check("c", lambda: pytest.fail("must not run"), "", needs=["b"])
    assert [(f.ok, f.detail) for f in examination.findings[1:]] == [
        (False, "not tried, for it needs: a"),
        (False, "not tried, for it needs: b"),
    ]


def test_an_interrupt_is_not_a_finding() -> None:
    with pytest.raises(KeyboardInterrupt):
        Examination().check("a", lambda: raising(KeyboardInterrupt()), "")  # type: ignore[arg-type]


def test_the_table_tells_well_from_wrong_in_words_and_sums_up() -> None:
    findings = [
        Finding("cpu", True, "2 cores"),
        Finding("gpu", True, "none", "not needed", optional=True),
        Finding("faces", False, "none found", "install it again"),
    ]
    assert render(findings).splitlines() == [
        "+ ok    cpu    2 cores",
        "- note  gpu    none",
        "               -> not needed",
        "! FAIL  faces  none found",
        "               -> install it again",
        "",
        "1 of 3 checks failed (faces): trust no result from this machine until they are mended.",
    ]
    assert render(findings[:2]).endswith("\nAll 2 checks passed: screener works on this machine.\n")


def test_long_and_hostile_details_are_wrapped_and_escaped() -> None:
    text = render([Finding("a", False, "line one\nline two \x1b[31m red " + "word " * 60, "")])
    assert "\x1b" not in text
    assert "line one line two \\x1b[31m red" in text
    assert max(len(line) for line in text.splitlines()) <= WIDTH
