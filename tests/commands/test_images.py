"""Image data sets from the command line: checked, trained on, evaluated, swept, in every layout; families counted."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from tests.helpers import trees
from tests.helpers.command_line import Wee, last_report
from wee.cascade.description import CascadeDescription
from wee.data.splits import VAL, SplitName
from wee.store import Address, LogitStore

NETWORK = (
    "family=cifar_resnet", "+family.scales.tiny.model=cifar_resnet", "+family.scales.tiny.input_size=16",
    "+family.scales.tiny.kwargs={width:4,stem:4}", "scale=tiny",
)  # fmt: skip
TRAINER = ("trainer=cifar", "trainer.epochs=2", "trainer.batch_size=8", "trainer.precision=32-true")


def toy(root: Path, layout: str) -> tuple[str, ...]:
    """A data set in a layout, with an OOD set beside it; the overrides that name them."""
    trees.plain_folder(root / "data" / "objects32", 8)
    data = root / "data" / "toy"
    if layout == "shards":
        trees.shards(data / "train", 12)
        trees.shards(data / "test", 4)
        return "dataset=folder", "dataset.name=toy", "dataset.classes=3"
    if layout == "list":
        trees.class_folders(data / "images", 12)
        lines = [f"images/{name}/{k:03d}.png {label}" for label, name in enumerate(trees.CLASSES) for k in range(12)]
        (data / "train.txt").write_text("\n".join(line for line in lines if int(line[-7:-6] or 0) < 9))
        (data / "test.txt").write_text("\n".join(lines[::3]))
        return (
            "dataset=folder",
            "dataset.name=toy",
            "dataset.classes=3",
            "dataset.train=train.txt",
            "dataset.test=test.txt",
        )
    trees.class_folders(data / "train", 12)
    trees.class_folders(data / layout, 4)
    return "dataset=folder", "dataset.name=toy"


@pytest.mark.parametrize("layout", ["test", "val", "validation", "shards", "list"])
def test_images_go_the_whole_way(tmp_path: Path, wee: Wee, layout: str) -> None:
    data = (*toy(tmp_path, layout), "dataset.validation.count=9")
    wee("train", *data, *NETWORK, *TRAINER, cwd=tmp_path)
    assert last_report(tmp_path, "train")["steps"] == 2 * 2 * 3
    wee("evaluate", *data, *NETWORK, *TRAINER, "ood=objects32", cwd=tmp_path)
    wee("sweep", *data, *NETWORK, "ood=objects32", "task=scod", "bootstrap.resamples=20", "name=s", cwd=tmp_path)
    (table,) = (pd.read_csv(path) for path in (tmp_path / "outputs/sweeps/s").glob("*/table.csv"))
    rows = table[table.ood == "objects32"]
    assert set(rows["samples"]) == {12 + 8}
    assert set(rows.groups) == {12 + 2}  # four cuts of each of two photographs
    store = LogitStore(tmp_path / "outputs" / "store")
    (entry,) = store.find(Address("toy", "cifar_resnet", "tiny", 0, VAL))
    assert entry.logits.shape == (9, 3)
    wee("evaluate", *data, *NETWORK, *TRAINER, "ood=objects32", cwd=tmp_path)
    assert last_report(tmp_path, "evaluate")["images"] == 0


def test_classes_that_nobody_can_count_are_asked_for(tmp_path: Path, wee: Wee) -> None:
    toy(tmp_path, "shards")
    failed = wee("train", "dataset=folder", "dataset.name=toy", *NETWORK, *TRAINER, cwd=tmp_path, code=1).stderr
    assert "data/toy/train has no class folders to count; give dataset.classes=NUMBER" in failed
    failed = wee("train", "dataset=folder", "dataset.name=away", *NETWORK, *TRAINER, cwd=tmp_path, code=1).stderr
    assert "none of these is there: data/away/train" in failed


def test_changed_files_are_other_samples(tmp_path: Path, wee: Wee) -> None:
    data = (*toy(tmp_path, "test"), "dataset.validation.count=9", "ood=none")
    wee("train", *data[:-1], *NETWORK, *TRAINER, "member=0", cwd=tmp_path)
    wee("evaluate", *data, *NETWORK, *TRAINER, "member=0", cwd=tmp_path)
    Image.new("RGB", (16, 16)).save(tmp_path / "data/toy/test/ant/000.png")
    wee("evaluate", *data, *NETWORK, *TRAINER, "member=0", cwd=tmp_path)
    recorded = last_report(tmp_path, "evaluate")["recorded"]
    assert list(recorded) == ["cifar_resnet/tiny member 0 on test"]


def test_data_are_checked(tmp_path: Path, wee: Wee) -> None:
    data = (*toy(tmp_path, "val"), "dataset.validation.count=2", "ood=objects32")
    told = wee("data", "check", *data, cwd=tmp_path).stdout
    assert "16x16" in told
    counts = last_report(tmp_path, "data")["splits"]
    assert {name: (one["images"], one["classes"], one["groups"]) for name, one in counts.items()} == {
        "toy train": (34, 3, 34), "toy val": (2, 2, 2), "toy test": (12, 3, 12), "objects32 test": (8, 0, 2),
    }  # fmt: skip
    failed = wee("data", "check", *data, "dataset.classes=4", cwd=tmp_path, code=1).stderr
    assert "has 3 classes, but toy.classes is 4: a class folder is missing, or there is one too many" in failed
    wee(
        "data", "check", *data[:-2], "dataset.validation.count=2", "ood=none", cwd=tmp_path
    )  # a cut of two classes at most
    missing = wee("data", "check", "dataset=imagenet", "ood=[textures]", cwd=tmp_path, code=1).stderr
    assert "none of these is there: data/imagenet/train" in missing
    assert "data/textures/images, data/textures" in missing
    (tmp_path / "data/toy/val/ant/000.png").write_bytes(b"no picture")
    assert "ant/000.png cannot be read" in wee("data", "check", *data, cwd=tmp_path, code=1).stderr


def test_families_are_counted(tmp_path: Path, wee: Wee) -> None:
    told = wee("families", "family=mobilenetv2", cwd=tmp_path).stdout
    assert "601 M" in told
    networks = last_report(tmp_path, "families")["networks"]
    macs = {one["scale"]: round(one["macs"] / 1e9, 3) for one in networks}
    assert macs == {"100_160": 0.161, "100_192": 0.231, "100_224": 0.314, "130_224": 0.527, "140_224": 0.601}


def shifted_tree(root: Path, numbers: bool = False) -> None:
    """Two corruptions at one severity, of two of the three classes; or a folder with numbers for names."""
    place = root / "data" / "worn"
    if numbers:
        trees.class_folders(place, 3, classes=("2", "0"))
        return
    for word in ("fog", "snow"):
        trees.class_folders(place / word / "3", 3, classes=("cow", "ant"))


SHIFT = (
    "shift=folder", "shift.folder.root=data/worn", "shift.folder.test='{kind}/3'", "+shift.folder.vary.kind=[fog,snow]",
)  # fmt: skip


def test_shifted_test_sets_are_measured_with_windows_from_clean_validation(tmp_path: Path, wee: Wee) -> None:
    data = (*toy(tmp_path, "test"), "dataset.validation.count=9", "member=0")
    shifted_tree(tmp_path)
    wee("train", *data, *NETWORK, *TRAINER, cwd=tmp_path)
    wee("train", *data[:-1], "member=1", *NETWORK, *TRAINER, cwd=tmp_path)
    wee("evaluate", *data[:-1], *NETWORK, *TRAINER, *SHIFT, "ood=none", cwd=tmp_path)
    assert set(last_report(tmp_path, "evaluate")["recorded"]) == {
        f"cifar_resnet/tiny member {member} on {split}"
        for member in (0, 1)
        for split in ("val", "test", "shift-folder-fog", "shift-folder-snow")
    }
    store = LogitStore(tmp_path / "outputs" / "store")
    (entry,) = store.find(Address("toy", "cifar_resnet", "tiny", 0, SplitName.shifted("folder-fog")))
    assert set(zip(entry.ids.astype(str), entry.labels.tolist(), strict=True)) == {
        (f"{name}/{k:03d}.png", label) for name, label in (("ant", 0), ("cow", 2)) for k in range(3)
    }
    swept = (*data[:-1], *NETWORK, *SHIFT, "ood=none", "bootstrap.resamples=20", "name=s")
    shown = wee("sweep", *swept, cwd=tmp_path).stdout
    assert "shift-folder-fog, shift-folder-snow, msp" in shown
    (table,) = (pd.read_csv(path) for path in (tmp_path / "outputs/sweeps/s").glob("*/table.csv"))
    keys = ["members", "policy", "width", "fraction", "score", "task"]
    places = table[table.policy == "window"].groupby(keys, dropna=False)[["tau", "low", "high"]].nunique()
    assert (places <= 1).all().all()  # one window, from validation, for every split
    metrics = {split: set(rows.metric) for split, rows in table.groupby("split")}
    assert metrics["shift-folder-fog"] == metrics["test"]
    assert set(table[table.split == "shift-folder-snow"]["samples"]) == {6}
    (differences,) = (pd.read_csv(path) for path in (tmp_path / "outputs/sweeps/s").glob("*/differences.csv"))
    assert set(differences.split) == {"test", "shift-folder-fog", "shift-folder-snow"}
    wee("figure", "sweeps=s", "figure.split=shift-folder-fog", "name=fog", cwd=tmp_path)
    failed = wee("figure", "sweeps=s", "figure.split=shift-rain", "name=rain", cwd=tmp_path, code=1).stderr
    assert "shift-folder-fog" in failed
    wee("calibrate", *data[:-1], *NETWORK, *TRAINER, *SHIFT, "task=risk@80", "target=100", "name=c", cwd=tmp_path)
    description = CascadeDescription.load(tmp_path / "outputs" / "cascades" / "c")
    assert list(description.expected) == ["test", "shift-folder-fog", "shift-folder-snow"]
    assert description.expected["shift-folder-fog"].samples == 6
    assert "| shift-folder-fog (no guarantee) |" in (tmp_path / "outputs" / "cascades" / "c" / "card.md").read_text()


def test_numbers_as_class_folders_are_the_ids_numbers(tmp_path: Path, wee: Wee) -> None:
    data = (*toy(tmp_path, "test"), "dataset.validation.count=9", "member=0", "ensemble=alone")
    shifted_tree(tmp_path, numbers=True)
    wee("train", *data, *NETWORK, *TRAINER, cwd=tmp_path)
    shift = ("shift=folder", "shift.folder.root=data/worn", "ood=none")
    wee("evaluate", *data, *NETWORK, *TRAINER, *shift, cwd=tmp_path)
    (entry,) = LogitStore(tmp_path / "outputs" / "store").find(
        Address("toy", "cifar_resnet", "tiny", 0, SplitName.shifted("folder"))
    )
    assert {(name[:1], label) for name, label in zip(entry.ids.astype(str), entry.labels.tolist(), strict=True)} == {
        ("0", 0),
        ("2", 2),
    }
    shown = wee("data", "check", *data[:3], *shift, cwd=tmp_path).stdout
    assert "data/worn" in shown


def test_a_shifted_test_set_has_the_id_datas_classes(tmp_path: Path, wee: Wee) -> None:
    data = toy(tmp_path, "test")
    shift = ("shift=folder", "shift.folder.root=data/worn", "ood=none", "dataset.validation.count=9")
    trees.class_folders(tmp_path / "data" / "worn", 2, classes=("ant", "dog"))
    failed = wee("data", "check", *data, *shift, cwd=tmp_path, code=1).stderr
    assert "dog is no class of toy (which has ant, bee, cow, ..)" in failed
    plain = ("shift=folder", "shift.folder.root=data/objects32", "ood=none", "dataset.validation.count=9")
    failed = wee("data", "check", *data, *plain, cwd=tmp_path, code=1).stderr
    assert "images of no class are an OOD set" in failed
    failed = wee("data", "check", *data, *shift, "+shift.folder.vary.kind=[fog]", cwd=tmp_path, code=1).stderr
    assert "neither root nor test has {kind} in it" in failed
