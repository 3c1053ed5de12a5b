"""The whole path from the command line: what is done is skipped, what is killed goes on, what is damaged is told."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.helpers.command_line import QUICK, SMALL, Wee, last_report
from wee.data.splits import TEST, VAL, SplitName
from wee.store import LogitStore
from wee.store.entry import Address

SCALES = ("scale=[s1,s2]",)
OOD_IMAGES = 10266 + 10240


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained folder that a test may spoil."""
    shutil.copytree(trained / "outputs", tmp_path / "outputs")
    return tmp_path


def test_the_first_run_does_everything(trained: Path) -> None:
    train, evaluate = last_report(trained, "train"), last_report(trained, "evaluate")
    assert train["steps"] == 4 * 12
    assert len(train["trained"]) == 4
    assert evaluate["images"] == 4 * (300 + 300 + OOD_IMAGES)
    assert len(evaluate["recorded"]) == 16


def test_a_second_run_does_nothing(folder: Path, wee: Wee) -> None:
    """Not one training step, not one forward pass."""
    wee("train", *SCALES, *SMALL, *QUICK, cwd=folder)
    wee("evaluate", *SCALES, *SMALL, *QUICK, cwd=folder)
    assert last_report(folder, "train") == {"trained": [], "already_there": 4, "steps": 0, "failures": []}
    assert last_report(folder, "evaluate") == {
        "recorded": {}, "already_there": 16, "images": 0, "costs_added": 0, "failures": [],
    }  # fmt: skip
    assert "0 trained (0 steps), 4 were there already" in wee("train", *SCALES, *SMALL, *QUICK, cwd=folder).stderr


def test_a_changed_key_runs_what_depends_on_it(folder: Path, wee: Wee) -> None:
    one = ("scale=s1", "member=0", *SMALL, "trainer.batch_size=64")
    wee("train", *one, "trainer.steps=13", cwd=folder)
    assert last_report(folder, "train")["steps"] == 13
    wee("evaluate", *one, "trainer.steps=13", "ood=none", cwd=folder)
    assert last_report(folder, "evaluate")["images"] == 600  # other weights: new entries
    wee("evaluate", *one, "trainer.steps=12", "ood=none", "dataset.mean=0.4", cwd=folder, code=1)  # nobody trained that
    wee("evaluate", *one, "trainer.steps=12", "ood=none", "precision=bf16-mixed", cwd=folder)
    assert last_report(folder, "evaluate")["images"] == 600  # another precision: new entries
    wee("evaluate", *one, "trainer.steps=12", "ood=photos", "ood.photos.draws=1", cwd=folder)
    assert last_report(folder, "evaluate") == {
        "recorded": {"tiny/s1 member 0 on ood-photos": 320}, "already_there": 2, "images": 320, "costs_added": 0,
        "failures": [],
    }  # fmt: skip
    told = wee("sweep", *SMALL, "scale=s1", "ood=none", cwd=folder, code=1).stderr
    assert "3 entries fit digits/tiny/s1/member 0/val" in told
    other = wee("sweep", "scale=s1", "ood=none", cwd=folder, code=1).stderr
    assert "(3 of that name are there, but of other samples or another architecture)" in other
    assert "pick=" in told
    assert "Traceback" not in told


def test_a_changed_checkpoint_is_a_new_entry(folder: Path, wee: Wee) -> None:
    from safetensors.torch import load_file, save_file

    (path,) = (folder / "outputs" / "checkpoints" / "digits" / "tiny" / "s1").glob("0-*/weights.safetensors")
    save_file({name: tensor * 2 for name, tensor in load_file(path).items()}, path)
    told = wee("evaluate", "scale=s1", "member=0", "ood=none", *SMALL, *QUICK, cwd=folder).stderr
    assert "has changed since it was written" in told
    assert last_report(folder, "evaluate")["images"] == 600
    assert len(LogitStore(folder / "outputs" / "store").find(Address("digits", "tiny", "s1", 0, VAL))) == 2


def test_members_of_different_recipes_are_not_mixed_unawares(folder: Path, wee: Wee) -> None:
    other = ("scale=s1", *SMALL, "trainer.batch_size=64", "trainer.steps=3", "ood=none")
    train = [one for one in other if one != "ood=none"]
    wee("train", "member=0", *train, cwd=folder)
    wee("evaluate", "member=0", *other, cwd=folder)
    told = wee("sweep", *SMALL, "scale=s1", "ood=none", "policy=paper", cwd=folder, code=1).stderr
    recipe = told.split("for instance pick=")[1].split(",")[0]
    refused = wee("sweep", *SMALL, "scale=s1", "ood=none", "policy=paper", f"pick={recipe}", cwd=folder, code=1).stderr
    assert "chooses a training recipe, but digits/tiny/s1/member 1/" in refused
    mixed = wee("sweep", *SMALL, "scale=s1", "ood=none", "policy=paper", "pick=newest", cwd=folder).stderr
    assert "these members were trained by 2 different recipes" in mixed


def test_a_damaged_sweep_is_made_again(folder: Path, wee: Wee) -> None:
    command = ("sweep", *SMALL, "scale=s1", "ood=none", "policy=paper")
    first = wee(*command, cwd=folder)
    (table,) = (folder / "outputs" / "sweeps").rglob("table.csv")
    table.write_text(table.read_text()[:2000])
    again = wee(*command, cwd=folder)
    assert "is damaged; it is set aside" in again.stderr
    assert again.stdout == first.stdout


def test_one_member_that_fails_stops_no_other(folder: Path, wee: Wee) -> None:
    """Whatever it fails with: a transformer of another input size raises inside timm."""
    bad = ("+family.scales.bad.model=test_vit", "+family.scales.bad.input_size=24", "scale=[bad,s1]", "member=0")
    done = wee("train", *bad, *SMALL, "trainer.steps=2", cwd=folder, code=1)
    assert "failed: tiny/bad member 0" in done.stderr
    assert last_report(folder, "train")["trained"] == ["tiny/s1 member 0"]


def test_the_store_says_what_made_an_entry(trained: Path) -> None:
    (entry,) = LogitStore(trained / "outputs" / "store").find(Address("digits", "tiny", "s2", 1, TEST))
    entry.verify()
    assert entry.manifest["cost"]["macs"] == 194_960
    made = entry.manifest["provenance"]
    assert made["command"].startswith("wee evaluate dataset=digits family=tiny ")
    assert {"scale=s2", "member=1"} <= set(made["command"].split())
    assert "trainer.steps=12" in made["command"]
    assert made["versions"]["torch"]
    assert entry.logits.shape == (300, 8)
    assert len(np.unique(entry.groups)) == 60
    labels = (
        LogitStore(trained / "outputs" / "store")
        .find(Address("digits", "tiny", "s2", 1, SplitName.ood("digits_heldout")))[0]
        .labels
    )
    assert set(np.asarray(labels).tolist()) == {-1}


def test_a_flipped_byte_is_told_and_made_again(folder: Path, wee: Wee) -> None:
    (entry,) = LogitStore(folder / "outputs" / "store").find(Address("digits", "tiny", "s1", 0, TEST))
    before = np.array(entry.logits)
    content = bytearray((entry.folder / "logits.npy").read_bytes())
    content[1000] ^= 4
    (entry.folder / "logits.npy").write_bytes(content)

    told = wee("sweep", *SMALL, *SCALES, cwd=folder, code=1).stderr
    assert "is damaged: in logits.npy, bytes 0 to" in told
    again = told.split("Make it again: ")[1].strip()
    assert again == entry.manifest["provenance"]["command"]

    import shlex

    repaired = wee(*shlex.split(again)[1:], cwd=folder)
    assert "set aside" in repaired.stderr
    assert last_report(folder, "evaluate")["images"] == 300
    (entry,) = LogitStore(folder / "outputs" / "store").find(Address("digits", "tiny", "s1", 0, TEST))
    np.testing.assert_allclose(entry.logits, before, rtol=1e-5, atol=1e-5)
    wee("sweep", *SMALL, *SCALES, cwd=folder)


KILL = """
import os, signal, sys
import wee.store.writer as w
save, pieces = w.np.savez, []
def savez(file, **arrays):
    if len(pieces) == 3:
        file.write(b"PK half"); file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    pieces.append(len(arrays["index"]))
    save(file, **arrays)
w.np.savez = savez
from wee.cli import main
main()
"""


def test_a_killed_evaluation_goes_on(folder: Path, wee: Wee) -> None:
    shutil.rmtree(folder / "outputs" / "store")
    command = ("evaluate", "scale=s1", "member=0", "ood=none", "piece_samples=50", "batch_size=50", *SMALL, *QUICK)
    done = wee(*command, cwd=folder, script=KILL, code=None)
    assert done.returncode == -9
    again = wee(*command, cwd=folder)
    assert "found 150 of 300 samples from an interrupted run; going on with the other 150" in again.stderr
    assert "half-written" in again.stderr
    assert last_report(folder, "evaluate")["recorded"] == {
        "tiny/s1 member 0 on val": 150,
        "tiny/s1 member 0 on test": 300,
    }


def test_interrupted_and_uninterrupted_logits_are_the_same(trained: Path, folder: Path, wee: Wee) -> None:
    shutil.rmtree(folder / "outputs" / "store")
    command = ("evaluate", "scale=s1", "member=0", "ood=none", "piece_samples=50", "batch_size=50", *SMALL, *QUICK)
    wee(*command, cwd=folder, script=KILL, code=None)
    wee(*command, cwd=folder)
    address = Address("digits", "tiny", "s1", 0, VAL)
    (whole,), (mended,) = (LogitStore(root / "outputs" / "store").find(address) for root in (trained, folder))
    assert whole.key == mended.key
    np.testing.assert_allclose(mended.logits, whole.logits, rtol=1e-4, atol=1e-5)
    assert (mended.ids == whole.ids).all()


def test_two_processes_share_the_work(folder: Path) -> None:
    shutil.rmtree(folder / "outputs" / "store")
    command = [sys.executable, "-m", "wee", "evaluate", *SCALES, "ood=none", "runtime.threads=1", *SMALL, *QUICK]
    processes = [
        subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = [process.communicate(timeout=200)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    reports = [json.loads(path.read_text()) for path in (folder / "outputs/runs/evaluate").rglob("report.json")]
    recorded = [name for report in reports for name in report["recorded"] if report["images"] <= 8 * 300]
    assert sorted(recorded) == sorted(set(recorded))
    assert len(recorded) == 8


def test_a_sweep_and_its_figure(folder: Path, wee: Wee) -> None:
    first = wee(
        "sweep", *SMALL, *SCALES, "window.width=[0,0.2,all]", "task.names=[cov@20,risk@50]", "name=t", cwd=folder
    )
    assert "window 0.2" in first.stdout
    again = wee(
        "sweep", *SMALL, *SCALES, "window.width=[0,0.2,all]", "task.names=[cov@20,risk@50]", "name=t", cwd=folder
    )
    assert "there already" in again.stderr
    assert again.stdout == first.stdout
    (table,) = (folder / "outputs" / "sweeps" / "t").glob("*/table.csv")
    assert {"dataset", "tau", "ood", "adjusted", "macs", "eval_score", "value"} <= set(pd.read_csv(table).columns)
    assert {"hypervolume", "ref_macs", "ref_value"} <= set(pd.read_csv(table.with_name("fronts.csv")).columns)

    wee("figure", "sweeps=t", "name=drawn", "figure.panels=[cov@20,risk@50]", cwd=folder)
    figures = folder / "outputs" / "figures"
    assert (figures / "drawn.pdf").read_bytes().startswith(b"%PDF")
    with Image.open(figures / "drawn.png") as picture:
        assert picture.width > 900
    assert len(pd.read_csv(figures / "drawn.csv")) == 2 * 3 * 2


def test_a_sweep_opens_no_model_and_no_image(folder: Path, wee: Wee) -> None:
    script = (
        "import atexit, sys\n"
        "names = ('timm', 'lightning', 'sklearn', 'PIL', 'fvcore', 'wee.models.build', 'wee.data.base')\n"
        "atexit.register(lambda: sys.stderr.write('HEAVY:' + ','.join(n for n in names if n in sys.modules)))\n"
        "from wee.cli import main; main()"
    )
    done = wee("sweep", *SMALL, *SCALES, "policy=paper", cwd=folder, script=script)
    assert done.stderr.endswith("HEAVY:")


def test_a_multirun_goes_on_after_failures(folder: Path, wee: Wee) -> None:
    done = wee("sweep", "-m", *SMALL, *SCALES, "policy=paper", "family=tiny,nosuch", "score=msp,energy", "window.width=0.2,1.5",
        cwd=folder, code=1,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    for failure in ("there is no family 'nosuch'", "window.width is 1.5"):
        assert done.stderr.count(failure) >= 4  # told when it happens, and once more at the end
    assert "6 of 8 jobs failed; the same command runs them again, and skips what is done." in done.stderr
    assert len(list((folder / "outputs" / "sweeps" / "digits-tiny").iterdir())) == 2


def test_a_job_that_fails_at_work_stops_no_other(folder: Path, wee: Wee) -> None:
    done = wee("sweep", "-m", *SMALL, "policy=paper", "scale=s5,s1", cwd=folder, code=1)
    assert done.stderr.count("8 entries are not in outputs/store") == 2
    assert "1 of 2 jobs failed" in done.stderr
    assert len(list((folder / "outputs" / "sweeps" / "digits-tiny").iterdir())) == 1


def test_figures_read_the_tables_of_a_multirun(folder: Path, wee: Wee) -> None:
    wee("sweep", "-m", *SMALL, "policy=paper", "scale=s1,s2", "task.names=[cov@20]", "name=both", cwd=folder)
    wee("figure", "sweeps=outputs/sweeps/both/*", "figure.panels=[cov@20]", cwd=folder)
    each = [
        "sweeps=outputs/sweeps/both/*",
        "name=${hydra:runtime.choices.figure}-${hydra:job.num}",
        "figure.panels=[cov@20]",
    ]
    wee("figure", "-m", "figure.formats=[png],[svg]", *each, cwd=folder)
    drawn = {path.name for path in (folder / "outputs" / "figures").glob("sc-*[gv]")} - {"sc.csv"}
    assert {"sc-0-0.png", "sc-1-1.svg"} <= drawn
    assert set(pd.read_csv(folder / "outputs" / "figures" / "sc.csv").scale) == {"s1", "s2"}


def test_a_familys_new_scale_is_an_override(folder: Path, wee: Wee) -> None:
    new = ("+family.scales.mine.model=test_resnet", "+family.scales.mine.input_size=32", "scale=mine", "member=0")
    wee("train", *new, *SMALL, "trainer.steps=2", "trainer.batch_size=16", cwd=folder)
    wee("evaluate", *new, *SMALL, "trainer.steps=2", "trainer.batch_size=16", "ood=none", cwd=folder)
    assert last_report(folder, "evaluate")["images"] == 600
