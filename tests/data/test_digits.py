"""The embedded data: the same on every machine, split by original, honest about what depends on what."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
import yaml

from wee.app.paths import conf_dir
from wee.data.base import Split, Transform
from wee.data.digits.config import DigitsConfig
from wee.data.draws.split import PerturbedDraws
from wee.data.roles import labelled, ood_sets
from wee.errors import WeeError
from wee.method import NO_LABEL


def config(**changes: Any) -> DigitsConfig:
    plain = yaml.safe_load((conf_dir() / "dataset" / "digits.yaml").read_text())
    found = labelled({**plain, **changes})
    assert isinstance(found, DigitsConfig)
    return found


def ood(name: str) -> Split:
    plain = yaml.safe_load((conf_dir() / "ood" / f"{name}.yaml").read_text())
    plain[name].pop("corruption")
    return ood_sets(plain, config())[name].split("test")


@pytest.mark.parametrize(
    ("split", "count", "digest"),
    [
        ("train", 19272, "2d94a41030268816"),
        ("val", 10240, "f8a158354285e6d5"),
        ("test", 10240, "c8573ce35c6dcd5d"),
        ("digits_heldout", 10266, "d2701d4464b23b6e"),
        ("photos", 10240, "7d920aa6af7460ba"),
    ],
)
def test_the_images_are_the_same_on_every_machine(split: str, count: int, digest: str) -> None:
    found = config().split(split) if split in ("train", "val", "test") else ood(split)
    assert isinstance(found, PerturbedDraws)
    assert len(found) == count
    assert found.images.shape == (count, 1, 24, 24)
    assert hashlib.sha256(found.images.tobytes()).hexdigest()[:16] == digest
    assert len(np.unique(found.ids)) == count


def test_no_original_is_in_two_splits() -> None:
    groups = [set(config().split(name).groups.tolist()) for name in ("train", "val", "test")]
    assert [len(group) for group in groups] == [803, 320, 320]
    assert len(set.union(*groups)) == 803 + 320 + 320


def test_every_draw_knows_its_original() -> None:
    val = config().split("val")
    assert val.ids[33] == val.groups[33] + b"-1"
    for group in np.unique(val.groups)[:5]:
        assert len(np.unique(val.labels[val.groups == group])) == 1


def test_ood_samples_have_no_label() -> None:
    heldout = ood("digits_heldout")
    assert set(heldout.labels) == {0, 1}
    assert set(heldout.unlabelled().labels) == {NO_LABEL}
    batch = heldout.unlabelled().dataset(Transform(24, [0.3], [0.5])).__getitems__([0])  # type: ignore[attr-defined]
    assert batch["label"].tolist() == [NO_LABEL]
    assert set(ood("photos").labels) == {NO_LABEL}


def test_another_config_is_another_identity() -> None:
    val = config().split("val").identity
    assert val != config(seed=1).split("val").identity
    assert val != config().split("test").identity
    assert val == config(label="Another name on figures").split("val").identity
    assert val == config().identity("val")


def test_an_identity_is_about_its_own_split() -> None:
    """More draws of the test images change neither the training nor the validation images; the order of keys nothing."""
    more = config(draws={"train": 24, "val": 32, "test": 64})
    assert more.identity("train") == config().identity("train")
    assert more.identity("test") != config().identity("test")
    turned = config(base_images={"test": 320, "val": 320, "train": 803})
    for split in ("train", "val", "test"):
        assert turned.identity(split) == config().identity(split)
        assert (turned.split(split).ids == config().split(split).ids).all()


def test_too_many_originals_are_refused() -> None:
    with pytest.raises(WeeError, match="wants 1444 originals, but digits .* have 1443"):
        config(base_images={"train": 804, "val": 320, "test": 320}).split("val")


def test_a_split_that_is_not_there_is_named() -> None:
    with pytest.raises(WeeError, match="no split 'tst' of data set digits; did you mean 'test'"):
        config().split("tst")


def test_pixels_are_resized_and_normalised() -> None:
    batch = config().split("val").dataset(Transform(12, [0.3], [0.5])).__getitems__([5, 7])  # type: ignore[attr-defined]
    assert batch["image"].shape == (2, 1, 12, 12)
    assert batch["index"].tolist() == [5, 7]
    assert batch["image"].min() >= -0.6
    assert batch["image"].max() <= 1.4
