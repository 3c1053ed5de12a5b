"""One image among many that cannot be read: training and evaluation name it, and predictions go on without it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.helpers import trees
from tests.helpers.job_server import JobServer
from tests.helpers.worlds import PREDICT, SCENES, TABLE, World, clear

DATA = ("dataset=folder", "dataset.name=toy", "dataset.validation.count=9")
NETWORK = (
    "family=cifar_resnet", "+family.scales.tiny.model=cifar_resnet", "+family.scales.tiny.input_size=16",
    "+family.scales.tiny.kwargs={width:4,stem:4}", "scale=tiny", "member=0",
)  # fmt: skip
TRAINER = ("trainer=cifar", "trainer.epochs=1", "trainer.batch_size=8", "trainer.precision=32-true")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def noise(path: Path) -> None:
    path.write_bytes(os.urandom(200))


def broken_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere.png")


def pipe(path: Path) -> None:
    """A named pipe, which nobody ever writes to."""
    path.unlink()
    os.mkfifo(path)


def listening_socket(path: Path) -> None:
    path.unlink()
    before = Path.cwd()
    os.chdir(path.parent)  # the path of a socket must be short
    socket.socket(socket.AF_UNIX).bind(path.name)
    os.chdir(before)


UNREADABLE: list[Callable[[Path], None]] = [cut, empty, noise, broken_link, pipe, listening_socket]


@pytest.mark.parametrize("spoil", UNREADABLE, ids=lambda spoil: spoil.__name__)
def test_predictions_go_on(spoil: Callable[[Path], None], world: World, server: JobServer, tmp_path: Path) -> None:
    work = world.copy(SCENES["predict"], tmp_path / "work")
    image = sorted((work / "images").rglob("*.png"))[50]
    spoil(image)
    done = server.run(*PREDICT, cwd=work, limit=60)
    told = clear(done, code=0)
    assert "1 image could not be read" in told, told
    assert f"skipped: {image.relative_to(work / 'images')}" in told, told
    assert len(pd.read_csv(work / TABLE)) == 99


def test_a_folder_that_is_called_like_an_image(world: World, server: JobServer, tmp_path: Path) -> None:
    work = world.copy(SCENES["predict"], tmp_path / "work")
    image = sorted((work / "images").rglob("*.png"))[50]
    image.unlink()
    image.mkdir()
    told = clear(server.run(*PREDICT, cwd=work), code=0)
    assert "99 predictions; 0 images could not be read" in told


@pytest.mark.parametrize("spoil", UNREADABLE, ids=lambda spoil: spoil.__name__)
def test_training_and_evaluation_name_it(spoil: Callable[[Path], None], server: JobServer, tmp_path: Path) -> None:
    """Nothing is trained or recorded on the other images alone: that would be another data set."""
    trees.class_folders(tmp_path / "data" / "toy" / "train", 8)
    trees.class_folders(tmp_path / "data" / "toy" / "test", 4)
    image = tmp_path / "data" / "toy" / "train" / "bee" / "003.png"
    content = image.read_bytes()
    spoil(image)
    told = clear(server.run("train", *DATA, *NETWORK, *TRAINER, cwd=tmp_path, limit=60))
    assert "bee/003.png" in told
    image.unlink()
    image.write_bytes(content)
    assert server.run("train", *DATA, *NETWORK, *TRAINER, cwd=tmp_path).code == 0
    test = tmp_path / "data" / "toy" / "test" / "ant" / "001.png"
    spoil(test)
    told = clear(server.run("evaluate", *DATA, *NETWORK, *TRAINER, "ood=none", cwd=tmp_path, limit=60))
    assert "ant/001.png" in told
    assert not list((tmp_path / "outputs").glob("store/**/test-*/manifest.json"))
