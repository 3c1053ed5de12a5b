"""`wee evaluate` on a data set of the user's own kind."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.helpers.command_line import Wee, last_report
from wee.data.splits import TEST, VAL, SplitName
from wee.models.build import build
from wee.models.config import ScaleConfig
from wee.store import Address, LogitStore

KIND = '''
from dataclasses import dataclass

import numpy as np

from wee.data.config import LabelledConfig


@dataclass
class Sides(LabelledConfig):
    """Images that are brighter on one side."""

    channels: int = 1
    classes: int = 2
    count: int = 10

    def split(self, name):
        from wee.data.base import ArraySplit

        labels = np.arange(self.count) % 2
        images = np.zeros((self.count, 1, 16, 16), np.uint8)
        images[labels == 1, :, :, 8:] = 200
        return ArraySplit(images, labels)
'''


def test_a_kind_of_data_set_of_ones_own(tmp_path: Path, wee: Wee) -> None:
    """One Python file and one YAML file, without touching the package; as the ID data and as a shifted test set."""
    (tmp_path / "mine.py").write_text(KIND)
    for group in ("dataset", "shift"):
        (tmp_path / "conf" / group).mkdir(parents=True)
    (tmp_path / "conf/dataset/sides.yaml").write_text("name: sides\nkind: mine:Sides\ncount: 12\n")
    (tmp_path / "conf/shift/fewer.yaml").write_text("fewer:\n  name: fewer\n  kind: mine:Sides\n  count: 6\n")
    torch.manual_seed(0)
    torch.save(build(ScaleConfig("test_resnet", 16), 2, 1).state_dict(), tmp_path / "w.pt")
    scale = ("+family.scales.own.model=test_resnet", "+family.scales.own.input_size=16")
    weights = ("+family.scales.own.weights=[w.pt]", "scale=own", "member=0")
    wee("evaluate", "--config-dir=conf", "dataset=sides", "shift=fewer", *scale, *weights, cwd=tmp_path)
    counts = {VAL: 12, TEST: 12, SplitName.shifted("fewer"): 6}
    recorded = last_report(tmp_path, "evaluate")["recorded"]
    assert recorded == {f"tiny/own member 0 on {split}": count for split, count in counts.items()}
    store = LogitStore(tmp_path / "outputs" / "store")
    for split, count in counts.items():
        (entry,) = store.find(Address("sides", "tiny", "own", 0, split))
        assert entry.logits.shape == (count, 2)
        assert entry.labels.tolist() == [0, 1] * (count // 2)
        assert len(entry.manifest["identity"]["samples"]["source"]) == 16
