"""What things are called on figures."""

from __future__ import annotations

import json
from pathlib import Path

from wee.figures.labels import Labels
from wee.sweep.results import ABOUT, MADE_BY, read_labels, touch

PARTS = [
    {"families": {"eff": "EfficientNet"}, "scales": {"eff/b0": "B0"}, "oods": {"openimage_o": "OpenImage-O"}},
    {"families": {"mob": "MobileNetV2"}, "scales": {"mob/100_160": "1.0-160"}},
]


def test_labels_of_several_sweeps_are_one() -> None:
    labels = Labels.merge(PARTS)
    assert labels.family("eff") == "EfficientNet"
    assert labels.family("eff+mob") == "EfficientNet + MobileNetV2"
    assert labels.scale("mob", "100_160") == "1.0-160"
    assert labels.scale("eff", "b0>mob/100_160") == "B0 > 1.0-160"
    assert labels.ood("openimage_o") == "OpenImage-O"


def test_what_has_no_label_is_called_by_its_name() -> None:
    assert Labels().family("my_net") == "my net"
    assert Labels().scale("my_net", "b0_wide") == "b0-wide"
    assert Labels().ood("near_ood") == "near ood"
    assert Labels().split("shift-my_set-fog-5") == "my set-fog-5"
    assert Labels().split("val") == "validation set"
    assert Labels().split("test") == ""


def test_labels_are_those_of_the_latest_run(tmp_path: Path) -> None:
    (tmp_path / ABOUT).write_text(json.dumps({"name": "x", "labels": {"families": {"a": "Old"}}}))
    touch(tmp_path, {"families": {"a": "New"}}, {MADE_BY: "wee sweep"})
    assert read_labels(tmp_path) == {"families": {"a": "New"}}
    assert read_labels(tmp_path / "table.csv") == {"families": {"a": "New"}}
    assert json.loads((tmp_path / ABOUT).read_text())["name"] == "x"
    assert read_labels(tmp_path / "elsewhere" / "table.csv") == {}
