"""The command line as its users meet it: help, completion, errors, multiruns."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.helpers.command_line import Wee
from wee.app.keys import schema_keys
from wee.commands import COMMANDS, find_command
from wee.data.kinds import config_of


def test_the_front_lists_the_stages(tmp_path: Path, wee: Wee) -> None:
    for arguments in ([], ["--help"]):
        told = wee(*arguments, cwd=tmp_path).stdout
        assert all(name in told for name in COMMANDS)


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS), ["sweep", "--cfg", "job"]])
def test_help_imports_nothing_heavy(tmp_path: Path, arguments: list[str]) -> None:
    heavy = ["torch", "lightning", "timm", "pandas", "matplotlib", "sklearn", "numpy"]
    heavy = heavy[:-1] if arguments[0] != "--help" else heavy
    script = (
        "import atexit, sys\n"
        f"atexit.register(lambda: sys.stderr.write('HEAVY:' + ','.join(m for m in {heavy!r} if m in sys.modules)))\n"
        "from wee.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stderr.endswith("HEAVY:")


def test_help_describes_the_choices(tmp_path: Path, wee: Wee) -> None:
    told = wee("sweep", "--help", "window.width=0.3", cwd=tmp_path).stdout
    assert "* paper" in told
    assert "Every width of the paper's comparison" in told


def test_help_says_what_every_key_means(tmp_path: Path, wee: Wee) -> None:
    overrides = ["window.width=0.3", "dataset.name=mine", "ood=photos", "shift=corrupted"]
    told = wee("sweep", "--help", *overrides, cwd=tmp_path).stdout
    shown = told.partition("what it means:\n")[2].partition("\nwee sweep -m")[0]
    config = yaml.safe_load(shown)
    assert config == yaml.safe_load(wee("sweep", "--cfg", "job", *overrides, cwd=tmp_path).stdout)
    assert config["window"] == {"width": 0.3}
    comments = [line.partition("# ")[2] for line in shown.splitlines() if "# " in line]
    words = " ".join(comments)
    for key in schema_keys(find_command("sweep").root):
        assert key.text in words, key.name
    parts = {"dataset": config["dataset"], "ood.photos": config["ood"]["photos"]}
    for part, given in {**parts, "shift.corrupted": config["shift"]["corrupted"]}.items():
        texts = {key.name: key.text for key in schema_keys(config_of(given["kind"]), part)}
        assert all(texts[f"{part}.{name}"] in words for name in given), part
    lines = [line.split(" #")[0].rstrip() for line in shown.splitlines()]
    assert {"  corruption:", "    occluder: 0.45", "  photos:", "    region: 40"} <= set(lines)


def test_help_shows_a_data_set_of_an_unknown_kind_without_comments(tmp_path: Path, wee: Wee) -> None:
    shown = wee("sweep", "--help", "dataset=stored", "dataset.kind=nosuch", cwd=tmp_path).stdout
    assert "kind: nosuch" in shown


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        (
            "wee ",
            [
                "train",
                "evaluate",
                "import",
                "sweep",
                "best",
                "calibrate",
                "predict",
                "latency",
                "export",
                "figure",
                "explore",
                "families",
                "store",
                "doctor",
                "data",
            ],
        ),
        ("wee store ", ["ls", "verify", "rm", "gc", "share", "export", "import"]),
        ("wee store ls form", ["format="]),
        ("wee sw", ["sweep"]),
        ("wee sweep win", ["window.", "window="]),
        ("wee sweep window=", ["window=grid", "window=paper"]),
        ("wee train trainer.st", ["trainer.steps="]),
    ],
)
def test_completion(tmp_path: Path, line: str, offered: list[str]) -> None:
    environment = {**os.environ, "COMP_LINE": line, "COMP_POINT": str(len(line))}
    command = [sys.executable, "-m", "wee", "-sc", "query=bash"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == offered


def test_the_completion_script_is_for_wee(tmp_path: Path, wee: Wee) -> None:
    assert wee("-sc", "install=bash", cwd=tmp_path).stdout.rstrip().endswith("hydra_bash_completion wee")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["swep"], "wee: there is no command 'swep'; did you mean 'sweep'?"),
        (["sweep", "family=nosuch"], "wee sweep: there is no family 'nosuch'. Known: "),
        (["sweep", "widnow.width=0.2"], "there is no key 'widnow'; did you mean 'window'?"),
        (["sweep", "+widnow.width=0.2"], "there is no key 'widnow'; did you mean 'window'?"),
        (
            ["sweep", "scale=s1", "-m", "--cfg", "job"],
            "wee sweep: -m and --cfg cannot be combined: leave all but one of",
        ),
        (
            ["train", "-m", "hydra/launcher=joblib", "hydra.launcher.n_job=2", "scale=s1,s2"],
            "wee train: there is no key 'n_job' of hydra/launcher=joblib; did you mean 'n_jobs'?",
        ),
        (["sweep", "--resolvee"], "wee sweep: unrecognized arguments: --resolvee. See --help"),
        (["sweep", "--resolve"], "--resolve is used together with --cfg"),
        (["sweep", "window.width=1.5"], "window.width is 1.5: it must be a number in [0, 1]"),
        (
            ["sweep", "scale=[s1,[s1,s2]]"],
            "Lineups of several scales are ensemble.scales=[[s1,s2]]",
        ),
        (["sweep", "scale=s9"], "there is no scale 's9' of family tiny."),
        (["sweep", "task.names=[cov5]"], "there is no task 'cov5'."),
        (["sweep"], "40 entries are not in outputs/store"),
        (["sweep", "scale=s3"], "Make them: wee evaluate dataset=digits family=tiny scale=s3\n"),
        (["evaluate", "scale=s3", "member=1"], "train them: wee train dataset=digits family=tiny scale=s3 member=1\n"),
        (
            ["evaluate"],
            "none of the 10 members is trained with this config; train them: wee train dataset=digits family=tiny\n",
        ),
        (["train", "paths.outputs=/dev/null/x"], "Not a directory"),
        (["sweep", "name="], "name is '': it names a file or folder"),
        (["figure"], "there is no sweep in outputs/sweeps yet; make one: wee sweep"),
        (["train", "trainer.steps=many"], "Value 'many' of type 'str' could not be converted to Integer"),
    ],
)
def test_errors_are_one_clear_message(tmp_path: Path, wee: Wee, arguments: list[str], message: str) -> None:
    done = wee(*arguments, cwd=tmp_path, code=1)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "outputs" / "store").exists()


def test_debugging_shows_the_traceback(tmp_path: Path) -> None:
    environment = {**os.environ, "HYDRA_FULL_ERROR": "1"}
    command = [sys.executable, "-m", "wee", "sweep", "window.width=2"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
