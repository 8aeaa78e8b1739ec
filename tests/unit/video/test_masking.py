"""Addresses: passwords are always masked, whatever characters they contain, and nothing else is masked needlessly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from screener.video.masking import is_cut_short, masked, scrubbed


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://user:secret@host/stream", "rtsp://user:***@host/stream"),
        ("rtsp://user:s/e@c#r?e:t@host:554/stream", "rtsp://user:***@host:554/stream"),
        ("rtsp://user@example.org:secret@host/", "rtsp://user@example.org:***@host/"),
        ("rtsp://:secret@host/", "rtsp://:***@host/"),
        ("rtsp://12345:1234/secret@host/", "rtsp://12345:***@host/"),
        ("https://secret@host/a.mp4", "https://***@host/a.mp4"),
        ("http://us/er:secret@host/a", "http://us/er:***@host/a"),
        ("user:secret@host/stream", "user:***@host/stream"),
        ("rtsp:/user:secret@host/stream", "rtsp:/user:***@host/stream"),
        ("rtsp//user:secret@host/stream", "rtsp//user:***@host/stream"),
        ("http://host/cgi?user=ann&pwd=secret", "http://host/cgi?user=ann&pwd=***"),
        ("http://host/cgi?pwd=s/e@c#r?e=t&user=ann", "http://host/cgi?pwd=***&user=ann"),
        ("http://host/cgi?u=ann&p=secret", "http://host/cgi?u=ann&p=***"),
        ("http://host/cgi?PassWord=secret;channel=1", "http://host/cgi?PassWord=***;channel=1"),
        ("http://host/v.mp4?X-Amz-Signature=secret&X-Amz-Date=1", "http://host/v.mp4?X-Amz-Signature=***&X-Amz-Date=1"),
        ("http://host/v.mp4?access_token=secret#t=10", "http://host/v.mp4?access_token=***"),
        ("http://host/v.mp4?sig=secret&se=1", "http://host/v.mp4?sig=***&se=1"),
        ("rtsp://host:554/user=ann&password=s/e@c&channel=1", "rtsp://host:***&channel=1"),
        ("rtsp://host:554/user=ann&password=secret&channel=1", "rtsp://host:554/user=ann&password=***&channel=1"),
        ("rtsp://host:554/user=ann_password=secret_channel=1_stream=0.sdp", "rtsp://host:554/user=ann_password=***"),
        ("http://host/user/ann/password/secret/live", "http://host/user/ann/password/***/live"),
        ("http://host/cgi?password%3Dsecret", "http://host/cgi?password%3D***"),
        ("http://relay/?url=rtsp%3A%2F%2Fann%3Asecret%40cam%2Fs", "http://relay/?url=rtsp%3A%2F%2Fann%3A***%40cam%2Fs"),
        ("http://relay/?url=rtsp://ann:secret@cam/s", "http://relay/?url=rtsp:***@cam/s"),
    ],
)
def test_passwords_are_hidden(address: str, shown: str) -> None:
    assert masked(address) == shown
    assert "secret" not in shown


@pytest.mark.parametrize(
    "address",
    [
        "http://host/a.mp4", "https://host:8443/a/b.mp4?id=5&page=2#t=10", "rtsp://192.168.1.20:554/Streaming/Channels/101",
        "http://[2001:db8::1]:8080/a@b.mp4", "http://host/@ann/clip.mp4", "http://host/a@2x.png", "missing.mp4", "a folder/clip.mp4", "0",
        "http://host/watch?v=abc&t=30", "http://host/cgi?p=2",
    ],
)  # fmt: skip
def test_what_holds_no_password_is_shown_whole(address: str) -> None:
    assert masked(address) == address


SIGNS = st.text(st.characters(codec="ascii", min_codepoint=33))
"""A password stands between < and >, which stand nowhere else."""


@given(SIGNS)
def test_no_piece_of_a_password_in_a_login_is_shown(password: str) -> None:
    shown = masked(f"rtsp://admin:<{password}>@camera/stream")
    assert shown.startswith("rtsp://admin:***") and not {"<", ">"} & set(shown)


@given(
    st.text(st.characters(codec="ascii", min_codepoint=33, exclude_characters="&;")), st.sampled_from(["?user=a&pwd=", "/user=a&password="])
)
def test_no_piece_of_a_password_in_a_path_or_query_is_shown(password: str, before: str) -> None:
    shown = masked(f"rtsp://camera{before}<{password}>&channel=1")
    assert shown.startswith("rtsp://camera") and shown.endswith("***&channel=1") and not {"<", ">"} & set(shown)


def test_masking_again_changes_nothing() -> None:
    address = "rtsp://a:b/c@host/user=a&password=b?token=c&x=1"
    assert masked(masked(address)) == masked(address)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("rtsp://a:b/c@host/s", True), ("rtsp://a:b#c@host/s", True), ("rtsp://a:b?c@host/s", True), ("rtsp://a:b@c@host/s", False),
        ("rtsp://a:b@host/s@t", False), ("http://host:8080/a@b", False), ("http://host/a@b", False), ("http://[::1]:80/a@b", False),
    ],
)  # fmt: skip
def test_a_login_that_ends_before_its_host(address: str, expected: bool) -> None:
    assert is_cut_short(address) is expected


def test_addresses_inside_a_message_of_someone_else_are_masked() -> None:
    said = scrubbed("[Errno 5] Input/output error: 'rtsp://a:b/c@host/s'; last 'http://h/?pwd=x'")
    assert said == "[Errno 5] Input/output error: 'rtsp://a:***@host/s'; last 'http://h/?pwd=***'"
