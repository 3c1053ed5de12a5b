"""`wee export`: from the store to a folder that classifies images where neither wee nor torch is, and what it refuses."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.helpers.cascades import Made, cascade_folder
from tests.helpers.command_line import QUICK, SMALL, Wee, last_report
from tests.helpers.configs import composed
from wee.cascade.formats import EXPORT_FORMATS
from wee.cascade.formats.onnx import Onnx
from wee.cascade.module import Cascade
from wee.cascade.predict import Predictor, write_table
from wee.commands.export import ExportConfig, export
from wee.data.images.listing import list_images
from wee.errors import WeeError
from wee.method import IntervalRule

CASCADE, EXPORTED = Path("outputs", "cascades", "c"), Path("outputs", "exports", "c-onnx")
needs_onnx = pytest.mark.skipif(
    bool(EXPORT_FORMATS["onnx"].missing()), reason="the extra onnx is not installed: pip install 'wee[onnx]'"
)


@pytest.fixture(scope="module")
def folder(trained: Path, tmp_path_factory: pytest.TempPathFactory, wee: Wee) -> Path:
    """A folder with a cascade, and the test images in class folders. Copy it; do not write into it."""
    place = tmp_path_factory.mktemp("exported")
    shutil.copytree(trained / "outputs", place / "outputs")
    calibrated = ("scale=[s1,s2]", "task=risk@50", "budget.macs=3e5", "stages=2", "name=c")
    wee("calibrate", *SMALL, *QUICK, *calibrated, cwd=place)
    wee("data", *SMALL, "images=images", "split=test", cwd=place)
    assert last_report(place, "data") == {"folder": "images", "images": 300}
    return place


def alone(*arguments: str | Path, cwd: Path, code: int = 0) -> Any:
    """Run a script as on a machine without wee: no path to it, and an error if anything imports torch."""
    script = (
        "import runpy, sys; sys.path = [p for p in sys.path if p]; sys.modules['torch'] = sys.modules['wee'] = None; "
        "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


@needs_onnx
def test_the_exported_cascade_predicts_as_wee_predict_does(folder: Path, wee: Wee) -> None:
    shown = wee("export", f"cascade={CASCADE}", cwd=folder)
    assert "graphs and networks differ by at most" in shown.stdout + shown.stderr
    stages = len(Cascade.load(folder / CASCADE))
    assert {file.name for file in (folder / EXPORTED).iterdir()} == {
        "card.md", "card.png", "cascade.onnx.json", "run.py", *(f"stage{k + 1}.onnx" for k in range(stages)),
    }  # fmt: skip
    assert 0 <= last_report(folder, "export")["largest_difference"] < 1e-4
    assert not list((folder / "outputs" / "exports").glob(".*"))
    moved = folder / "elsewhere"
    shutil.move(folder / EXPORTED, moved)
    broken = folder / "images" / "0" / "broken.png"
    broken.write_bytes(b"no image")
    run = alone(moved / "run.py", "images", "--output", "here/ran.csv", cwd=folder)
    assert "skipped: 0/broken.png: cannot identify image file" in run.stderr
    assert "300 predictions" in run.stderr
    assert "warning" not in run.stderr
    broken.unlink()
    listing = list_images(folder / "images")
    expected = Predictor(Cascade.load(folder / CASCADE), listing).rows(range(len(listing.names)), {})
    write_table(expected, folder / "p.csv")
    ran, said = (pd.read_csv(folder / name, dtype={"class": str}) for name in ("here/ran.csv", "p.csv"))
    assert list(ran.columns) == list(said.columns)
    assert len(expected) == len(ran) == 300
    assert (ran.file == said.file).all()
    same = np.abs(ran.confidence - said.confidence) < 1e-5
    assert same.mean() > 0.98  # others have left at another stage, or are at a threshold
    for column in ("label", "class", "stage", "accepted"):
        assert (ran[column] == said[column])[same].all()
    coverage, risk = said.accepted.mean(), (said["class"] != said.file.str.split("/").str[0])[said.accepted].mean()
    numbers = Cascade.load(folder / CASCADE).description.expected["test"]  # type: ignore[union-attr]
    for name, observed, share in (
        ("accepted", coverage, numbers.coverage),
        ("risk of what is accepted", risk, numbers.risk),
        ("reaches stage 2", (said.stage >= 2).mean(), numbers.reaching[1]),
    ):
        shown = re.search(rf"^{name}: ([\d.]+) % \(test set: {100 * share.value:.2f} %\)$", run.stderr, re.MULTILINE)
        assert shown is not None
        assert float(shown[1]) == pytest.approx(100 * observed, abs=1)  # a few decisions differ, at a threshold
    (folder / "grey").mkdir()
    for number in range(600):
        Image.new("L", (24, 24), 128).save(folder / "grey" / f"{number}.png")
    warned = alone(moved / "run.py", "grey", "--output", "here/grey.csv", cwd=folder).stderr
    assert wee("predict", f"cascade={CASCADE}", "images=grey", cwd=folder)
    assert f"warning: {last_report(folder, 'predict')['warning']}\n" in warned
    assert "risk of what is accepted" not in warned
    printed = alone(moved / "run.py", "images/0", cwd=folder).stdout.splitlines()
    assert printed[0] == "file,label,class,confidence,stage,accepted"
    for arguments, message in (
        (("images", "--output", "here/ran.csv"), "here/ran.csv exists: give another --output, or replace it with"),
        (("nowhere",), "there is no folder nowhere"),
        (("images", "--batch-size", "0"), "--batch-size is 0"),
        (("images", "--cascade", "images"), "images is not the folder of an exported cascade"),
    ):
        failed = alone(moved / "run.py", *arguments, cwd=folder, code=1).stderr
        assert failed.startswith(f"run.py: {message}")
        assert failed.count("\n") == 1


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("format=onyx",), "there is no export format 'onyx'; did you mean 'onnx'"),
        (("output=there",), "there exists: give another output=FOLDER, or replace it with overwrite=true"),
        (("output=file",), "file is a file: give another output=FOLDER"),
        (("output=c", "overwrite=true"), "output is c, the folder of the cascade itself"),
        (("format=json:dumps",), "json:dumps is no export format: derive its class"),
    ],
)
def test_what_cannot_be_exported_is_refused_before_any_work(
    overrides: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    Path("file").touch()
    with pytest.raises(WeeError, match=message):
        composed("export", "cascade=c", *overrides)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Onnx, "packages", ("onnx", "no_such_package"))
    cfg = composed("export", "cascade=c")
    assert isinstance(cfg, ExportConfig)
    with pytest.raises(WeeError, match=r"format=onnx needs .*no_such_package: pip install 'wee\[onnx\]'"):
        export(cfg)


PLUGIN = '''
from wee.cascade.formats import ExportFormat

class Notes(ExportFormat):
    """The number of stages."""

    def check(self, cascade):
        pass

    def write(self, cascade, folder, done):
        (folder / "notes.txt").write_text(str(len(cascade)))
        return {}
'''


def test_a_format_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("my_formats.py").write_text(PLUGIN)
    cascade_folder(tmp_path / "c", [Made(8, 0)], IntervalRule("msp", []))

    def run(*overrides: str) -> None:
        cfg = composed("export", "format='my_formats:Notes'", *overrides)
        assert isinstance(cfg, ExportConfig)
        export(cfg)

    run("cascade=c")
    (written,) = (tmp_path / "outputs" / "exports" / "c-Notes").iterdir()
    assert written.read_text() == "1"
    assert EXPORT_FORMATS.find("my_formats:Notes").help == "The number of stages."
    written.write_text("older")
    run("cascade=c", "overwrite=true")
    assert written.read_text() == "1"
    with pytest.raises(WeeError, match="nowhere is not the folder of a cascade: it has no cascade.json"):
        run("cascade=nowhere")
    cascade_folder(tmp_path / "other", [Made(8, 1)], IntervalRule("msp", []))
    with pytest.raises(WeeError, match="other holds a calibrated cascade, which export does not replace"):
        run("cascade=c", "output=other", "overwrite=true")
    assert [path.name for path in (tmp_path / "outputs" / "exports").iterdir()] == ["c-Notes"]


def test_nothing_is_left_of_an_export_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cascade_folder(tmp_path / "c", [Made(8, 0)], IntervalRule("msp", []))

    def fail(*arguments: Any) -> Any:
        raise WeeError("it differs")

    monkeypatch.setattr(Onnx, "packages", ())
    monkeypatch.setattr(Onnx, "write", fail)
    cfg = composed("export", "cascade=c")
    assert isinstance(cfg, ExportConfig)
    with pytest.raises(WeeError, match="it differs"):
        export(cfg)
    assert not list((tmp_path / "outputs" / "exports").iterdir())
