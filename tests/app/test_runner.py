"""What a job knows of the multirun that it belongs to."""

from __future__ import annotations

import pytest
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf

from wee.app import command as runner
from wee.app.command import jobs_at_once

JOBLIB = "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"


@pytest.mark.parametrize(
    ("mode", "launcher", "expected"),
    [
        (RunMode.MULTIRUN, {"_target_": JOBLIB, "n_jobs": 3}, 3),
        (RunMode.MULTIRUN, {"_target_": JOBLIB, "n_jobs": -1}, 8),
        (RunMode.MULTIRUN, {"_target_": JOBLIB, "n_jobs": -2}, 7),
        (RunMode.MULTIRUN, {"_target_": JOBLIB, "n_jobs": None}, 1),
        (RunMode.MULTIRUN, {"_target_": "hydra._internal.core_plugins.basic_launcher.BasicLauncher"}, 1),
        (RunMode.RUN, {"_target_": JOBLIB, "n_jobs": 3}, 1),
    ],
)
def test_jobs_of_the_joblib_launcher_run_at_once(
    monkeypatch: pytest.MonkeyPatch, mode: RunMode, launcher: dict[str, object], expected: int
) -> None:
    config = OmegaConf.create({"mode": mode, "launcher": launcher})
    monkeypatch.setattr(HydraConfig, "initialized", lambda: True)
    monkeypatch.setattr(HydraConfig, "get", lambda: config)
    monkeypatch.setattr(runner, "processors", lambda: 8)
    assert jobs_at_once() == expected


def test_outside_hydra_there_is_one_job() -> None:
    assert jobs_at_once() == 1
