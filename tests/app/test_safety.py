"""Configs run no code, and aliases of aliases do not fill the memory."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.helpers.command_line import Wee
from wee.app.safety import check_configs, check_hydra, check_plugin_values
from wee.commands import find_command
from wee.errors import WeeError


@pytest.mark.parametrize(
    ("hydra", "message"),
    [
        ({"callbacks": {"x": {"_target_": "os.system"}}}, "hydra.callbacks.x would run os.system"),
        ({"callbacks": "${a}"}, r"hydra.callbacks is \${a}, which may run code"),
        ({"callbacks": ["os.system"]}, "hydra.callbacks is .*, which may run code"),
        ({"job_logging": "${a}"}, r"hydra.job_logging would run \${a}"),
        ({"job_logging": {"handlers": {"x": {"class": "subprocess.Popen"}}}}, "handlers.x.class would run subprocess.Popen"),
        ({"hydra_logging": {"handlers": {"x": {"()": "os.system"}}}}, "would run os.system"),
        ({"job_logging": {"handlers": {"x": {"class": "logging.config.listen"}}}}, "would run logging.config.listen"),
        ({"job_logging": {"handlers": {"x": {"class": "wee.app.submission.subprocess.Popen"}}}}, "would run wee.app"),
        ({"job_logging": {"handlers": {"x": "${hydra.launcher.x}"}}}, "handlers.x would run"),
        ({"job_logging": {"handlers": {"x": "${oc.create:'{}'}"}}}, "handlers.x would run"),
        ({"job_logging": {"filters": {"x": {"a": "ext://os.environ"}}}}, "would run ext://os.environ"),
    ],
)  # fmt: skip
def test_code_is_refused(hydra: dict[str, object], message: str) -> None:
    with pytest.raises(WeeError, match=message):
        check_hydra(hydra)


def test_handlers_of_logging_are_accepted() -> None:
    handlers = {
        "a": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"},
        "b": {"class": "wee.app.console.LogFile"},
    }
    check_hydra({"callbacks": {}, "job_logging": {"handlers": handlers}})


def test_a_folder_of_configs(tmp_path: Path) -> None:
    find_command("families").register()
    (tmp_path / "family").mkdir()
    file = tmp_path / "family" / "mine.yaml"
    file.write_text("name: mine\nscales: {s1: {model: resnet18, input_size: 32}}\n")
    check_configs("families", ["family=mine"], [tmp_path])
    check_configs("families", ["hydra.verbose=true"], [])
    lines = ["a: &a [1,1,1,1,1,1,1,1,1]"]
    lines += [f"{chr(98 + k)}: &{chr(98 + k)} [{','.join(['*' + chr(97 + k)] * 9)}]" for k in range(9)]
    file.write_text("\n".join(lines))
    with pytest.raises(WeeError, match="has more than 100,000 values"):
        check_configs("families", [], [tmp_path])
    file.unlink()
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(
        "# @package _global_\nhydra: {callbacks: {x: {_target_: os.system}}}\n"
    )
    with pytest.raises(WeeError, match="would run os.system"):
        check_configs("families", ["+experiment=mine"], [tmp_path])


NESTED = {
    "launcher": "hydra: {launcher: {additional_parameters: {x: {_target_: shutil.copy, src: secret, dst: copied}}}}",
    "list": "hydra: {launcher: {additional_parameters: {x: [{_target_: shutil.copy, src: secret, dst: copied}]}}}",
    "sweeper": "hydra: {sweeper: {params: {x: {_target_: shutil.copy, src: secret, dst: copied}}}}",
    "interpolation": "hydra: {sweeper: {params: '${hydra.job.env_set}'}, job: {env_set: {_target_: shutil.copy}}}",
    "resolver": "hydra: {sweeper: {params: {x: \"${oc.create:'{_target_: shutil.copy, src: secret, dst: copied}'}\"}}}",
}
"""Configs of launchers and sweepers inside which Hydra 1.3.8 would call a function."""


@pytest.mark.parametrize("content", NESTED.values(), ids=NESTED)
def test_targets_inside_launchers_and_sweepers_are_refused(wee: Wee, tmp_path: Path, content: str) -> None:
    (tmp_path / "secret").touch()
    (tmp_path / "configs" / "experiment").mkdir(parents=True)
    defaults = "# @package _global_\ndefaults: [{override /hydra/launcher: submitit_slurm}]\n"
    (tmp_path / "configs" / "experiment" / "mine.yaml").write_text(f"{defaults}{content}\n")
    done = wee("families", "-m", "--config-dir=configs", "+experiment=mine", "family=tiny,resnet", cwd=tmp_path, code=1)
    assert re.search(r"^wee families: hydra\.(launcher|sweeper)\..* would run shutil\.copy: configs", done.stderr)
    assert not (tmp_path / "copied").exists()


def test_another_class_in_place_of_a_launcher_is_refused(wee: Wee, tmp_path: Path) -> None:
    """Hydra itself refuses it; should a version not do so, this test fails."""
    (tmp_path / "secret").touch()
    (tmp_path / "configs" / "hydra" / "launcher").mkdir(parents=True)
    (tmp_path / "configs" / "hydra" / "launcher" / "mine.yaml").write_text(
        "{_target_: shutil.copy, src: secret, dst: copied}\n"
    )
    wee("families", "-m", "--config-dir=configs", "hydra/launcher=mine", "family=tiny,resnet", cwd=tmp_path, code=1)
    assert not (tmp_path / "copied").exists()


@pytest.mark.parametrize("part", ["launcher", "sweeper"])
def test_a_target_that_is_known_only_at_run_time_is_refused(wee: Wee, tmp_path: Path, part: str) -> None:
    """When configs are checked first, `hydra.mode` is not set, and so the interpolation leads to nothing."""
    (tmp_path / "cfg" / "experiment").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    place = "additional_parameters" if part == "launcher" else "params"
    leads = "${oc.select:${oc.select:hydra.job.env_set.m_${hydra.mode},hydra.nope}}"
    hidden = "{m_RunMode: {MULTIRUN: hydra.job.env_set.call}, call: {_target_: shutil.copy, src: secret, dst: copied}}"
    (tmp_path / "cfg" / "experiment" / "mine.yaml").write_text(
        f"# @package _global_\nhydra:\n  job: {{env_set: {hidden}}}\n  {part}: {{{place}: {{x: '{leads}'}}}}\n"
    )
    launcher = ["hydra/launcher=submitit_local"] if part == "launcher" else []
    done = wee("families", "-m", "--config-dir=cfg", "+experiment=mine", *launcher, cwd=tmp_path, code=1)
    assert "would run shutil.copy: configs of wee are values" in done.stderr
    assert not (tmp_path / "copied").exists()


def test_what_is_left_to_resolve_is_refused() -> None:
    with pytest.raises(WeeError, match=r"has '\$\{HOME\}' for 0: write variables of the shell without braces"):
        check_plugin_values({"_target_": "x.Launcher", "setup": ["${HOME}"]})
    check_plugin_values({"_target_": "x.Launcher", "setup": ["export A=$HOME"], "n": 1})
