"""The runner of exported cascades: alone with numpy and onnxruntime, and equal to the cascade piece by piece."""

from __future__ import annotations

import ast
import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.helpers import trees
from wee.cascade import onnx_runner
from wee.cascade.onnx_runner import (
    CONFIDENCES,
    LEVEL,
    MemberArrays,
    OutputArrays,
    Preprocessing,
    Reference,
    RunnerError,
    Tally,
)
from wee.cascade.predict import COLUMNS
from wee.cascade.preparation import Preparation
from wee.data.base import Transform
from wee.data.images import listing
from wee.data.images.split import ImageFiles, Pixels, ReadOptions
from wee.method import SCORES, Outputs, guarantees


def preprocessing(transform: Transform) -> Preprocessing:
    return Preprocessing(
        transform.size, tuple(transform.mean), tuple(transform.std), transform.interpolation, transform.crop_pct
    )


def test_the_runner_imports_nothing_but_numpy_onnxruntime_and_pillow() -> None:
    tree = ast.parse(Path(onnx_runner.__file__).read_text())
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    packages = {module.partition(".")[0] for module in modules}
    assert packages - set(sys.stdlib_module_names) == {"numpy", "onnxruntime", "PIL"}


def test_importing_the_runner_from_wee_imports_no_torch() -> None:
    script = "import sys, wee.cascade.onnx_runner; sys.exit(any(name in sys.modules for name in ('torch', 'timm')))"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_names_that_the_runner_repeats_are_those_of_wee() -> None:
    assert set(CONFIDENCES) == set(SCORES)
    assert onnx_runner.COLUMNS == COLUMNS
    assert onnx_runner.EXTENSIONS == listing.EXTENSIONS


def summary(reference: Reference, acceptance: float, tally: Tally, independent: bool = False) -> list[str]:
    cascade: Any = SimpleNamespace(reference=reference, acceptance=acceptance)
    return list(onnx_runner._summary(cascade, tally, independent))


def test_the_runner_says_what_wee_predict_says() -> None:
    reference = Reference(0.9, [1.0, 0.3], 0.05, 2000, 1000, True, 0.1)
    tally = Tally([70, 30], accepted=90, labelled=90, wrong=8, unreadable={"a.png": "it is cut"})
    assert summary(reference, 0.5, tally) == [
        "skipped: a.png: it is cut",
        "100 predictions, 90 accepted; 1 image could not be read",
        "accepted: 90.00 % (test set: 90.00 %)",
        "risk of what is accepted: 8.89 % (test set: 5.00 %)",
        "reaches stage 2: 30.00 % (test set: 30.00 %)",
        (
            "compared with the test set as 50 independent images, because the samples there depend on each other; "
            "--independent if yours do not"
        ),
    ]
    assert summary(reference, math.inf, tally)[-2] == f"warning: {onnx_runner.ACCEPTS_NOTHING}"
    unnamed = Tally([70, 30], accepted=90, strange_folders=["dog", "eel"])
    assert (
        "the risk of what is accepted is unknown, because these folders are not named like classes: dog, eel"
        in summary(reference, 0.5, unnamed)
    )
    strange = Tally([10, 90], accepted=90, labelled=90, wrong=45)
    first, second = summary(reference, 0.5, strange, independent=True)[-2:]
    assert first.startswith(
        "warning: these images are not like those that the cascade was certified on: 90.00 % reach stage 2"
    )
    assert second.startswith("warning: 50.00 % of what is accepted is wrong, and at most 10 % was certified")


def test_class_folders_are_the_true_classes_if_all_are_known() -> None:
    names, classes = ["ant/a.png", "bee/b/c.png"], ["ant", "bee", "cow"]
    assert onnx_runner._true_classes(names, classes) == ({"ant/a.png": "ant", "bee/b/c.png": "bee"}, [])
    assert onnx_runner._true_classes(["a.png"], classes) == ({}, [])
    assert onnx_runner._true_classes([*names, "dog/d.png"], classes) == ({}, ["dog"])
    tally = Tally([0, 0])
    for truth, accepted in (("ant", "true"), ("bee", "true"), ("bee", "false"), (None, "true")):
        tally.add((0, "ant", "0.5", 2, accepted), truth)
    assert tally == Tally([0, 4], accepted=3, labelled=2, wrong=1)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 320, 10_240, 3_000_000])
@pytest.mark.parametrize("delta", [0.2, LEVEL, LEVEL / 6])
def test_intervals_are_those_of_wee(count: int, delta: float) -> None:
    """In wee scipy gives them; the runner has numpy alone."""
    shares = [0, 1e-6, 0.003, 0.3333, 0.5, 0.9695, 1 - 1e-6, 1]
    for share in [*shares, *(number / max(count, 1) for number in range(min(count, 20)))]:
        expected = guarantees.mean_interval(share, count, delta)
        assert onnx_runner.mean_interval(share, count, delta) == pytest.approx(expected, rel=1e-6, abs=1e-10)


@settings(max_examples=200, deadline=None)
@given(samples=st.integers(1, 400), count=st.integers(1, 3000), data=st.data())
def test_the_runner_warns_where_wee_does(samples: int, count: int, data: st.DataObject) -> None:
    coverage, later = (data.draw(st.integers(0, samples)) / samples for _ in range(2))
    accepted, reaching = (data.draw(st.integers(0, count)) for _ in range(2))
    reference = Reference(coverage, (1.0, later), 0.05, samples, samples, True, 0.1)
    decisions = accepted, [count - reaching, reaching]
    assert reference.compare(*decisions) == reference.compare(*decisions, limits=guarantees.mean_interval)
    wrong = data.draw(st.integers(0, accepted))
    told = reference.broken_guarantee(wrong, accepted)
    assert told == reference.broken_guarantee(wrong, accepted, limits=guarantees.mean_interval)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    members=st.integers(1, 4),
    classes=st.sampled_from([2, 5, 40]),
    spread=st.sampled_from([0.0, 1e-3, 1.0, 30.0, 2000.0]),
    tied=st.booleans(),
)
def test_confidences_are_the_scores_to_rounding(
    seed: int, members: int, classes: int, spread: float, tied: bool
) -> None:
    rng = np.random.default_rng(seed)
    logits = [spread * rng.normal(size=(20, classes)) for _ in range(members)]
    logits = [(np.rint(z) if tied else z).astype(np.float32).astype(np.float64) for z in logits]
    outputs = Outputs([torch.from_numpy(z.copy()) for z in logits])
    arrays = OutputArrays([MemberArrays(z) for z in logits])
    np.testing.assert_allclose(arrays.probs, outputs.probs.numpy(), rtol=1e-13, atol=1e-300)
    assert (arrays.probs.argmax(1) == outputs.label).all()
    for name, score in SCORES.items():
        if score.several and members == 1:
            continue
        expected = score(outputs).numpy()
        np.testing.assert_allclose(CONFIDENCES[name](arrays), expected, rtol=1e-13, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("size", "crop"), [(6, 1.0), (4, 1.0), (5, 1.0), (13, 1.0), (6, 0.875), (20, 0.9)])
@pytest.mark.parametrize("shape", [(11, 11), (9, 14)])
def test_arrays_are_prepared_as_by_the_cascade(
    interpolation: str, size: int, crop: float, shape: tuple[int, int]
) -> None:
    images = np.random.default_rng(0).integers(256, size=(3, 3, *shape), dtype=np.uint8)
    transform = Transform(size, (0.5, 0.4, 0.3), (0.2, 0.3, 0.25), interpolation, crop)
    for given_ in (images, images.astype(np.float32) / 255):
        expected = Preparation(transform)(torch.from_numpy(given_)).numpy()
        prepared = preprocessing(transform).of_arrays(given_)
        assert prepared.dtype == np.float32
        np.testing.assert_allclose(prepared, expected, atol=2e-5)


def test_images_of_the_right_size_are_prepared_to_the_last_bit() -> None:
    images = np.random.default_rng(0).integers(256, size=(40, 1, 8, 8), dtype=np.uint8)
    transform = Transform(8, (0.3,), (0.5,), "nearest")
    assert (
        preprocessing(transform).of_arrays(images) == Preparation(transform)(torch.from_numpy(images)).numpy()
    ).all()
    with pytest.raises(RunnerError, match="shorter side has 8 pixels"):
        preprocessing(transform).of_arrays(images[:, :, 1:])


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest"])
@pytest.mark.parametrize(("size", "crop"), [(16, 1.0), (20, 0.875), (30, 1.0)])
@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("shape", [(30, 30), (31, 45), (45, 31), (16, 20)])
def test_files_are_prepared_as_by_wee_predict(
    interpolation: str, size: int, crop: float, mode: str, shape: tuple[int, int], tmp_path: Path
) -> None:
    channels = len(mode)
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(256, size=(*shape, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    transform = Transform(size, (0.5,) * channels, (0.5,) * channels, interpolation, crop)
    files = ImageFiles({}, listing.list_images(tmp_path), ReadOptions(channels))
    opened = onnx_runner._open(tmp_path / "a.png", channels)
    mean, std = transform.normalisation()
    expected = ((torch.from_numpy(Pixels(files, channels, transform)[0]).float() / 255 - mean) / std)[0].numpy()
    assert (preprocessing(transform).of_file(opened) == expected).all()


def test_images_are_listed_as_by_wee_predict(tmp_path: Path) -> None:
    trees.plain_folder(tmp_path / "plain", 3)
    trees.class_folders(tmp_path / "classes", 3)
    trees.plain_folder(tmp_path / "classes" / "ant b", 2)
    trees.plain_folder(tmp_path / "classes" / "ant" / "deeper", 2)
    (tmp_path / "classes" / "stray.png").write_bytes(b"")
    (tmp_path / "classes" / "ant" / "notes.txt").write_bytes(b"")
    for name in ("plain", "classes"):
        assert onnx_runner.list_images(tmp_path / name) == listing.list_images(tmp_path / name).names
    (tmp_path / "empty").mkdir()
    for name, message in (("empty", "there are no images in"), ("nowhere", "there is no folder")):
        with pytest.raises(RunnerError, match=message):
            onnx_runner.list_images(tmp_path / name)
