"""Only valid replies are accepted from a process that a hostile file may have compromised."""

from __future__ import annotations

import pytest

from screener.video.sandbox.answers import checked_origin


@pytest.mark.parametrize("answer", [None, 3, "x", [], {}, {"c2pa": 1, "container": []}])
def test_nonsense_is_nothing(answer: object) -> None:
    assert checked_origin(answer) == {}


def test_values_of_another_kind_are_left_out_and_texts_cut() -> None:
    said = {"present": "yes", "intact": True, "signer": "s" * 999, "actions": ["a", 3, "", {}] * 99, "more": {}}
    found = checked_origin({"c2pa": said, "container": {"edit_list_entries": -1, "has_place": 1}})
    assert found["c2pa"]["present"] is None and found["c2pa"]["intact"] is True
    assert len(found["c2pa"]["signer"]) == 200 and set(found["c2pa"]["actions"]) == {"a"} and len(found["c2pa"]["actions"]) <= 40
    assert found["container"]["edit_list_entries"] is None and found["container"]["has_place"] is None
    assert "more" not in found["c2pa"]
