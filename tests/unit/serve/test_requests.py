"""Validation of requests, names, and the sizes, prefixes and numbers in the command's options."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

from screener.errors import SettingsError
from screener.serve.options import ServeOptions, base_path_of, size_in_bytes
from screener.serve.problems import Refusal
from screener.serve.rate_limits import MOST_CLIENTS, OneTimeKey, Pace
from screener.serve.requests import CHANGEABLE, check_choices, checked_callback, checked_name, checked_settings, content_of, wish_of
from screener.settings import ScanSettings

DISTRUST = {
    "max_pixels",
    "max_duration_seconds",
    "max_streams",
    "max_download_bytes",
    "decoder_memory_mb",
    "stall_seconds",
    "allow_private",
}
PLACE = {"device", "dtype", "engine", "decoder", "batch_size", "detector"}


def test_neither_limits_nor_places_are_for_requests() -> None:
    assert not set(CHANGEABLE) & (DISTRUST | PLACE) and set(CHANGEABLE) <= set(ScanSettings().to_dict())
    for name in DISTRUST | PLACE:
        with pytest.raises(Refusal) as refused:
            checked_settings({name: ScanSettings().to_dict()[name]}, lambda changes: ScanSettings.from_mapping(changes))
        assert refused.value.errors[0][0] == f"settings.{name}"


def test_a_request_takes_no_longer_than_the_server_allows() -> None:
    def settings_for(changes: dict[str, object]) -> ScanSettings:
        return ScanSettings.from_mapping({"time_limit_seconds": 60.0, **changes})

    assert checked_settings({"time_limit_seconds": 60.0}, settings_for).time_limit_seconds == 60
    for seconds in (60.5, None, float("nan"), "x"):
        with pytest.raises(Refusal):
            checked_settings({"time_limit_seconds": seconds}, settings_for)


def test_a_refused_address_is_told_in_the_words_of_the_server_without_what_it_leads_to() -> None:
    with pytest.raises(Refusal, match="operator can allow that with the setting allow_private") as refused:
        checked_callback("http://localhost/told", allow_private=False)
    assert "--allow-private" not in refused.value.detail and "127.0.0.1" not in refused.value.detail


@pytest.mark.parametrize(
    ("changes", "where", "words"),
    [({"fpr": 0.2}, "fpr", "measured at 0.01, 0.05, not at 0.2"), ({"pooling": "max"}, "pooling", "one of mean, median, got 'max'")],
)
def test_settings_that_the_weights_do_not_allow_are_refused(changes: dict[str, object], where: str, words: str) -> None:
    choices = {"fpr": [0.05, 0.01], "pooling": ["mean", "median"]}
    with pytest.raises(Refusal, match=words) as refused:
        check_choices(ScanSettings.from_mapping(changes), choices)
    assert refused.value.code == "invalid" and refused.value.errors[0][0] == f"settings.{where}"


@pytest.mark.parametrize("changes", [{}, {"fpr": 0.01}, {"pooling": "median"}, {"threshold": 0.3}])
def test_settings_that_the_weights_allow_are_taken(changes: dict[str, object]) -> None:
    check_choices(ScanSettings.from_mapping(changes), {"fpr": [0.05, 0.01], "pooling": ["mean", "median"]})
    with pytest.raises(Refusal, match="no rate"):
        check_choices(ScanSettings(), {"fpr": [], "pooling": ["mean"]})


@pytest.mark.parametrize(
    ("given", "name"),
    [("clip.mp4", "clip.mp4"),
     ("/etc/../x/clip.mp4", "clip.mp4"), ("C:\\clips\\a.mp4", "a.mp4"), ("", "video"), (None, "video"), ("a/", "a"),
     (" \0 ", "video"), ("a\0b.mp4", "ab.mp4"), ("\udcff.mp4", "\\xff.mp4"), ("x" * 300, "x" * 255)],
)  # fmt: skip
def test_a_name_is_never_a_path(given: str | None, name: str) -> None:
    assert checked_name(given) == name


def test_content_is_its_bytes_its_suffix_and_how_it_is_judged() -> None:
    plain = ScanSettings()
    assert content_of("ab", ".mp4", plain) == content_of("ab", ".MP4", plain)
    assert len({content_of("ab", ".mp4", plain), content_of("ab", ".avi", plain), content_of("ac", ".mp4", plain),
                content_of("ab", ".mp4", ScanSettings(fpr=0.1))}) == 4  # fmt: skip


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"url": 3}', '{"unknown": 1}', '{"force": "yes"}', '{"settings": []}'])
def test_a_wish_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(Refusal):
        wish_of(text)


@pytest.mark.parametrize(("text", "size"), [("1", 1), ("2GiB", 2 << 30), ("1.5 MB", 3 << 19), ("4k", 4096), ("1TiB", 1 << 40)])
def test_sizes(text: str, size: int) -> None:
    assert size_in_bytes("--max-upload", text) == size


@pytest.mark.parametrize("text", ["", "x", "-1", "1 PB", "GiB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(SettingsError, match="--min-free: expected a size"):
        size_in_bytes("--min-free", text)


def test_options_that_cannot_be_meant(tmp_path: Path) -> None:
    assert base_path_of("/x/") == base_path_of("x") == "/x" and base_path_of("/") == base_path_of("") == ""
    for wrong in ({"port": 70_000}, {"base_path": "/a b"}, {"base_path": "/../x"}, {"keep_days": 0.0}, {"token": "short"}, {"workers": 0}):
        with pytest.raises(SettingsError):
            ServeOptions(**{"state": tmp_path, "token": "t" * 32, **wrong})  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="keep-days"):  # no number that JSON knows: the page could not be told it
        ServeOptions(tmp_path, "t" * 32, keep_days=float("inf"))
    assert ServeOptions(tmp_path, "t" * 32, host="::1").is_local and not ServeOptions(tmp_path, "t" * 32, host="0.0.0.0").is_local


@pytest.mark.parametrize("name", ["clips.example.org:8443", "https://clips.example.org", "*", "clips.example.org.", "[fd00::1]", ""])
def test_a_host_name_that_no_request_could_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="allow-host"):
        ServeOptions(tmp_path, "t" * 32, hosts=(name,))
    assert ServeOptions(tmp_path, "t" * 32, hosts=("clips.example.org", "localhost", "my_host", "10.0.0.7", "fd00::1")).hosts


def test_a_key_opens_once() -> None:
    key = OneTimeKey()
    assert not key.use("wrong") and key.use(key.key) and not key.use(key.key)


def test_so_many_at_once_and_so_many_a_second_for_each_client() -> None:
    now = [0.0]
    pace = Pace(0.5, 3, lambda: now[0])
    for _ in range(3):
        assert not pace.spent("a")
        pace.take("a")
    assert pace.spent("a") and not pace.spent("b")
    now[0] = 2.1
    assert not pace.spent("a")
    pace.take("a")
    assert pace.spent("a")
    for number in range(MOST_CLIENTS):
        pace.take(str(number))
    assert len(pace._left) == MOST_CLIENTS
