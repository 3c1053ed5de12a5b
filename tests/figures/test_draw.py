"""Drawing: every kind of figure, with and without intervals, and what is written on it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

from tests.helpers.figures import draw
from wee.figures.config import FigureConfig
from wee.figures.draw import write
from wee.figures.labels import Labels
from wee.figures.style import lighter
from wee.sweep.rows import POINT

PANELS = ["cov@20", "deployed_risk@20", "accuracy"]


def made_up(
    lines: dict[str, str],
    panels: list[str],
    bars: str = "interval",
    families: tuple[str, ...] = ("made",),
    count: int = 4,
) -> pd.DataFrame:
    """Points of lines, by name and look, as `wee.figures.points.line_points` gives them."""
    rows = []
    for metric, family, (k, (line, look)) in itertools.product(panels, families, enumerate(lines.items())):
        for place in range(1 if line == "alone" else count):
            value = 50.0 + 8 * place + 3 * k
            names = {"scale": f"s{place}", "dataset": "toy", "family": family, "metric": metric, "cost": "macs"}
            numbers = {"price": 1e6 * (1 + 0.2 * k) * 2.5**place, "value": value, "low": value - 4, "high": value - 1}
            kind = {"bars": bars, "level": 0.9, "seeds": 0.0, "shade": np.nan}
            note = f"s{place}" if look == "window" else ""
            rows.append(
                {
                    "panel": metric,
                    "line": line,
                    "look": look,
                    "note": note,
                    **dict.fromkeys(POINT, ""),
                    **names,
                    **numbers,
                    **kind,
                }
            )
    return pd.DataFrame(rows)


LINES = {"single models": "single", "ensembles": "ensemble", "window cascades": "window"}


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def texts(figure: Figure) -> list[Text]:
    """The legend, the caption, the titles and the names of axes that are drawn."""
    legends = [text for legend in figure.legends for text in legend.get_texts()]
    titles = [axis.title for axis in figure.axes] + [axis._left_title for axis in figure.axes]  # type: ignore[attr-defined]
    axes = [part.label for axis in figure.axes for part in (axis.xaxis, axis.yaxis)]
    ticks = [tick for axis in figure.axes for tick in (*axis.get_xticklabels(), *axis.get_yticklabels())]
    caption = [] if figure._supxlabel is None else [figure._supxlabel]  # type: ignore[attr-defined]
    return [text for text in (*legends, *titles, *axes, *ticks, *caption) if text.get_text() and text.get_visible()]


@pytest.mark.parametrize("kind", ["curves", "tradeoff"])
@pytest.mark.parametrize(("size", "columns"), [([1.72, 1.5], 1), ([1.72, 1.5], 2), ([1.3, 1.1], 3)])
def test_captions_lie_within_the_figure_and_touch_nothing(kind: str, size: list[float], columns: int) -> None:
    config = FigureConfig("f", kind=kind, panels=PANELS, panel_size=size, columns=columns)
    figure = draw(made_up(LINES, PANELS), config)
    figure.draw_without_rendering()
    (caption,) = [text for text in texts(figure) if "90 %" in text.get_text()]
    words = "Bands and bars" if kind == "tradeoff" else "Bars"
    assert caption.get_text().replace("\n", " ") == (
        f"{words}: 90 % bootstrap intervals over test samples, seed noise not included"
    )
    box = caption.get_window_extent()
    assert min(box.x0, box.y0) >= 0
    assert box.x1 <= figure.bbox.x1
    others = [text.get_window_extent() for text in texts(figure) if text is not caption]
    assert len(others) > 20
    assert not any(box.overlaps(other) for other in others)
    assert not any(box.overlaps(axis.get_window_extent()) for axis in figure.axes if axis.get_visible())


def test_figures_without_bars_have_no_caption() -> None:
    figure = draw(made_up(LINES, ["cov@20"], bars=""), FigureConfig("f", panels=["cov@20"]))
    assert figure._supxlabel is None  # type: ignore[attr-defined]


def segments(figure: Figure) -> list[LineCollection]:
    return [part for part in figure.axes[0].collections if isinstance(part, LineCollection)]


@pytest.mark.parametrize(("bars", "caps"), [("interval", True), ("spread", False)])
def test_bars_reach_from_low_to_high_behind_their_line(bars: str, caps: bool) -> None:
    points = made_up({"single models": "single"}, ["cov@20"], bars)  # the values lie above their intervals
    figure = draw(points, FigureConfig("f", panels=["cov@20"]))
    (part,) = segments(figure)
    ends = [(low[1], high[1]) for low, high in part.get_segments()]
    assert np.allclose(ends, points[["low", "high"]])
    line = next(line for line in figure.axes[0].lines if line.get_linestyle() != "None")
    assert part.get_zorder() < line.get_zorder()
    assert part.get_linewidth()[0] < line.get_linewidth()
    assert np.allclose(part.get_color()[0][:3], lighter(str(line.get_color())))
    marks = [line for line in figure.axes[0].lines if line.get_marker() == "_"]
    assert (max((mark.get_markersize() for mark in marks), default=0) > 0) == caps


def test_tradeoffs_have_bands_along_lines() -> None:
    points = made_up({**LINES, "alone": "random"}, ["cov@20"])
    figure = draw(points, FigureConfig("f", kind="tradeoff", panels=["cov@20"]))
    bands = [part for part in figure.axes[0].collections if isinstance(part, PolyCollection)]
    assert len(bands) == 3
    (alone,) = segments(figure)  # a single point has a bar
    assert len(alone.get_segments()) == 1


def test_families_are_told_apart_by_their_markers() -> None:
    families = ("eff", "mob", "reg")
    points = made_up(LINES, ["cov@20"], families=families)
    figure = draw(points, FigureConfig("f", panels=["cov@20"]), Labels({"eff": "E"}))
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [*LINES, "E", "mob", "reg"]
    drawn = [line for line in figure.axes[0].lines if line.get_label() == "single models"]
    faces = [line.get_markerfacecolor() for line in drawn]
    assert len(set(map(str, faces))) == 3


def test_adjusted_windows_have_visible_markers() -> None:
    figure = draw(made_up({"adjusted windows": "adjusted"}, ["cov@20"]), FigureConfig("f", panels=["cov@20"]))
    (line,) = (line for line in figure.axes[0].lines if line.get_label() == "adjusted windows")
    assert line.get_marker() == "x"
    assert line.get_markeredgewidth() > 0


@pytest.mark.parametrize("span", [1.0, 1.3, 8.0, 80.0, 2000.0])
def test_axes_of_costs_have_several_ticks(span: float) -> None:
    points = made_up({"single models": "single"}, ["cov@20"], count=2)
    points["price"] = [1.1e6, 1.1e6 * span]
    figure = draw(points, FigureConfig("f", panels=["cov@20"], columns=1))
    low, high = figure.axes[0].get_xlim()
    assert 2 <= sum(low <= tick <= high for tick in figure.axes[0].get_xticks()) <= 6


@pytest.mark.parametrize("span", [1.3, 2.2, 2.9, 10.0])
@pytest.mark.parametrize("width", [1.0, 1.3, 1.72])
def test_labels_of_ticks_do_not_touch(span: float, width: float) -> None:
    points = made_up({"single models": "single"}, PANELS[:2], count=2)
    points["price"] = [0.66e6, 0.66e6 * span] * 2
    figure = draw(points, FigureConfig("f", panels=PANELS[:2], panel_size=[width, 1.5]))
    figure.draw_without_rendering()
    for axis in figure.axes:
        low, high = axis.get_xlim()
        shown = [label for label in axis.get_xticklabels() if low <= label.get_position()[0] <= high]
        boxes = [label.get_window_extent() for label in shown]
        assert len(boxes) >= 2
        assert all(left.x1 + figure.dpi / 72 < right.x0 for left, right in itertools.pairwise(boxes))


@pytest.mark.parametrize(("metric", "ends"), [("cov@20", (0, 100)), ("nll", (-10, 110))])
def test_axes_of_values_in_per_cent_reach_from_0_to_100_at_most(metric: str, ends: tuple[float, float]) -> None:
    points = made_up({"single models": "single"}, [metric], count=2)
    points = points.assign(value=[0.0, 100.0], low=[0.0, 90.0], high=[12.0, 100.0])
    figure = draw(points, FigureConfig("f", panels=[metric], columns=1))
    assert figure.axes[0].get_ylim() == pytest.approx(ends)
    if metric == "cov@20":
        assert not any(line.get_clip_on() for line in figure.axes[0].lines)


def test_a_shifted_test_set_is_named() -> None:
    points = made_up(LINES, ["cov@20"]).assign(split="shift-mine-fog-5")
    config = FigureConfig("f", panels=["cov@20"], split="shift-mine-fog-5")
    for labels, heading in ((Labels(), "mine-fog-5"), (Labels(shifts={"mine-fog-5": "Mine, fog-5"}), "Mine, fog-5")):
        assert f"{heading}\nCov@20 (%) ↑" in [text.get_text() for text in texts(draw(points, config, labels))]
    assert "Cov@20 (%) ↑" in [text.get_text() for text in texts(draw(points.assign(split="test"), config))]


def hypervolume(policies: dict[str, str]) -> pd.DataFrame:
    rows = [
        {"panel": metric, "metric": metric, "ood": None, "dataset": "toy", "family": "made", "line": line, "look": look,
         "cost": "macs", "value": 7.1 + k, "ref_price": 137e6, "ref_value": 45.61}
        for metric in ("cov@20", "risk@50") for k, (line, look) in enumerate(policies.items())
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_hypervolumes_name_their_reference_and_keep_one_order() -> None:
    policies = {"single models": "single", "single models and ensembles": "single+ensemble", "windows": "window"}
    config = FigureConfig("f", kind="hypervolume", panels=["cov@20", "risk@50"])
    figure = draw(hypervolume(policies), config)
    left, right = figure.axes
    assert left.get_xlabel() == "area above 45.6 %\nup to 137 M MACs"
    assert right.get_xlabel() == "area below 45.6 %\nup to 137 M MACs"
    assert [text.get_text().replace("\n", " ") for text in left.get_yticklabels()] == list(policies)
    assert {text.get_text() for text in right.get_yticklabels()} == {""}  # those of the left panel
    assert [text.get_text() for text in left.texts] == ["7.10", "8.10", "9.10"]
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in texts(figure)]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def test_files_hold_text_and_are_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        figure = draw(made_up(LINES, ["deployed_risk@20"]), FigureConfig("f", panels=["deployed_risk@20"]))
        for suffix in ("pdf", "svg", "png"):
            write(figure, tmp_path / f"{name}.{suffix}")
    for suffix in ("pdf", "svg", "png"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
    assert "deployed risk @20 (%) ↓" in (tmp_path / "a.svg").read_text()
    assert b"/Type /Font" in (tmp_path / "a.pdf").read_bytes()
    assert b"/Type3" not in (tmp_path / "a.pdf").read_bytes()  # type 42 can be edited, and journals ask for it
