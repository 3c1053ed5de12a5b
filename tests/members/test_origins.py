"""Members from elsewhere: checkpoint files of every make, timm's pretrained weights, and what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from tests.helpers import trees
from tests.helpers.command_line import Wee
from wee.data.images.config import HeldOutConfig, ImagesConfig
from wee.data.splits import TEST
from wee.errors import WeeError
from wee.members.origins import Given, Origin, source
from wee.members.recipes import Recipe
from wee.members.trainer import TrainerConfig
from wee.models.config import FamilyConfig
from wee.store import LogitStore

KWARGS = {"width": 4, "stem": 4}


@pytest.fixture
def dataset(tmp_path: Path) -> ImagesConfig:
    root = tmp_path / "images"
    trees.class_folders(root / "train", 10)
    trees.class_folders(root / "test", 4)
    trees.plain_folder(tmp_path / "objects", 8)
    return ImagesConfig(name="toy", root=str(root), validation=HeldOutConfig("train", 9)).resolve()


def network(seed: int = 0, **kwargs: Any) -> Any:
    torch.manual_seed(seed)
    return timm.create_model("cifar_resnet", num_classes=3, **{**KWARGS, **kwargs})


def given(dataset: ImagesConfig, *weights: str, member: int = 0) -> Origin:
    scale = {"model": "cifar_resnet", "input_size": 16, "kwargs": KWARGS, "weights": list(weights)}
    family = FamilyConfig("f", scales={"s": scale})
    recipe = Recipe(dataset, family, TrainerConfig("t", steps=1, lr=0.1), "s", member)
    return source(dataset, family, "s", member, recipe, "checkpoints")


def wrapped(name: str, state: dict[str, torch.Tensor]) -> Any:
    parallel = {f"module.{key}": value for key, value in state.items()}
    return {
        "plain": state,
        "parallel": parallel,
        "compiled and parallel": {f"module._orig_mod.{key}": value for key, value in state.items()},
        "timm's": {"epoch": 3, "arch": "x", "state_dict": parallel, "optimizer": {"lr": 0.1}},
        "lightning's": {"state_dict": {f"model.{key}": value for key, value in state.items()}, "global_step": 7},
        "averaged": {"state_dict": {"other": torch.zeros(1)}, "state_dict_ema": state},
    }[name]


@pytest.mark.parametrize(
    "kind", ["plain", "parallel", "compiled and parallel", "timm's", "lightning's", "averaged", "safetensors"]
)
def test_a_file_of_any_make_gives_its_weights(dataset: ImagesConfig, tmp_path: Path, kind: str) -> None:
    made = network()
    path = tmp_path / ("weights.safetensors" if kind == "safetensors" else "weights.pth")
    save_file(made.state_dict(), path) if kind == "safetensors" else torch.save(wrapped(kind, made.state_dict()), path)
    found = given(dataset, str(path))
    assert isinstance(found, Given)
    loaded = found.network()
    for name, tensor in loaded.module.state_dict().items():
        assert torch.equal(tensor, made.state_dict()[name])
    other = tmp_path / "other.pth"
    torch.save(network(1).state_dict(), other)
    assert given(dataset, str(other)).weights != found.weights


def test_a_pickle_with_code_in_it_is_refused(dataset: ImagesConfig, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "touched",))

    with (tmp_path / "evil.pth").open("wb") as file:
        pickle.dump({"state_dict": Evil()}, file)
    with pytest.raises(WeeError, match="pickled code is not run"):
        _ = given(dataset, str(tmp_path / "evil.pth")).weights
    torch.save({"state_dict": Evil()}, tmp_path / "evil2.pth")
    with pytest.raises(WeeError, match="pickled code is not run"):
        _ = given(dataset, str(tmp_path / "evil2.pth")).weights
    assert not (tmp_path / "touched").exists()


def test_weights_of_another_architecture_are_named(dataset: ImagesConfig, tmp_path: Path) -> None:
    torch.save(network(width=8).state_dict(), tmp_path / "wide.pth")
    with pytest.raises(WeeError, match=r"of another shape: .*head\.fc\.weight"):
        given(dataset, str(tmp_path / "wide.pth")).network()
    state = network().state_dict()
    state["extra.weight"] = state.pop("stem.conv.weight")
    torch.save(state, tmp_path / "renamed.pth")
    with pytest.raises(WeeError, match=r"missing: stem\.conv\.weight; not wanted: extra\.weight"):
        given(dataset, str(tmp_path / "renamed.pth")).network()


def test_what_is_not_there_is_said(dataset: ImagesConfig, tmp_path: Path) -> None:
    with pytest.raises(WeeError, match="there is no checkpoint nowhere.pth"):
        _ = given(dataset, "nowhere.pth").weights
    torch.save({"a": 3}, tmp_path / "no.pth")
    with pytest.raises(WeeError, match="holds no weights by name"):
        _ = given(dataset, str(tmp_path / "no.pth")).weights
    with pytest.raises(WeeError, match=r"has 1 given weights, so members 0 to 0, and no member 1"):
        given(dataset, "one.pth", member=1)


def test_timms_weights_come_with_their_own_transform(dataset: ImagesConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, made = [], network(5)

    def create(name: str, pretrained: bool = False, **kwargs: Any) -> Any:
        asked.append((name, pretrained, kwargs["num_classes"]))
        return made

    monkeypatch.setattr(timm, "create_model", create)
    found = given(dataset, "timm:tf_efficientnet_b0.ns_jft_in1k", "timm:tf_efficientnet_b1.aa_in1k", member=1)
    assert found.transform.describe() == {
        "size": 16, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "interpolation": "bicubic", "crop_pct": 0.882,
    }  # fmt: skip
    assert found.weights
    assert asked == [("tf_efficientnet_b1.aa_in1k", True, 3)]
    with pytest.raises(WeeError, match="timm has no pretrained weights tf_efficientnet_b0.none"):
        _ = given(dataset, "timm:tf_efficientnet_b0.none").transform


def test_checkpoints_become_an_ensemble_from_the_command_line(dataset: ImagesConfig, tmp_path: Path, wee: Wee) -> None:
    for k in range(2):
        torch.save(wrapped("timm's", network(k).state_dict()), tmp_path / f"member{k}.pth")
    (tmp_path / "conf" / "family").mkdir(parents=True)
    (tmp_path / "conf" / "family" / "mine.yaml").write_text(
        "name: mine\nscales:\n  s: {model: cifar_resnet, input_size: 16, kwargs: {width: 4, stem: 4}, "
        "weights: [member0.pth, member1.pth]}\n"
    )
    data = ("dataset=folder", "dataset.name=toy", f"dataset.root={dataset.root}", "dataset.validation.count=9")
    ood = ("ood=folder", f"ood.folder.root={tmp_path}/objects")
    common = ("--config-dir", "conf", "family=mine", *data, *ood)
    wee("evaluate", *common, cwd=tmp_path)
    told = wee("sweep", *common, "task=scod", cwd=tmp_path).stdout
    assert "folder" in told or "risk@50" in told
    store = LogitStore(tmp_path / "outputs" / "store")
    from wee.store import Address

    (entry,) = store.find(Address("toy", "mine", "s", 1, TEST))
    pixels = dataset.split("test").dataset(given(dataset, "x").transform)
    images = torch.cat([pixels[k]["image"].reshape(1, 3, 16, 16) for k in range(12)])
    mean, std = (
        torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1),
        torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1),
    )
    expected = network(1).eval()(((images * 0.5 + 0.5) - mean) / std).detach().numpy()
    np.testing.assert_allclose(entry.logits, expected, rtol=1e-4, atol=1e-5)
    assert entry.manifest["provenance"]["config"]["recipe"] == {"origin": "member1.pth"}
