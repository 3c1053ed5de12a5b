"""`wee explore` on the command line, and the command that a sweep keeps."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest

from tests.helpers.command_line import Wee, last_report
from wee.explore.data import page_data, read_sweeps
from wee.sweep.results import ABOUT, MADE_BY

GOLDEN = Path(__file__).parents[1] / "golden" / "ensemble.npz"


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, wee: Wee) -> Path:
    """A folder with a sweep of imported logits, in which a plug-in's preset and a number of processes are named."""
    folder = tmp_path_factory.mktemp("explore")
    shutil.copy(GOLDEN, folder / "logits.npz")
    wee("import", "file=logits.npz", "dataset.name=golden", "family.name=synthetic", "scale=s1", "macs=1e9", cwd=folder)
    stored = ("dataset=stored", "dataset.name=golden", "family=stored", "family.name=synthetic")
    wee(
        "sweep", *stored, "task.names=[cov@5]", "window.width=[0.1,all]", "runtime.processes=1", "name=mine", cwd=folder
    )
    return folder


def test_a_sweep_keeps_the_command_that_makes_it_again(swept: Path, wee: Wee) -> None:
    (about,) = (swept / "outputs" / "sweeps" / "mine").glob(f"*/{ABOUT}")
    words = shlex.split(json.loads(about.read_text())[MADE_BY])
    assert words[:2] == ["wee", "sweep"]
    assert "window.width=[0.1,all]" in words
    assert not any(word.startswith("runtime.") for word in words)
    done = wee(*words[1:], cwd=swept)
    assert "this sweep over these logits is there already" in done.stdout + done.stderr
    assert shlex.split(json.loads(about.read_text())[MADE_BY]) == words


def test_the_page_of_the_newest_sweep_is_written(swept: Path, wee: Wee) -> None:
    pytest.importorskip("vl_convert")
    done = wee("explore", cwd=swept)
    file = swept / last_report(swept, "explore")["file"]
    assert file == swept / "outputs" / "explore" / "mine.html"
    assert str(file.relative_to(swept)) in done.stdout + done.stderr
    first = file.read_bytes()
    wee("explore", "sweeps=mine", cwd=swept)
    assert file.read_bytes() == first


def test_a_sweep_that_does_not_exist_is_named(swept: Path, wee: Wee) -> None:
    done = wee("explore", "sweeps=other", cwd=swept, code=1)
    assert "there is no sweep 'other' in outputs/sweeps" in done.stderr


def test_a_sweep_keeps_what_it_has_from_an_experiment_of_the_user(swept: Path, wee: Wee) -> None:
    (swept / "conf" / "experiment").mkdir(parents=True)
    (swept / "conf" / "experiment" / "own.yaml").write_text(
        "# @package _global_\ndefaults: [{override /policy: paper}]\ndataset: {name: golden}\nfamily: {name: synthetic}\n"
    )
    words = ("--config-dir=conf", "dataset=stored", "family=stored", "+experiment=own", "name=own")
    wee("sweep", *words, "task.names=[cov@5]", "window.width=0.1", cwd=swept)
    (folder,) = (swept / "outputs" / "sweeps" / "own").iterdir()
    (sweep,) = page_data(read_sweeps([folder]))["sweeps"]
    command = shlex.split(sweep["calibrate"])
    assert {"--config-dir=conf", "++dataset.name=golden", "++family.name=synthetic"} <= set(command)
