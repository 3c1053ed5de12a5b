"""`wee predict`: folders, lists, unreadable images, a killed run, and what it refuses."""

from __future__ import annotations

import re
import shutil
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from tests.helpers.command_line import QUICK, SMALL, Wee, last_report
from tests.helpers.configs import composed
from wee.cascade.description import CascadeDescription
from wee.cascade.module import Cascade
from wee.cascade.predict import PredictedImage, UnfinishedTable, check_format, table_key
from wee.commands.evaluate import EvaluateConfig
from wee.data.draws.split import PerturbedDraws
from wee.errors import WeeError

CASCADE = Path("outputs", "cascades", "c")


@pytest.fixture(scope="module")
def folder(trained: Path, tmp_path_factory: pytest.TempPathFactory, wee: Wee) -> Path:
    """A folder with a cascade, and 40 test images in class folders. Copy it; do not write into it."""
    place = tmp_path_factory.mktemp("predicted")
    shutil.copytree(trained / "outputs", place / "outputs")
    wee("calibrate", *SMALL, *QUICK, "scale=[s1,s2]", "task=risk@50", "target=100", "name=c", cwd=place)
    evaluated = composed("evaluate", *SMALL)
    assert isinstance(evaluated, EvaluateConfig)
    split = evaluated.dataset.split("test")
    assert isinstance(split, PerturbedDraws)
    for number in range(40):
        file = place / "images" / str(split.labels[number]) / f"{number:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(split.images[number, 0]).save(file)
    return place


@pytest.fixture
def work(folder: Path, tmp_path: Path) -> Path:
    for name in ("outputs", "images"):
        shutil.copytree(folder / name, tmp_path / name)
    return tmp_path


def test_predictions_are_those_of_the_cascade_on_the_pixels(work: Path, wee: Wee) -> None:
    shown = wee("predict", f"cascade={CASCADE}", "images=images", "batch_size=16", cwd=work).stdout
    table = pd.read_csv(work / "outputs" / "predictions" / "predictions.csv", dtype={"class": str})
    assert list(table.columns) == ["file", "label", "class", "confidence", "stage", "accepted"]
    assert len(table) == 40
    cascade = Cascade.load(work / CASCADE)
    pixels = np.stack([np.asarray(Image.open(work / "images" / name)) for name in table.file])[:, None]
    expected = cascade(torch.from_numpy(pixels))
    assert (table["class"] == table.label.astype(str)).all()
    np.testing.assert_allclose(table.confidence, expected.confidence.numpy(), rtol=0, atol=1e-6)
    assert (table.label == expected.label.numpy()).all()
    assert (table.stage == expected.stage.numpy() + 1).all()
    assert "risk of what is accepted" in shown
    said = last_report(work, "predict")
    assert (said["predictions"], said["unreadable"], said["accepted"]) == (40, 0, int(table.accepted.sum()))
    numbers = CascadeDescription.load(work / CASCADE).expected["test"]
    shares = {"accepted": (table.accepted.mean(), numbers.coverage.value)}
    for stage in range(2, len(numbers.reaching) + 1):
        shares[f"reaches stage {stage}"] = (table.stage >= stage).mean(), numbers.reaching[stage - 1].value
    assert said["shares"] == {
        name: {"observed": pytest.approx(observed), "expected": expected_share, "differs": False}
        for name, (observed, expected_share) in shares.items()
    }
    assert said["warning"] is None
    failed = wee("predict", f"cascade={CASCADE}", "images=images", cwd=work, code=1).stderr
    assert "exists: give another output=FILE, or replace it with overwrite=true" in failed


def test_images_unlike_the_test_set_are_warned_of(work: Path, wee: Wee) -> None:
    """600 copies of one grey image are accepted all or not at all; of the 300 test samples, about one half is accepted."""
    (work / "grey").mkdir()
    for number in range(600):
        Image.new("L", (24, 24), 128).save(work / "grey" / f"{number}.png")
    done = wee("predict", f"cascade={CASCADE}", "images=grey", cwd=work)
    said = last_report(work, "predict")
    share = said["shares"]["accepted"]
    assert share["differs"]
    assert share["observed"] in (0, 1)
    assert "these images are not like those that the cascade was calibrated on" in said["warning"]
    assert f"{share['observed']:.0%}".replace("%", ".00 % are accepted") in said["warning"]
    assert said["warning"] in " ".join(done.stderr.split())


def test_unreadable_images_are_listed_and_skipped(work: Path, wee: Wee) -> None:
    (work / "images" / "0" / "broken.png").write_bytes(b"no image")
    whole = next((work / "images" / "1").iterdir())
    (work / "images" / "1" / "cut.png").write_bytes(whole.read_bytes()[:60])
    done = wee("predict", f"cascade={CASCADE}", "images=images", cwd=work)
    text = done.stdout + done.stderr
    assert "skipped: 0/broken.png" in text
    assert "skipped: 1/cut.png" in text
    assert "40 predictions; 2 images could not be read" in text


def test_a_killed_run_goes_on(work: Path, wee: Wee) -> None:
    overrides = ("predict", f"cascade={CASCADE}", "images=images")
    wee(*overrides, cwd=work)
    table = work / "outputs" / "predictions" / "predictions.csv"
    complete = table.read_text()
    cascade = Cascade.load(work / CASCADE)
    assert cascade.description is not None
    from wee.data.images.listing import list_images

    key = table_key(cascade.description, list_images(work / "images"), "32")
    lines = complete.splitlines(keepends=True)
    marked = [
        line.replace(line.split(",")[3], "0.125") for line in lines[1:11]
    ]  # so that a second prediction would show
    (table.parent / f".predictions.csv.{key}.3.part").write_text("".join([lines[0], *marked, lines[11][:9]]))
    table.unlink()
    wee(*overrides, cwd=work)
    resumed = pd.read_csv(table)
    assert len(resumed) == 40
    assert (resumed.confidence == 0.125).sum() == 10
    assert resumed.file.tolist() == [line.split(",")[0] for line in lines[1:]]
    assert [path.name for path in table.parent.iterdir()] == ["predictions.csv"]


def test_two_processes_write_what_one_does(work: Path, wee: Wee) -> None:
    (work / "images" / "0" / "broken.png").write_bytes(b"no image")
    overrides = ("predict", f"cascade={CASCADE}", "images=images", "batch_size=8")
    wee(*overrides, "output=one.csv", cwd=work)
    two = ("runtime.accelerator=cpu", "runtime.devices=2", "output=two.csv")
    done = wee(*overrides, *two, cwd=work)
    assert "skipped: 0/broken.png" in done.stdout + done.stderr
    first, second = pd.read_csv(work / "one.csv"), pd.read_csv(work / "two.csv")
    assert first.confidence.to_numpy() == pytest.approx(second.confidence.to_numpy(), abs=1e-6)
    columns = ["file", "label", "stage"]
    assert first[columns].equals(second[columns])
    assert not list(work.glob(".*"))


def test_parquet(work: Path, wee: Wee) -> None:
    wee("predict", f"cascade={CASCADE}", "images=images", "output=here.parquet", cwd=work)
    wee("predict", f"cascade={CASCADE}", "images=images", "output=here.csv", cwd=work)
    table, expected = pd.read_parquet(work / "here.parquet"), pd.read_csv(work / "here.csv", dtype={"class": str})
    pd.testing.assert_frame_equal(table, expected, check_dtype=False)
    assert table.accepted.dtype == bool


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(WeeError, match=re.escape("pip install 'wee[parquet]'")):
        check_format(tmp_path / "a.parquet")


def test_images_that_decoders_refuse_are_skipped(work: Path, wee: Wee) -> None:
    """A file that declares a picture of 40,000 by 40,000 pixels, and one with too long a comment."""
    header = zlib.crc32(b"IHDR" + (b"\0\0\x9c\x40" * 2) + b"\x08\0\0\0\0")
    bomb = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + (b"\0\0\x9c\x40" * 2) + b"\x08\0\0\0\0" + header.to_bytes(4, "big")
    (work / "images" / "0" / "bomb.png").write_bytes(bomb)
    done = wee("predict", f"cascade={CASCADE}", "images=images", cwd=work)
    assert "skipped: 0/bomb.png" in done.stdout + done.stderr
    assert "40 predictions; 1 image could not be read" in done.stdout + done.stderr


def test_images_without_labels_do_not_count_as_errors(work: Path, wee: Wee) -> None:
    files = sorted((work / "images").rglob("*.png"))
    lines = [f"{path.relative_to(work)} {path.parent.name}" for path in files[:10]]
    (work / "list.txt").write_text("\n".join(lines) + "\n")
    wee("predict", f"cascade={CASCADE}", "images=list.txt", "output=ten.csv", cwd=work)
    table = pd.read_csv(work / "ten.csv")
    right = sum(table.label == [int(path.parent.name) for path in files[:10]])
    (work / "list.txt").write_text("\n".join(lines + [str(path.relative_to(work)) for path in files[10:20]]) + "\n")
    shown = wee("predict", f"cascade={CASCADE}", "images=list.txt", "output=all.csv", cwd=work).stdout
    assert "(10 images with labels)" in shown
    assert f"{right / 10:.2%}" in shown


def test_a_row_that_two_processes_have_written_counts_once(tmp_path: Path) -> None:
    table = UnfinishedTable(tmp_path / "t.csv", "k")
    rows = [PredictedImage(name, 1, "1", 0.5, 1, True) for name in ("a", "b")]
    for rank, written in enumerate((rows, rows[:1])):
        cells = [
            ",".join(("file", "label", "class", "confidence", "stage", "accepted")),
            *(",".join(r.cells()) for r in written),
        ]
        table.part(rank).write_text("\n".join(cells) + "\n")
    assert sorted(row.file for row in table.read().rows) == ["a", "b"]


def test_a_list_without_classes(work: Path, wee: Wee) -> None:
    names = [str(path.relative_to(work)) for path in sorted((work / "images").rglob("*.png"))[:5]]
    (work / "list.txt").write_text("\n".join(names) + "\n")
    shown = wee("predict", f"cascade={CASCADE}", "images=list.txt", "output=here.csv", cwd=work).stdout
    assert pd.read_csv(work / "here.csv").file.tolist() == names
    assert "risk of what is accepted" not in shown


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("cascade=images", "images=images"), "images is not the folder of a cascade: it has no cascade.json"),
        ((f"cascade={CASCADE}", "images=nowhere"), "there is no nowhere"),
        ((f"cascade={CASCADE}", "images=empty"), "there are no images in empty"),
        ((f"cascade={CASCADE}", "images=strange"), "has class folders that the cascade does not know: cat"),
        ((f"cascade={CASCADE}",), "images is not set"),
        ((f"cascade={CASCADE}", "images=images", "batch_size=0"), "batch_size is 0"),
        ((f"cascade={CASCADE}", "images=images", "precision=8"), "there is no precision '8'"),
        ((f"cascade={CASCADE}", "images=twice.txt"), "names images/0/"),
        (
            (f"cascade={CASCADE}", "images=class.txt"),
            "has an image of class 99, and the cascade has the classes 0 to 7",
        ),
        ((f"cascade={CASCADE}", "images=lines"), "its name contains characters that tables cannot hold"),
        ((f"cascade={CASCADE}", "images=images", "output=x.xlsx"), "its name ends in .csv or .parquet"),
    ],
)
def test_what_cannot_be_predicted_is_refused(
    overrides: tuple[str, ...], message: str, folder: Path, tmp_path: Path, wee: Wee
) -> None:
    for name in ("outputs", "images"):
        (tmp_path / name).symlink_to(folder / name)
    (tmp_path / "empty").mkdir()
    (tmp_path / "lines").mkdir()
    (tmp_path / "lines" / "a\nb.png").touch()
    first = next((tmp_path / "images" / "0").iterdir()).relative_to(tmp_path)
    (tmp_path / "twice.txt").write_text(f"{first}\n{first}\n")
    (tmp_path / "class.txt").write_text(f"{first} 99\n")
    (tmp_path / "strange" / "cat").mkdir(parents=True)
    Image.new("L", (8, 8)).save(tmp_path / "strange" / "cat" / "a.png")
    failed = wee("predict", "output=x.csv", *overrides, "hydra.run.dir=runs", cwd=tmp_path, code=1).stderr
    assert message in failed
    assert "Traceback" not in failed
    assert not (tmp_path / "x.csv").exists()
