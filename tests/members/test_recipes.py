"""What decides weights, and what decides logits: two are the same exactly when all of it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from wee.app.paths import conf_dir
from wee.app.typed import to_object
from wee.data.digits.config import DigitsConfig
from wee.data.roles import labelled
from wee.members.origins import Trained
from wee.members.recipes import Recipe
from wee.members.trainer import TrainerConfig
from wee.models.config import FamilyConfig


def recipe(**changes: Any) -> Recipe:
    dataset = labelled(yaml.safe_load((conf_dir() / "dataset" / "digits.yaml").read_text()))
    family = to_object(FamilyConfig, yaml.safe_load((conf_dir() / "family" / "tiny.yaml").read_text()))
    trainer = to_object(TrainerConfig, yaml.safe_load((conf_dir() / "trainer" / "tiny.yaml").read_text()))
    return replace(Recipe(dataset, family, trainer, "s1", 0), **changes)


def test_everything_that_decides_weights_is_in_their_identity() -> None:
    plain = recipe().identity()
    assert plain == recipe().identity()
    assert plain != recipe(member=1).identity()
    assert plain != recipe(scale="s2").identity()
    assert plain != recipe(trainer=replace(recipe().trainer, lr=1e-3)).identity()
    assert plain == recipe(trainer=replace(recipe().trainer, name="another name")).identity()
    assert plain != recipe(dataset=replace(recipe().dataset, mean=0.4)).identity()


@pytest.mark.parametrize("change", ["weights", "transform", "architecture", "samples", "precision", "dtype"])
def test_everything_that_decides_logits_is_in_their_identity(change: str) -> None:
    plain, other = recipe(), recipe()
    settings = {"weights": "aa", "split": "val", "precision": "32-true", "storage": "float32"}
    if change == "transform":
        other = recipe(dataset=replace(plain.dataset, std=0.4))
    elif change == "architecture":
        other = recipe(scale="s2")
    else:
        settings |= {"weights": "bb"} if change == "weights" else {}
        settings |= {"precision": "bf16-mixed"} if change == "precision" else {}
        settings |= {"storage": "float16"} if change == "dtype" else {}
        settings |= {"split": "test"} if change == "samples" else {}

    def identity(of: Recipe, weights: str, split: str, precision: str, storage: str) -> dict[str, Any]:
        assert isinstance(of.dataset, DigitsConfig)
        source = Trained(of.dataset, of.family, of.scale, of.member, made=of, folder=Path("nowhere"))
        source.weights = weights
        return source.logits_identity(of.dataset.split(split), precision, storage)

    before = identity(plain, "aa", "val", "32-true", "float32")
    after = identity(other, **settings)
    assert before != after
    assert before == identity(recipe(), "aa", "val", "32-true", "float32")
    assert change in {key for key in before if before[key] != after[key]}


def test_members_trained_together_have_one_recipe() -> None:
    assert recipe().common() == recipe(member=1, scale="s5").common()
    assert recipe().common() != recipe(trainer=replace(recipe().trainer, steps=1)).common()
