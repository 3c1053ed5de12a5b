"""Configs run no code, and aliases of aliases do not fill the memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from wee.app.safety import check_configs, check_hydra
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
