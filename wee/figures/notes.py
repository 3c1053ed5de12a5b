"""Notes beside points, placed where they do not cover anything else."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from wee.figures.style import SMALL

Array = NDArray[np.float64]

_STEP = 1.5
"""Largest distance between the samples of a drawn line, in typographic points."""

_PAD = 1.0
"""Padding around a note, in typographic points."""

_DIAGONALS = [math.pi / 4, 3 * math.pi / 4, 5 * math.pi / 4, 7 * math.pi / 4]
_DIRECTIONS = np.linspace(-math.pi, math.pi, 24, endpoint=False)
"""Angles at which a note is tried, relative to the side that the notes of a panel are on, in radians."""


@dataclass(frozen=True)
class Note:
    """A few words beside a point, given in data coordinates."""

    words: str
    x: float
    y: float
    colour: str | tuple[float, float, float]


def place_notes(axis: Axes, notes: Sequence[Note], lines: Sequence[Array]) -> None:
    """Write notes beside their points.

    As far as possible, notes are on the same side of their points, within the axes, and do not overlap lines or each other.
    The layout of the figure must be final.

    Args:
        axis: The axes to write to.
        notes: The notes.
        lines: The drawn polylines, each [n, 2], in data coordinates.
    """
    if not notes:
        return
    texts = [
        axis.annotate(
            note.words, (note.x, note.y), xytext=(0, 0), textcoords="offset points", ha="center", va="center",
            fontsize=SMALL, color=note.colour, in_layout=False, zorder=5,
        )
        for note in notes
    ]  # fmt: skip
    scale = 72 / axis.figure.dpi  # everything below is in typographic points
    boxes = [text.get_window_extent() for text in texts]
    halves = [np.array([box.width, box.height]) * scale / 2 + _PAD for box in boxes]
    anchors = [axis.transData.transform((note.x, note.y)) * scale for note in notes]
    drawn = np.concatenate([_samples(axis.transData.transform(line) * scale) for line in lines])
    frame = axis.get_window_extent().get_points() * scale
    arrangements = (_arrange(anchors, halves, drawn, frame, side) for side in _DIAGONALS)
    _, offsets = min(arrangements, key=lambda arrangement: arrangement[0])
    for text, offset in zip(texts, offsets, strict=True):
        text.set_position((float(offset[0]), float(offset[1])))


def _arrange(
    anchors: Sequence[Array], halves: Sequence[Array], drawn: Array, frame: Array, side: float
) -> tuple[float, list[Array]]:
    """Place the notes greedily, one by one, all on the same side of their points.

    Args:
        anchors: The points that the notes label, [2] each.
        halves: Half the width and height of each note.
        drawn: Points along the lines and markers of the figure [n, 2], which notes should not cover.
        frame: The lower left and the upper right corner of the axes [2, 2].
        side: The direction from a point to its note, in radians.

    Returns:
        The penalty of the arrangement (lower is better), and for each note the offset of its centre from its point.
    """
    total, offsets = 0.0, []
    for anchor, half in zip(anchors, halves, strict=True):
        candidates = []
        for distance, turn in itertools.product((1.5, 4.0, 8.0), _DIRECTIONS):
            offset = np.array([math.cos(side + turn), math.sin(side + turn)]) * (half + distance)
            centre = anchor + offset
            hidden = np.count_nonzero((np.abs(drawn - centre) < half).all(axis=1))
            outside = np.maximum(frame[0] - centre + half, 0) + np.maximum(centre + half - frame[1], 0)
            candidates.append((hidden + 2 * outside.sum() + 0.1 * distance + abs(turn), offset))
        penalty, offset = min(candidates, key=lambda candidate: candidate[0])
        corners = half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1], [1, 1]])
        drawn = np.concatenate([drawn, _samples(anchor + offset + corners)])
        total += penalty
        offsets.append(offset)
    return total, offsets


def _samples(line: Array) -> Array:
    """Return points along a polyline [n, 2], no further from each other than `_STEP`."""
    parts = [line]
    for start, end in itertools.pairwise(line):
        count = int(math.dist(start, end) / _STEP) + 1
        parts.append(start + (end - start) * np.linspace(0, 1, count, endpoint=False)[:, None])
    return np.concatenate(parts)
