"""The catalogue of data set kinds: what each config is read as, and the keys of what users have stored."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
import yaml

import wee.data
from wee.app.paths import conf_dir
from wee.data.base import Transform
from wee.data.config import DatasetConfig, LabelledConfig
from wee.data.kinds import DATA_KINDS, sample_identity
from wee.data.roles import labelled, ood_sets, shifted_sets
from wee.data.samples import read_split, shifted_split
from wee.errors import WeeError
from wee.identity import key_of
from wee.method import NO_LABEL


def from_conf(group: str, name: str) -> DatasetConfig:
    """A data set as wee's own YAML file gives it, with a root of its own and the default corruption."""
    plain: dict[str, Any] = yaml.safe_load((conf_dir() / group / f"{name}.yaml").read_text())
    values = plain[name] if group == "ood" else plain
    values = {key: value for key, value in values.items() if key != "corruption"} | (
        {"root": "somewhere"} if "root" in values else {}
    )
    return ood_sets({name: values}, LabelledConfig(classes=2))[name] if group == "ood" else labelled(values)


@pytest.mark.parametrize(
    ("group", "name", "split", "key"),
    [
        ("dataset", "digits", "train", "36615841a844c6e8"),
        ("dataset", "digits", "val", "a3cf9df41e1fe6c9"),
        ("dataset", "digits", "test", "7577e9cfcdae214f"),
        ("ood", "digits_heldout", "test", "ea68d3ab6f13500f"),
        ("ood", "photos", "test", "c5e762e70714da00"),
        ("dataset", "cifar10", "train", "51a870222877da19"),
        ("dataset", "cifar10", "val", "32c78980fdbded4d"),
        ("dataset", "cifar10", "test", "d967631ff01b6736"),
        ("ood", "objects32", "test", "d967631ff01b6736"),
    ],
)
def test_stored_samples_are_found_again(group: str, name: str, split: str, key: str) -> None:
    """These keys are part of the keys of every entry that users have: another key would make all of them anew."""
    identity = from_conf(group, name).identity(split)
    assert identity is not None
    assert key_of(identity) == key


BLOBS = '''
"""Grey images that are brighter on one side: an example of a kind of data set of one's own."""

from dataclasses import dataclass

import numpy as np

from wee.data.config import LabelledConfig


@dataclass
class Blobs(LabelledConfig):
    """Blobs, left or right."""

    classes: int = 2
    channels: int = 1
    count: int = 20

    def split(self, name):
        from wee.data.base import ArraySplit

        rng = np.random.default_rng([self.count, len(name)])
        labels = np.arange(self.count) % 2
        images = rng.integers(0, 100, (self.count, 1, 8, 8), dtype=np.uint8)
        images[labels == 1, :, :, 4:] += 100
        return ArraySplit(images, labels, ids=[f"{name}-{k}" for k in range(self.count)])
'''
ODD = """
from dataclasses import dataclass

from wee.data.config import DatasetConfig, LabelledConfig


class Plain(LabelledConfig):
    def split(self, name):
        return None


@dataclass
class Unsplit(DatasetConfig):
    pass


@dataclass
class Listed(LabelledConfig):
    classes: int = 2

    def split(self, name):
        return [1, 2]


@dataclass
class Arrays(LabelledConfig):
    classes: int = 2
    labels: list[int] | None = None
    ids: list[str] | None = None

    def split(self, name):
        import numpy as np

        from wee.data.base import ArraySplit

        return ArraySplit(np.zeros((3, 1, 4, 4), np.uint8), self.labels, self.ids)

    def identity(self, split):
        return {"split": split, "what": {1, 2}} if self.ids == ["a", "b", "c"] else {"split": split}
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path with two modules of a user's, under names that no other test uses."""
    name = f"blobs_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(BLOBS)
    (tmp_path / f"odd_{name}.py").write_text(ODD)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / f"{name}.py"


def test_a_kind_of_ones_own_is_a_data_set_like_any_other(own: Path) -> None:
    config = {"kind": f"{own.stem}:Blobs", "name": "blobs", "count": 12}
    kind = DATA_KINDS.find(config["kind"])
    assert (kind.help, kind.roles) == ("Blobs, left or right.", ("dataset", "ood", "shift"))
    blobs = labelled(config)
    assert blobs.normalisation() == ([0.5], [0.5])
    split = read_split(blobs, "val")
    assert (len(split), split.ids[3], set(split.groups) == set(split.ids)) == (12, b"val-3", True)
    batch = split.dataset(Transform(8, [0.0], [1.0])).__getitems__([0, 1])  # type: ignore[attr-defined]
    assert batch["image"].shape == (2, 1, 8, 8)
    assert batch["image"][1, 0, :, 4:].min() >= 100 / 255
    ood = ood_sets({"far": config}, blobs)["far"]
    assert set(read_split(ood, "test").unlabelled().labels) == {NO_LABEL}
    assert shifted_split(shifted_sets({"worn": config}, blobs)["worn"], blobs).labels.tolist() == [0, 1] * 6
    with pytest.raises(WeeError, match="no key 'dataset.cuont'; did you mean 'dataset.count'"):
        labelled({**config, "cuont": 3})


def test_another_config_or_other_code_are_other_samples(own: Path) -> None:
    """Else an entry of the store would be taken for that of samples which no longer exist."""
    config = {"kind": f"{own.stem}:Blobs", "name": "blobs"}
    before = read_split(labelled(config), "test").identity
    assert before == sample_identity(labelled({**config, "name": "other", "label": "Other"}), "test")
    assert before != sample_identity(labelled(config), "val")
    assert before != sample_identity(labelled({**config, "count": 21}), "test")
    own.write_text(BLOBS.replace("100, (self", "90, (self"))
    after = sample_identity(labelled(config), "test")
    assert after is not None
    assert {key for key in before if before[key] != after[key]} == {"source"}
    assert sample_identity(from_conf("dataset", "digits"), "val") == from_conf("dataset", "digits").identity("val")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"kind": "Plain"}, "Plain is no dataclass: put @dataclass above the class"),
        ({"kind": "Unsplit"}, r"Unsplit has no method split\(name\), which gives the samples of train, val or test"),
        ({"kind": "Listed"}, r"the val split of data set x \(kind .*:Listed\) is a list: split\(name\) must return"),
        (
            {"kind": "Arrays", "labels": [0, 1]},
            r"arrays of the shapes .*'labels': \(2,\).*: each must have one element",
        ),
        ({"kind": "Arrays", "labels": [0, 1, 5]}, "x has the class number 5, but x.classes is 2"),
        ({"kind": "Arrays", "ids": ["a", "a", "b"]}, "has ids that are not unique"),
        (
            {"kind": "Arrays", "ids": ["a", "b", "c"]},
            "the identity of the val split of data set x .* is not plain data",
        ),
        ({"kind": "Arrays", "classes": 0}, "how many classes has data set x. Give dataset.classes=NUMBER"),
    ],
)
def test_a_kind_of_ones_own_that_is_wrong_is_told(own: Path, config: dict[str, Any], message: str) -> None:
    def use() -> None:
        dataset = labelled({"name": "x", **config, "kind": f"odd_{own.stem}:{config['kind']}"})
        dataset.check_learnable()
        read_split(dataset, "val")

    with pytest.raises(WeeError, match=message):
        use()


def test_no_circle_in_the_room_of_data() -> None:
    """Imports inside functions count, and so do those for type checkers alone."""
    package = Path(wee.data.__file__).parent
    modules = {
        ".".join(("wee", "data", *file.relative_to(package).with_suffix("").parts)).removesuffix(".__init__"): file
        for file in package.rglob("*.py")
    }
    imports = {name: imported(file) & set(modules) for name, file in modules.items()}
    assert imports["wee.data.kinds"] >= {"wee.data.config", "wee.data.shifted"}
    assert "wee.data.base" in imports["wee.data.config"]
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the modules of a circle


def imported(file: Path) -> set[str]:
    """The modules that a module imports from, anywhere in it."""
    return {str(node.module) for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)}
