"""What a page is told: rows, points, windows and commands, compared with the files of the sweeps."""

from __future__ import annotations

import base64
import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.helpers.explored import COMMANDS, write_detection, write_sweeps
from wee.cascade.config import SettingConfig
from wee.cascade.named import find_setting
from wee.explore.data import ROW_COLUMNS, pack, page_data, read_sweeps
from wee.method import Task
from wee.sweep.results import ABOUT, AVERAGES, RULES, read_rules, read_table


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explored")
    write_sweeps(folder)
    return folder


@pytest.fixture(scope="module")
def folders(root: Path) -> list[Path]:
    return sorted(folder for folder in (root / "outputs" / "sweeps").glob("*/*"))


@pytest.fixture(scope="module")
def data(folders: list[Path]) -> dict[str, Any]:
    """The data of a page of both sweeps, after a journey through JSON."""
    read: dict[str, Any] = json.loads(json.dumps(page_data(read_sweeps(folders)), allow_nan=False))
    return read


def unpacked(packed: dict[str, Any]) -> pd.DataFrame:
    """Read packed columns as the page does."""
    columns = {}
    for name, column in packed["columns"].items():
        codes = np.zeros(packed["length"], dtype=int)
        if "codes" in column:
            codes = np.frombuffer(base64.b64decode(column["codes"]), dtype=f"<u{column['bytes']}").astype(int)
        columns[name] = [column["values"][code] for code in codes]
    return pd.DataFrame(columns, dtype=object)


def test_rows_are_those_of_the_tables(data: dict[str, Any], folders: list[Path]) -> None:
    rows = unpacked(data["rows"])
    tables = [read_table(folder).assign(sweep=folder.parent.name) for folder in folders]
    expected = pd.concat(tables, ignore_index=True)
    assert len(rows) == len(expected) > 1000
    for name in ROW_COLUMNS:
        wanted = [None if pd.isna(cell) else cell for cell in expected[name]]
        infinite = {"inf": np.inf, "-inf": -np.inf}
        assert [infinite.get(cell, cell) if isinstance(cell, str) else cell for cell in rows[name]] == wanted, name


@pytest.mark.parametrize("count", [1, 2, 256, 257, 65537])
def test_codes_are_as_wide_as_they_need_to_be(count: int) -> None:
    table = pd.DataFrame({"x": np.arange(count) / 7})
    packed = pack(table, ["x"])
    assert packed["columns"]["x"].get("bytes") == {1: None, 2: 1, 256: 1, 257: 2, 65537: 4}[count]
    assert unpacked(packed)["x"].tolist() == table["x"].tolist()


def test_a_point_has_one_value_of_each_metric(data: dict[str, Any]) -> None:
    rows = unpacked(data["rows"])
    assert not rows.duplicated(["point", "metric", "eval_score", "cost"]).any()
    assert (rows.groupby("point")[["members", "split", "policy", "sweep"]].nunique() == 1).all().all()
    assert (rows.groupby("setting")["members"].nunique() > 1).any()
    assert (rows.groupby("setting")[["width", "scale", "series"]].nunique() <= 1).all().all()


def test_averages_belong_to_their_settings(data: dict[str, Any], folders: list[Path]) -> None:
    averages, rows = unpacked(data["averages"]), unpacked(data["rows"])
    assert len(averages) == len(pd.read_csv(folders[0] / AVERAGES)) > 100
    means = rows.groupby(["setting", "split", "metric", "eval_score", "cost"], dropna=False)["value"].agg(
        lambda values: values.astype(float).mean()
    )
    keys = averages[["setting", "split", "metric", "eval_score", "cost"]]
    values = keys.merge(means.reset_index(), how="left")["value"].astype(float)
    original = pd.read_csv(folders[0] / AVERAGES)["value"]
    assert np.allclose(np.sort(values), np.sort(original))


def test_windows_are_those_of_the_rules(data: dict[str, Any], folders: list[Path]) -> None:
    saved = [rule for folder in folders for rule in read_rules(folder)]
    assert len(data["rules"]) == len(saved)
    rows = unpacked(data["rows"])
    window = rows[
        (rows.policy == "window") & (rows.sweep == "first") & (rows.width == 0.2) & ~rows.adjusted.astype(bool)
    ]
    assert len(window)
    for row in window.itertuples():
        (stage,) = data["rules"][row.rule]["windows"][""]
        assert stage["tau"] == row.tau
        assert stage["low"] == row.low
        assert stage["high"] == row.high
        assert stage["start"] == max(stage["rank"] - 0.1, 0)
        assert stage["end"] == min(stage["rank"] + 0.1, 1)


def test_adjusted_windows_are_told_apart(data: dict[str, Any]) -> None:
    rows = unpacked(data["rows"])
    adjusted = rows[rows.adjusted.astype(bool) & (rows.width == 0.5)]
    assert set(adjusted.series) == {"adjusted windows"}
    names = {0.5: "ood:far", 0.2: "ood:far@0.2", 1e-5: "ood:far@1e-05"}
    assert set(adjusted.ood_share) == set(names)
    for row in adjusted.itertuples():
        assert row.windows == names[row.ood_share]
        (stage,) = data["rules"][row.rule]["windows"][row.windows]
        assert (stage["low"], stage["high"]) == (row.low, row.high)
    assert set(rows[~rows.adjusted.astype(bool)].windows) == {""}


def test_every_row_of_a_sweep_with_rules_has_its_rule(data: dict[str, Any]) -> None:
    rows = unpacked(data["rows"])
    assert (rows.rule >= 0).all()
    for row in rows.drop_duplicates("rule").itertuples():
        assert [str(stage[2]) for stage in data["rules"][row.rule]["lineup"]] == row.members.split("+")


def test_each_calibrate_command_names_its_setting_alone(data: dict[str, Any], root: Path, folders: list[Path]) -> None:
    rows = unpacked(data["rows"]).drop_duplicates("rule")
    sweeps = {sweep["name"]: sweep for sweep in data["sweeps"]}
    saved = [rule for folder in folders for rule in read_rules(folder)]
    for row in rows.itertuples():
        rule = data["rules"][row.rule]
        words = shlex.split(sweeps[row.sweep]["calibrate"] + " " + rule["calibrate"])
        assert words[:2] == ["wee", "calibrate"]
        given = dict(word.split("=", 1) for word in words[2:])
        names = {key.removeprefix("setting."): value for key, value in given.items() if key.startswith("setting.")}
        for key, value in names.items():
            if value.startswith("["):
                names[key] = value[1:-1].split(",")  # type: ignore[assignment]
        if isinstance(names.get("width"), list):
            names["width"] = [float(width) for width in names["width"]]  # type: ignore[assignment]
        config = SettingConfig(**{**names, "size": int(names["size"]), "fraction": _number(names.get("fraction"))})  # type: ignore[arg-type]
        task, score = given.get("task", "cov@20"), given.get("score", "msp")
        found = find_setting(root / "outputs" / "sweeps", config, Task.parse(task), score)
        assert found.saved.setting == saved[row.rule].setting
        assert ("task" in given) is not rule.get("needs_task", False)


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)


def test_commands_of_a_sweep_are_those_that_it_kept(data: dict[str, Any], folders: list[Path]) -> None:
    assert {sweep["name"]: sweep["command"] for sweep in data["sweeps"]} == {
        name: COMMANDS[name] for name in ("first", "second")
    }
    (first, _) = data["sweeps"]
    assert shlex.split(first["calibrate"]) == [
        "wee", "calibrate", "dataset=stored", "dataset.name=toy", "family=stored", "family.name=made",
        f"setting.sweep={folders[0]}",
    ]  # fmt: skip


def test_labels_come_from_the_sweep_and_the_catalogues(data: dict[str, Any]) -> None:
    assert data["labels"]["family"] == {"made": "Made-up & <small>"}
    assert data["labels"]["scale"] == {"s1": "S one", "s2": "s2"}
    assert data["labels"]["ood"] == {"far": "Far away"}
    assert data["metrics"]["cov@20"]["axis"] == "Cov@20 (%)"
    assert data["metrics"]["deployed_risk@20"]["tasks"] == ["cov@20"]
    assert data["costs"]["macs"] == {"label": "MACs", "axis": "average MACs", "unit": "MACs"}
    assert data["looks"]["window cascades"]["colour"] == "#0072B2"
    assert data["looks"]["adjusted windows"]["colour"] == "#56B4E9"
    assert len({look["colour"] for look in data["looks"].values()}) == len(data["looks"])
    assert data["looks"]["single models"]["baseline"]
    assert not data["looks"]["window cascades"]["baseline"]


def test_tasks_are_in_the_order_of_the_configs(data: dict[str, Any], folders: list[Path], tmp_path: Path) -> None:
    assert data["tasks"] == ["cov@20", "risk@50"]
    read_table(folders[0]).to_csv(tmp_path / "mine.csv", index=False)
    assert page_data(read_sweeps([tmp_path / "mine.csv"]))["tasks"] == ["cov@20", "risk@50"]
    assert page_data(read_sweeps([write_detection(tmp_path)]))["tasks"] == ["fpr@95", "fpr@80"]


def test_sweeps_of_one_name_are_told_apart(folders: list[Path], tmp_path: Path) -> None:
    import shutil

    other = tmp_path / "sweeps" / "first" / "other-key"
    shutil.copytree(folders[0], other)
    assert [sweep.name for sweep in read_sweeps([folders[0], other])] == ["first/key-of-first", "first/other-key"]


def test_a_sweep_without_rules_or_command_is_shown_without_them(
    folders: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import shutil

    older = tmp_path / "sweeps" / "older" / "key"
    shutil.copytree(folders[1], older)
    (older / RULES).unlink()
    about = json.loads((older / ABOUT).read_text())
    (older / ABOUT).write_text(json.dumps({name: about[name] for name in about if name not in ("command", "crc32")}))
    data = page_data(read_sweeps([older]))
    assert data["rules"] == []
    assert data["sweeps"][0]["command"] is None
    assert data["sweeps"][0]["calibrate"] is None
    assert set(unpacked(data["rows"])["rule"]) == {-1}
    assert "the page has no windows of second: there are no fitted rules" in caplog.text


def test_a_table_outside_a_sweep_is_shown(folders: list[Path], tmp_path: Path) -> None:
    table = read_table(folders[1])
    table.to_csv(tmp_path / "mine.csv", index=False)
    data = page_data(read_sweeps([tmp_path / "mine.csv"]))
    assert [sweep["name"] for sweep in data["sweeps"]] == ["mine"]
    assert data["rows"]["length"] == len(table)
