"""The outline follows the map, and is drawn only if the checkpoint allows it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from builders import face_score
from hypothesis import given
from hypothesis import strategies as st
from skimage.draw import polygon2mask

from screener.records import Verdict
from screener.report.html import page_html
from screener.report.outline import VIEW_BOX, legend, outline_of, outline_path

CELLS = 14
LOCALISATION = {"level": 0.5, "overlap": 0.66, "interval": [0.61, 0.7], "fixed_overlap": 0.52, "pictures": 1200}


def corners(path: str) -> list[np.ndarray]:
    """The (n, 2) points of each closed part, across and down."""
    assert re.fullmatch(r"(M[\d. L-]+Z)*", path)
    return [np.array([pair.split() for pair in part.split("L")], float) for part in re.findall("M([^Z]+)Z", path)]


def drawn(path: str, cells: int) -> np.ndarray:
    """(cells, cells): whether the middle of each cell lies inside, by the even-odd rule, with another library's polygons."""
    fine = 10
    inside = np.zeros((cells * fine,) * 2, int)
    for part in corners(path):
        inside += polygon2mask(inside.shape, part[:, ::-1] / VIEW_BOX * cells * fine)
    return inside[fine // 2 :: fine, fine // 2 :: fine] % 2 == 1


def test_nothing_above_the_level_is_no_outline() -> None:
    assert outline_path(np.full((CELLS, CELLS), 0.49, np.float32), 0.5) == ""


def test_everything_is_the_whole_picture() -> None:
    (part,) = corners(outline_path(np.ones((CELLS, CELLS), np.float32), 0.5))
    assert part.min() == pytest.approx(0, abs=0.3) and part.max() == pytest.approx(VIEW_BOX, abs=0.3)


def test_one_cell_lies_in_its_row_and_column() -> None:
    blend_map = np.zeros((CELLS, CELLS), np.float32)
    blend_map[2, 11] = 1
    (part,) = corners(outline_path(blend_map, 0.5))
    middle = (part.min(0) + part.max(0)) / 2
    assert middle == pytest.approx([11.5 / CELLS * VIEW_BOX, 2.5 / CELLS * VIEW_BOX], abs=0.4)
    # Halfway to the neighbours' middles.
    assert np.ptp(part, axis=0) == pytest.approx([VIEW_BOX / CELLS] * 2, abs=0.8)


def test_a_hole_stays_open() -> None:
    ring = np.ones((CELLS, CELLS), np.float32)
    ring[5:9, 4:10] = 0
    path = outline_path(ring, 0.5)
    assert len(corners(path)) == 2
    assert np.array_equal(drawn(path, CELLS), ring == 1)


@given(st.integers(0, 2**32 - 1), st.sampled_from([4, 7, 14]), st.floats(0.2, 0.8))
def test_middles_of_cells_are_on_their_side(seed: int, cells: int, level: float) -> None:
    blend_map = np.random.default_rng(seed).random((cells, cells)).astype(np.float32)
    # Near the level a corner may be rounded off.
    clear = np.abs(blend_map - level) > 0.12
    inside = drawn(outline_path(blend_map, level), cells)
    assert np.array_equal(inside[clear], (blend_map >= level)[clear])


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected \(h, w\), got \(3,\)"):
        outline_path(np.zeros(3, np.float32), 0.5)


def test_only_with_a_map_and_leave() -> None:
    ones = np.ones((CELLS, CELLS), np.float32)
    assert outline_of(face_score(0.9, blend_map=ones), {"localisation": LOCALISATION})
    assert outline_of(face_score(0.9, blend_map=ones), {"name": "not earned"}) == ""
    assert outline_of(face_score(0.9), {"localisation": LOCALISATION}) == ""


def test_the_legend_carries_the_measured_overlap() -> None:
    text = legend({"localisation": LOCALISATION})
    assert "overlapped by 0.66 on average (intersection over union; 95\u00a0% interval 0.61 to 0.70)" in text
    assert "1,200 pictures" in text and "one outline for all faces reaches 0.52" in text
    assert "takes no part in the score" in text


def with_maps(verdict: Verdict, checkpoint: dict[str, object]) -> Verdict:
    ones = np.ones((CELLS, CELLS), np.float32)
    frames = tuple(replace(face, blend_map=ones) if face.thumbnail_rgb is not None else face for face in verdict.frames)
    return replace(verdict, frames=frames, checkpoint={**verdict.checkpoint, **checkpoint})


def test_the_page_draws_it_over_the_crop_and_explains_it(verdicts: dict[str, Verdict]) -> None:
    page = page_html(with_maps(verdicts["still"], {"localisation": LOCALISATION}))
    figure = page[page.index('<div class="located">') :].split("</figure>")[0]
    assert re.search(r'<img src="data:image/jpeg[^>]+>\s*<svg viewBox="0 0 100 100"[^>]*><path d="M[^"]+Z"/></svg>', figure)
    assert page.count("Outlined on faces judged fake") == 1
    assert "fixed_overlap" not in page, "the legend says it; the table of facts need not repeat it"


def test_without_leave_the_page_is_as_if_there_were_no_map(verdicts: dict[str, Verdict]) -> None:
    assert page_html(with_maps(verdicts["still"], {})) == page_html(verdicts["still"])


def test_no_outline_no_legend(verdicts: dict[str, Verdict]) -> None:
    verdict = verdicts["still"]
    page = page_html(replace(verdict, checkpoint={**verdict.checkpoint, "localisation": LOCALISATION}))
    assert "Outlined" not in page and 'class="located"' not in page
