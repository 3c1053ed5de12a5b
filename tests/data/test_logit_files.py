"""Logits of several files are about the same samples, and are converted to one dtype without a silent loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from wee.data.logit_files import Imported, read
from wee.data.splits import TEST, VAL, SplitName
from wee.errors import WeeError

COUNT, CLASSES = 20, 4
REORDERED = np.roll(np.arange(COUNT), 1)


def member(number: int) -> dict[str, np.ndarray]:
    """One member's arrays, and what they are about, which is the same for all members."""
    logits, samples = np.random.default_rng(number), np.random.default_rng(99)
    arrays: dict[str, np.ndarray] = {}
    for name in ("val", "test", "far"):
        arrays[f"{name}_logits"] = logits.normal(size=(COUNT, CLASSES)).astype(np.float32)
        arrays[f"{name}_ids"] = np.array([f"{name}-{k:02d}.png" for k in range(COUNT)])
        arrays[f"{name}_groups"] = np.array([f"photo{k // 4}" for k in range(COUNT)])
        if name != "far":
            arrays[f"{name}_labels"] = samples.permutation(np.arange(COUNT) % CLASSES)
    return arrays


def read_members(folder: Path, *members: dict[str, Any], **arguments: Any) -> dict[str, Imported]:
    for number, arrays in enumerate(members):
        np.savez(folder / f"{number}.npz", **arrays)
    files = [folder / f"{number}.npz" for number in range(len(members))]
    return read(files, **{"labels": {}, "names": {}, "variant": None, **arguments})


def changed(arrays: dict[str, np.ndarray], **changes: Any) -> dict[str, np.ndarray]:
    """Some arrays replaced; None takes one away."""
    return {key: array for key, array in {**arrays, **changes}.items() if array is not None}


def test_files_about_the_same_samples_are_members(tmp_path: Path) -> None:
    second = member(1)
    bare = changed(second, **{key: None for key in second if not key.endswith("_logits")})
    for other in (second, changed(second, test_labels=None, far_groups=None), bare):
        splits = read_members(tmp_path, member(0), other)
        assert splits[TEST].logits.shape == (2, COUNT, CLASSES)
        assert (splits[TEST].labels == member(0)["test_labels"]).all()
        assert splits[SplitName.ood("far")].ids[3] == b"far-03.png"
        assert splits[SplitName.ood("far")].groups[3] == b"photo0"


def test_a_file_without_ids_is_accepted_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read_members(tmp_path, member(0), member(1))
    assert not caplog.records
    read_members(tmp_path, member(0), changed(member(1), far_ids=None))
    (record,) = caplog.records
    assert "1.npz has no far_ids: its samples are taken to be in the order of" in record.message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {key: member(1)[key][REORDERED] for key in member(1) if key.startswith("test")},
            r"test_ids in .*1\.npz and in .*0\.npz .* 20 of .* sample 0 \(test-19\.png and test-00\.png\): .*sort them by id",
        ),
        (
            {"far_ids": np.array([f"far-{k:02d}.png" for k in range(1, COUNT + 1)])},
            r"far_ids in .*1\.npz .* for 20 of 20 .*: both must describe the same samples in the same order",
        ),
        (
            {"val_labels": np.where(np.arange(COUNT) < 17, member(1)["val_labels"], 3 - member(1)["val_labels"])},
            r"val_labels in .*1\.npz and in .*0\.npz differ for 3 of 20 samples, the first is sample 17 \(",
        ),
        ({"far_groups": np.array(["photo0"] * COUNT)}, r"far_groups in .* differ for 16 of 20 .* sample 4 \("),
        ({"val_ids": np.arange(COUNT + 1)}, r"val_ids in .*1\.npz has shape \[21\], but val_logits \[2, 20, 4\],"),
        ({"val_labels": np.zeros(19, np.int64)}, r"val_labels in .*1\.npz has shape \(19,\), but those in .* \(20,\)"),
        (
            {"far_labels": np.zeros(COUNT, np.int64)},
            r"1\.npz has far_labels, but the first file has none, .*: add far_labels to the first file, or leave it out",
        ),
    ],
)
def test_files_about_other_samples_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(WeeError, match=message):
        read_members(tmp_path, member(0), changed(member(1), **changes))


def test_reordered_labels_without_ids_are_refused(tmp_path: Path) -> None:
    members = [changed(member(k), test_ids=None, test_groups=None) for k in (0, 1)]
    members[1] |= {f"test_{kind}": members[1][f"test_{kind}"][REORDERED] for kind in ("logits", "labels")}
    with pytest.raises(WeeError, match=r"test_labels in .*1\.npz and in .*0\.npz differ for \d+ of 20 samples"):
        read_members(tmp_path, *members)


def test_a_file_of_labels_must_agree_with_the_labels_beside_the_logits(tmp_path: Path) -> None:
    labels = member(0)["test_labels"]
    np.save(tmp_path / "same.npy", labels)
    np.save(tmp_path / "other.npy", np.where(np.arange(COUNT) == 6, (labels + 1) % CLASSES, labels))
    for members in ([member(0)], [changed(member(0), test_labels=None), member(1)]):
        splits = read_members(tmp_path, *members, labels={"test": str(tmp_path / "same.npy")})
        assert (splits[TEST].labels == labels).all()
        with pytest.raises(
            WeeError, match=r"test_labels in .*\.npz and in .*other\.npy differ for 1 of 20 .* sample 6 \("
        ):
            read_members(tmp_path, *members, labels={"test": str(tmp_path / "other.npy")})


def wide() -> dict[str, np.ndarray]:
    """Two members in float64, whose first confidences are tied, equal only in float32, and equal only in float16."""
    rng = np.random.default_rng(0)
    logits = {name: rng.normal(size=(2, COUNT, CLASSES)) for name in ("val", "test")}
    rows = logits["val"][1]
    rows[1] = rows[0]
    rows[3], rows[4] = rows[2] * (1 + 1e-12), rows[2] * (1 - 1e-12)
    rows[6] = rows[5] * (1 + 1e-6)
    labels = {f"{name}_labels": np.arange(COUNT) % CLASSES for name in logits}
    return labels | {f"{name}_logits": array for name, array in logits.items()}


@pytest.mark.parametrize(("dtype", "newly_tied"), [("float64", 0), ("float32", 3), ("float16", 5)])
def test_conversion_counts_the_confidences_it_makes_equal(tmp_path: Path, dtype: str, newly_tied: int) -> None:
    splits = read_members(tmp_path, wide(), dtype=dtype)
    assert splits[VAL].logits.dtype == dtype
    assert (splits[VAL].logits == wide()["val_logits"].astype(dtype)).all()
    assert {name: split.newly_tied for name, split in splits.items()} == {VAL: newly_tied, TEST: 0}


def test_float32_is_the_default_and_holds_float16_exactly(tmp_path: Path) -> None:
    halves = {key: array.astype(np.float16) if array.dtype.kind == "f" else array for key, array in wide().items()}
    (split, _) = read_members(tmp_path, halves).values()
    assert split.logits.dtype == np.float32
    assert (split.logits == halves["val_logits"]).all()
    assert split.newly_tied == 0


def test_torch_files_keep_float64_where_it_is_asked_for(tmp_path: Path) -> None:
    tensors = {"imagenet_val": wide()["val_logits"], "imagenet": wide()["test_logits"]}
    torch.save({name: torch.from_numpy(array) for name, array in tensors.items()}, tmp_path / "m.pt")
    np.save(tmp_path / "labels.npy", wide()["val_labels"])
    labels = dict.fromkeys(("val", "test"), str(tmp_path / "labels.npy"))
    splits = read([tmp_path / "m.pt"], labels, {}, None, dtype="float64")
    assert (splits[VAL].logits == wide()["val_logits"]).all()


@pytest.mark.parametrize(("dtype", "value", "wider"), [("float16", 7e4, "float32"), ("float32", -1e39, "float64")])
def test_logits_that_overflow_are_refused(tmp_path: Path, dtype: str, value: float, wider: str) -> None:
    arrays = wide()
    arrays["test_logits"][1, 8, 2] = value
    told = rf"test_logits in .*0\.npz: 1 value are too large for {dtype}, the first of member 1, sample 8; .* dtype={wider}"
    with pytest.raises(WeeError, match=told):
        read_members(tmp_path, arrays, dtype=dtype)
    assert read_members(tmp_path, arrays, dtype=wider)[TEST].logits[1, 8, 2] == np.dtype(wider).type(value)
