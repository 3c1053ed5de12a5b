"""Launchers on this machine, what jobs ask for, and messages."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra import compose
from omegaconf import OmegaConf

from tests.helpers.command_line import Wee
from wee.app import launching
from wee.app.hydra_compat import composing
from wee.app.launching import LAUNCHERS, Resources, Slot, check_extra, check_launcher, resources, slots
from wee.app.paths import conf_dir
from wee.app.safety import composed
from wee.commands import find_command
from wee.errors import WeeError

PRESETS = conf_dir() / "hydra" / "launcher"
GROUP = "hydra/launcher="


def test_there_is_a_preset_for_every_launcher_with_its_keys_and_defaults() -> None:
    assert {file.stem for file in PRESETS.glob("*.yaml")} == set(LAUNCHERS)
    for name, config in LAUNCHERS.items():
        preset = OmegaConf.to_container(OmegaConf.load(PRESETS / f"{name}.yaml"))
        assert isinstance(preset, dict)
        del preset["_target_"]
        defaults = OmegaConf.to_container(OmegaConf.structured(config))
        assert preset == defaults


def check(overrides: Sequence[str], multirun: bool, *folders: Path) -> None:
    find_command("sweep").register()
    check_launcher(overrides, multirun, lambda given: composed("sweep", given, folders))


def test_a_launcher_needs_a_multirun() -> None:
    with pytest.raises(WeeError, match="hydra/launcher=joblib is for the jobs of a multirun: add -m"):
        check(["hydra/launcher=joblib"], False)
    with pytest.raises(WeeError, match="hydra/launcher=joblib is for the jobs of a multirun: add -m"):
        check(["hydra/launcher=joblib", "hydra.mode=RUN"], False)
    check(["hydra/launcher=joblib"], True)
    check(["hydra/launcher=basic"], False)
    check(["hydra/launcher=submitit_slurm", "hydra.mode=MULTIRUN"], False)
    check(["hydra/launcher=submitit_slurm", "hydra.mode=RUN"], True)  # the flag counts


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    """A folder with an experiment that chooses a launcher, and one that asks for a multirun, too."""
    folder = tmp_path / "configs" / "experiment"
    folder.mkdir(parents=True)
    choice = "# @package _global_\ndefaults: [{override /hydra/launcher: joblib}]\n"
    (folder / "chooses.yaml").write_text(choice)
    (folder / "multirun.yaml").write_text(f"{choice}hydra: {{mode: MULTIRUN}}\n")
    return folder.parent


def test_a_config_file_may_choose_the_launcher_and_the_mode(configs: Path) -> None:
    check(["+experiment=chooses", "hydra.launcher.n_jobs=2"], True, configs)
    check(["+experiment=multirun", "hydra.launcher.n_jobs=2"], False, configs)
    check(["+experiment=chooses"], False, configs)
    with pytest.raises(WeeError, match="hydra.launcher.n_jobs is for the jobs of a multirun: add -m"):
        check(["+experiment=chooses", "hydra.launcher.n_jobs=2"], False, configs)
    with pytest.raises(WeeError, match="hydra.launcher.n_jobs is for the jobs of a multirun: add -m"):
        check(["+experiment=multirun", "hydra.mode=RUN", "hydra.launcher.n_jobs=2"], False, configs)
    with pytest.raises(WeeError, match="no key 'n_job' of hydra/launcher=joblib"):
        check(["+experiment=chooses", "hydra.launcher.n_job=2"], True, configs)


def test_a_launcher_of_a_config_file_takes_its_keys_on_the_command_line(wee: Wee, configs: Path) -> None:
    sweep = ("sweep", f"--config-dir={configs}", "+experiment=chooses", "policy=paper,threshold")
    done = wee(*sweep, "-m", "hydra.launcher.n_job=2", cwd=configs.parent, code=1)
    assert done.stderr.startswith("wee sweep: there is no key 'n_job' of hydra/launcher=joblib")
    done = wee(*sweep, "-m", "hydra.launcher.n_jobs=1", cwd=configs.parent, code=1)
    assert "1 at once" in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["hydra/launcher=submitit_slurm", "hydra.launcher.partitoin=gpu"], "no key 'partitoin' .*'partition'"),
        (["hydra/launcher=submitit_slurm", "+hydra.launcher.partitoin=gpu"], "no key 'partitoin' .*'partition'"),
        (["hydra/launcher=joblib", "hydra.launcher.timeout_min=3"], "no key 'timeout_min' of hydra/launcher=joblib"),
        (["hydra.launcher.partition=gpu"], "no launcher is chosen; it is a key of hydra/launcher=submitit_slurm"),
        (["hydra.launcher.nonsense=1"], "no launcher is chosen. Known: hydra/launcher=joblib"),
    ],
)
def test_keys_of_launchers_are_checked(overrides: list[str], message: str) -> None:
    with pytest.raises(WeeError, match=message):
        check(overrides, True)


def test_keys_below_a_key_and_launchers_of_others_are_left_alone() -> None:
    check(["hydra/launcher=submitit_slurm", "+hydra.launcher.additional_parameters.hold=true"], True)
    check(["hydra/launcher=ray", "hydra.launcher.ray.init=1"], True)


def test_a_value_of_the_wrong_type_is_one_message(wee: Wee, tmp_path: Path) -> None:
    train = ("train", "-m", "hydra/launcher=submitit_slurm", "scale=s1,s2")
    done = wee(*train, "hydra.launcher.timeout_min=soon", cwd=tmp_path, code=1)
    assert "hydra.launcher.timeout_min: Value 'soon'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    with pytest.raises(WeeError, match="signal_delay_s is 120: it must be less than the time limit of 60 s"):
        LAUNCHERS["submitit_slurm"](timeout_min=1)


def test_a_missing_extra_is_one_message_before_any_work(wee: Wee, tmp_path: Path) -> None:
    hides = (
        "import importlib.util as util, sys\nfind = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if 'submitit' in name else find(name, *more)\n"
        "sys.argv[0] = 'wee'\nfrom wee.cli import main\nmain()\n"
    )
    train = ("train", "-m", "hydra/launcher=submitit_slurm", "scale=s1,s2")
    done = wee(*train, cwd=tmp_path, code=1, script=hides)
    assert done.stderr.splitlines() == [
        "wee train: hydra/launcher=submitit_slurm needs packages that are not installed: pip install 'wee[cluster]'"
    ]
    assert not (tmp_path / "outputs").exists()


def test_the_check_of_the_extra() -> None:
    check_extra("joblib", "json")
    for missing in ("no_such_package", "no_such_package.inside"):
        with pytest.raises(WeeError, match=r"pip install 'wee\[cluster\]'"):
            check_extra("joblib", "json", missing)


@pytest.mark.parametrize(
    ("command", "overrides", "expected"),
    [
        ("train", [], Resources(gpus=1)),
        ("train", ["runtime.accelerator=cpu"], Resources()),
        ("evaluate", ["runtime.devices=4", "runtime.num_nodes=2"], Resources(nodes=2, tasks=4, gpus=4)),
        ("evaluate", ["runtime.devices=[1,2]", "runtime.workers=3"], Resources(tasks=2, gpus=2, cores=7)),
        ("train", ["runtime.devices=auto"], Resources(gpus=1)),
        ("train", ["runtime.devices=2", "runtime.accelerator=cpu"], Resources(tasks=2, cores=2)),
        ("predict", ["cascade=c", "images=i", "runtime.threads=2"], Resources(gpus=1, cores=2)),
        ("latency", [], Resources(gpus=1)),
        ("latency", ["device=cpu"], Resources()),
        ("sweep", [], Resources()),
        ("sweep", ["runtime.threads=8"], Resources(cores=8)),
        ("calibrate", ["target=50"], Resources()),
        ("figure", ["sweeps=s"], Resources()),
    ],
)
def test_what_jobs_of_a_command_ask_for(command: str, overrides: list[str], expected: Resources) -> None:
    found = find_command(command)
    found.register()
    with composing(str(conf_dir())):
        assert resources(compose(command, overrides=overrides), found.networks) == expected


@pytest.mark.parametrize(
    ("wanted", "jobs", "at_once", "gpus", "expected"),
    [
        (Resources(), 10, None, 0, [Slot(8)] * 8),
        (Resources(), 3, None, 0, [Slot(3)] * 3),
        (Resources(), 10, 2, 0, [Slot(2)] * 2),
        (Resources(), 10, -2, 0, [Slot(7)] * 7),
        (Resources(gpus=1), 10, None, 0, [Slot(8)] * 8),
        (Resources(gpus=1), 10, None, 2, [Slot(2, (0,)), Slot(2, (1,))]),
        (Resources(gpus=2, tasks=2), 10, None, 4, [Slot(2, (0, 1)), Slot(2, (2, 3))]),
        (Resources(gpus=1), 10, 3, 2, [Slot(3, (0,)), Slot(3, (1,)), Slot(3, (0,))]),
        (Resources(tasks=4), 10, None, 0, [Slot(2)] * 2),
    ],
)
def test_a_machine_is_divided_between_jobs(
    monkeypatch: pytest.MonkeyPatch,
    wanted: Resources,
    jobs: int,
    at_once: int | None,
    gpus: int,
    expected: list[Slot],
) -> None:
    monkeypatch.setattr(launching, "processors", lambda: 8)
    monkeypatch.setattr(launching, "_gpus", lambda: gpus)
    assert slots(wanted, jobs, at_once) == expected


def test_a_slot_tells_its_job_its_share() -> None:
    assert Slot(3).variables() == {"WEE_JOBS_AT_ONCE": "3"}
    assert Slot(2, (2, 3)).variables() == {"WEE_JOBS_AT_ONCE": "2", "CUDA_VISIBLE_DEVICES": "2,3"}


def test_every_key_of_the_launchers_is_documented() -> None:
    for config in LAUNCHERS.values():
        documented = " ".join(base.__doc__ or "" for base in config.__mro__ if dataclasses.is_dataclass(base))
        undocumented: list[Any] = [one.name for one in dataclasses.fields(config) if f"{one.name}:" not in documented]
        assert set(undocumented) <= SBATCH, config


SBATCH = {
    "partition", "account", "qos", "constraint", "exclude", "nodelist", "gres", "gpus_per_task", "cpus_per_gpu",
    "mem_per_cpu", "mem_per_gpu", "comment",
}  # fmt: skip
"""Keys that are options of sbatch, which documents them."""


def test_jobs_use_the_gpus_that_this_process_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-abc")
    assert Slot(2, (1,)).variables()["CUDA_VISIBLE_DEVICES"] == "GPU-abc"
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert Slot(2, (1,)).variables()["CUDA_VISIBLE_DEVICES"] == "1"
