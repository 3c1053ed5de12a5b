"""Notes lie within the axes, on no line, and on no other note."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Annotation

from wee.figures.notes import Note, place_notes


@pytest.mark.parametrize("falling", [False, True])
def test_notes_lie_where_nothing_else_is_drawn(falling: bool) -> None:
    x = np.linspace(0, 1, 6)
    upper, lower = (1 - x, 1 - x - 0.08) if falling else (x + 0.08, x)
    lines = [np.column_stack([x, y]) for y in (upper, lower)]
    figure, axis = plt.subplots(figsize=(2, 2), dpi=200)
    for line in lines:
        axis.plot(*line.T)
    axis.margins(0.15)
    figure.draw_without_rendering()
    place_notes(axis, [Note(f"note {k}", *point, "k") for k, point in enumerate(lines[0])], lines)

    frame = axis.get_window_extent()
    boxes = [text.get_window_extent() for text in axis.texts if isinstance(text, Annotation)]
    assert len(boxes) == 6
    dense = np.linspace(0, 1, 500)
    for k, box in enumerate(boxes):
        assert frame.contains(box.x0, box.y0)
        assert frame.contains(box.x1, box.y1)
        assert not any(box.overlaps(other) for other in boxes[k + 1 :])
        for y in (upper, lower):
            drawn = axis.transData.transform(np.column_stack([dense, np.interp(dense, x, y)]))
            assert not any(box.contains(*pixel) for pixel in drawn)
    plt.close(figure)


def test_no_notes_are_no_work() -> None:
    figure, axis = plt.subplots()
    place_notes(axis, [], [])
    assert not axis.texts
    plt.close(figure)
