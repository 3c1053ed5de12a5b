"""Data sets in their roles: what each kind can serve as, and what is said of a config that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wee.data.images.config import ImagesConfig
from wee.data.roles import labelled, ood_sets, shifted_sets
from wee.errors import WeeError

IMAGES = {"kind": "images", "name": "pictures", "root": "nowhere", "classes": 7, "channels": 1}
SHIFTED = {"kind": "shifted", "name": "worn", "root": "nowhere", "test": "{word}/{level}"}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"name": "x"}, "dataset has no kind: give dataset.kind, one of digits, photos, embedded, images"),
        ({"kind": "image"}, "dataset.kind: there is no kind of data set 'image'; did you mean 'images'"),
        ({"kind": "images", "name": "x", "rot": "y"}, r"no key 'dataset.rot'; did you mean 'dataset.root'"),
        ({**IMAGES, "classes": "many"}, "dataset.classes: "),
        (
            {**IMAGES, "memory": "perhaps"},
            "no value of memory 'perhaps' of data set pictures. Known: true, false, auto",
        ),
        ({**IMAGES, "channels": 2}, "data set pictures has 2 channels: images have 3"),
        ({"kind": "photos", "name": "p"}, "serves as an OOD set, not as ID data .* choose from digits, images, stored"),
        (SHIFTED, "dataset.kind is shifted, which serves as a shifted test set, not as ID data"),
        ({"kind": "wee.app.fields:choose"}, "wee.app.fields:choose is no kind of data set: make it a subclass of"),
        (
            {"kind": "nosuchmodule:Kind"},
            "dataset.kind: there is no kind of data set 'nosuchmodule:Kind': .* PYTHONPATH",
        ),
    ],
)
def test_wrong_configs(config: dict[str, Any], message: str) -> None:
    with pytest.raises(WeeError, match=message):
        labelled(config)


def test_memory_is_a_word_or_a_truth_value() -> None:
    assert [labelled({**IMAGES, "memory": memory}).memory for memory in ("auto", True, False)] == ["auto", True, False]  # type: ignore[attr-defined]


def test_ood_sets_are_seen_in_the_channels_of_the_id_data() -> None:
    dataset = labelled(IMAGES)
    sets = ood_sets({"far": {**IMAGES, "channels": 3}}, dataset)
    assert isinstance(sets["far"], ImagesConfig)
    assert sets["far"].channels == 1
    with pytest.raises(
        WeeError, match="ood.far.kind is shifted, which serves as a shifted test set, not as an OOD set"
    ):
        ood_sets({"far": SHIFTED}, dataset)
    assert ood_sets(None, dataset) == {}


def test_one_config_stands_for_a_set_for_each_choice_of_words() -> None:
    words = {"word": ["fog", "snow"], "level": [1, 3]}
    sets = shifted_sets({"worn": {**SHIFTED, "vary": words}}, labelled(IMAGES))
    assert list(sets) == ["worn-fog-1", "worn-fog-3", "worn-snow-1", "worn-snow-3"]
    foggy = sets["worn-fog-3"]
    assert isinstance(foggy, ImagesConfig)
    assert (foggy.places("test"), foggy.channels, foggy.classes) == (["fog/3"], 1, 7)
    assert list(shifted_sets({"worn": {**SHIFTED, "test": "."}}, labelled(IMAGES))) == ["worn"]
    with pytest.raises(WeeError, match="neither root nor test has {shade} in it"):
        shifted_sets({"worn": {**SHIFTED, "vary": {"shade": ["dark"]}}}, labelled(IMAGES))
    with pytest.raises(
        WeeError, match="shift.worn.kind is images, which .* not as a shifted test set; choose from shifted"
    ):
        shifted_sets({"worn": IMAGES}, labelled(IMAGES))


def test_a_config_opens_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of classes stays open until `resolve` looks at the disk."""
    for name in ("ant", "bee"):
        (tmp_path / "test" / name).mkdir(parents=True)

    def refuse(*_: object) -> None:
        raise AssertionError("a config has looked at the disk")

    with monkeypatch.context() as patch:
        for method in ("exists", "is_dir", "iterdir", "open"):
            patch.setattr(Path, method, refuse)
        dataset = labelled({"kind": "images", "name": "x", "root": str(tmp_path)})
        shifted = shifted_sets({"worn": {**SHIFTED, "vary": {"word": ["fog"], "level": [1]}}}, dataset)
        ood = ood_sets({"far": {"kind": "images", "name": "far", "root": str(tmp_path)}}, dataset)
    assert dataset.classes == 0
    assert (set(shifted), set(ood)) == ({"worn-fog-1"}, {"far"})
    assert dataset.resolve().classes == 2
    assert dataset.classes == 0
