"""The columns of the tidy table, and how values are written in it."""

from __future__ import annotations

from dataclasses import fields

import pandas as pd
import pytest

from wee.method import Metric, Task
from wee.sweep.cells import NUMBERS, SCALES, read_width, width_cells, write_width
from wee.sweep.differences import DIFFERENCES, EQUAL_QUALITY
from wee.sweep.prices import columns_with_macs
from wee.sweep.results import AVERAGED
from wee.sweep.rows import COLUMNS, FRONT, KEYS, PANEL, POINT, SETTING, TEXT, Row, SettingColumns


def row(**changes: object) -> Row:
    values = {
        **dict.fromkeys(column.name for column in fields(Row)),
        "dataset": "toy",
        "family": ("one", "two"),
        "scale": ("s1", "two/100"),
        "members": (10, 2),
        "exits": None,
        "width": (0.7, "all"),
        "task": Task.parse("cov@5"),
        "metric": Metric.parse("deployed_risk@5"),
        **changes,
    }
    return Row(**values)  # type: ignore[arg-type]


def test_a_row_is_written_in_the_order_of_its_columns() -> None:
    written = row().written()
    assert columns_with_macs(list(written)) == COLUMNS
    texts = [written[name] for name in ("family", "scale", "members", "exits", "width", "task", "metric")]
    assert texts == ["one+two", "s1>two/100", "10+2", None, "0.7+all", "cov@5", "deployed_risk@5"]
    assert row(exits=(3, 5), width=0.2).written()["exits"] == "3+5"


def test_what_is_written_is_read_again() -> None:
    written = row().written()
    assert SCALES.read(written["scale"]) == row().scale
    assert NUMBERS.read(written["members"]) == row().members
    for width in (0.2, 1.0, "all", (0.7, 0.2), (0.7, "all"), None):
        assert read_width(write_width(width)) == width  # type: ignore[arg-type]


def test_widths_of_a_file_are_those_of_the_table() -> None:
    cells = width_cells(pd.Series(["0.2", "all", "0.7+0.2", float("nan"), 1]))
    assert cells.tolist()[:3] == [0.2, "all", "0.7+0.2"]
    assert pd.isna(cells[3])
    assert cells[4] == 1.0


def test_a_setting_is_part_of_a_row() -> None:
    names = [name for name in SettingColumns.__dataclass_fields__]
    assert COLUMNS[: len(names)] == names
    setting = SettingColumns(**{name: getattr(row(), name) for name in names})
    assert setting.written() == {name: row().written()[name] for name in names}


def test_files_keep_the_order_of_their_columns() -> None:
    """Readers of earlier tables find every column where it was."""
    settings = "scale exits size width fraction parameters"
    assert " ".join(KEYS).startswith(
        "dataset family scale members exits size policy width fraction parameters score task ood ood_share"
    )
    assert " ".join(FRONT) == f"dataset family cost metric eval_score score policy task {settings}"
    assert " ".join(DIFFERENCES).startswith(
        f"dataset family split ood ood_share cost metric eval_score policy {settings} score task adjusted versus macs price "
        "baseline_macs baseline_price"
    )
    assert EQUAL_QUALITY[: len(PANEL) + len(SETTING)] == [*PANEL, *SETTING]
    assert " ".join(AVERAGED).startswith(
        "dataset family scale exits size policy width fraction parameters score task ood ood_share adjusted split cost metric"
    )
    assert {"macs", "price"} < set(AVERAGED)


def test_every_key_is_in_one_part() -> None:
    assert sorted([*PANEL, *SETTING, "members"]) == sorted(KEYS)
    assert set(POINT) == {*PANEL, *SETTING}
    assert set(KEYS) - set(TEXT) == {"size", "width", "fraction", "ood_share", "adjusted"}


@pytest.mark.parametrize("missing", ["metric", "members"])
def test_a_row_needs_every_column(missing: str) -> None:
    with pytest.raises(TypeError, match=missing):
        Row(**{name: value for name, value in vars(row()).items() if name != missing})
