"""MLflow and Weights & Biases: what two members that are trained by one command leave there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.command_line import SMALL, Wee
from tests.helpers.wandb_files import read_run
from wee.errors import WeeError
from wee.lit import loggers
from wee.lit.loggers import MEMBER_TAG, Training

STEPS = 100
RUNS = ["digits tiny/s1 member 0", "digits tiny/s1 member 1"]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the user's own server do not matter here."""
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "WANDB_"))]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, wee: Wee) -> tuple[Path, str]:
    """A folder in which two members were trained by one command, and what the command printed."""
    for package in ("mlflow", "wandb"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("tracked")
    quick = (f"trainer.steps={STEPS}", "trainer.batch_size=16")
    done = wee("train", "logger=[mlflow,wandb]", "scale=s1", "member=[0,1]", *SMALL, *quick, cwd=folder)
    return folder, done.stdout + done.stderr


def final_metrics(folder: Path, member: int) -> dict[str, float]:
    """The validation metrics in a member's description, as they are named in logs."""
    (file,) = (folder / "outputs" / "checkpoints" / "digits" / "tiny" / "s1").glob(f"{member}-*/*.json")
    return {
        f"val/{name.replace('@', '_at_')}": value for name, value in json.loads(file.read_text())["metrics"].items()
    }


def mlflow_runs(uri: str, experiment: str) -> list[Any]:
    """The runs of an experiment, the first one first."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    return list(client.search_runs([found.experiment_id], order_by=["attributes.start_time ASC"]))


def test_mlflow_has_a_run_for_each_member(trained: tuple[Path, str]) -> None:
    from mlflow import MlflowClient

    folder, _ = trained
    uri = f"sqlite:///{folder}/outputs/mlflow.db"
    runs, client = mlflow_runs(uri, "digits-tiny"), MlflowClient(uri)
    assert [run.info.run_name for run in runs] == RUNS
    losses = []
    for member, run in enumerate(runs):
        assert run.info.status == "FINISHED"
        assert run.info.artifact_uri.startswith((folder / "outputs").as_uri())
        assert run.data.params["member"] == str(member)
        assert run.data.params["trainer/steps"] == str(STEPS)
        assert run.data.params["scale"] == "s1"
        curve = client.get_metric_history(run.info.run_id, "train/loss")
        assert [point.step for point in curve] == [49, 99]
        losses.append([point.value for point in curve])
        for name, value in final_metrics(folder, member).items():
            (point,) = client.get_metric_history(run.info.run_id, name)
            assert (point.step, point.value) == (STEPS, pytest.approx(value))
    assert losses[0] != losses[1]


def test_wandb_has_an_offline_run_for_each_member(trained: tuple[Path, str]) -> None:
    folder, _ = trained
    runs = [read_run(file) for file in sorted(folder.glob("outputs/wandb/offline-run-*/run-*.wandb"))]
    runs.sort(key=lambda run: run.name)
    assert [run.name for run in runs] == RUNS
    losses = []
    for member, run in enumerate(runs):
        assert (run.project, run.exit_code) == ("digits-tiny", 0)
        assert run.group.startswith(f"digits/tiny/s1/{member}-")
        assert run.config["member"] == member
        assert run.config["trainer"]["steps"] == STEPS
        curve = [row for row in run.history if "train/loss" in row]
        assert [row["trainer/global_step"] for row in curve] == [49, 99]
        losses.append([row["train/loss"] for row in curve])
        (last,) = (row for row in run.history if "val/accuracy" in row)
        assert last["trainer/global_step"] == STEPS
        for name, value in final_metrics(folder, member).items():
            assert last[name] == pytest.approx(value)
    assert losses[0] != losses[1]


def test_the_terminal_shows_only_what_wee_says(trained: tuple[Path, str]) -> None:
    folder, told = trained
    assert [line.split(" in ")[0] for line in told.splitlines()] == [
        "trained tiny/s1 member 0 (1 of 2)",
        "trained tiny/s1 member 1 (2 of 2)",
        "2 trained (200 steps), 0 were there already;",
    ]
    assert [path.name for path in folder.iterdir()] == ["outputs"]


def mlflow_config(folder: Path) -> dict[str, Any]:
    return {"mlflow": {"tracking_uri": f"sqlite:///{folder}/new/mlflow.db", "experiment_name": "curves"}}


def test_an_interrupted_training_goes_on_in_its_mlflow_run(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    config = mlflow_config(tmp_path)
    loggers.prepare(config)

    def record(member: str, step: int, resumed: bool, status: str) -> str:
        training = Training(f"run of {member}", member, tmp_path / "logs", {"member": member}, resumed)
        with loggers.recording(config, training) as (logger,):
            logger.log_metrics({"loss": 1 / step}, step)
            logger.finalize(status)
        return str(logger.run_id)

    first = record("0-abc", 1, resumed=False, status="failed")
    other = record("1-abc", 1, resumed=False, status="failed")
    assert record("0-abc", 2, resumed=True, status="success") == first
    assert record("2-abc", 1, resumed=True, status="success") not in (first, other)  # was recorded elsewhere before
    assert record("0-abc", 1, resumed=False, status="success") != first  # trained again from its first step
    runs = mlflow_runs(config["mlflow"]["tracking_uri"], "curves")
    assert [run.data.tags[MEMBER_TAG] for run in runs] == ["0-abc", "1-abc", "2-abc", "0-abc"]
    assert [run.info.status for run in runs] == ["FINISHED", "FAILED", "FINISHED", "FINISHED"]
    assert runs[0].data.metrics == {"loss": 0.5}


def test_processes_that_start_at_once_create_one_database(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    config = mlflow_config(tmp_path)
    script = (
        "import sys, time, mlflow; from pathlib import Path; from wee.lit.loggers import prepare\n"
        "Path(sys.argv[1]).touch()\n"
        f"while not Path('start').exists(): time.sleep(0.01)\nprepare({config!r})"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", script, f"ready-{number}"], cwd=tmp_path, stderr=subprocess.PIPE)
        for number in range(3)
    ]
    until = time.monotonic() + 300
    while len(list(tmp_path.glob("ready-*"))) < 3 and time.monotonic() < until:
        time.sleep(0.05)
    (tmp_path / "start").touch()
    for process in processes:
        _, told = process.communicate(timeout=300)
        assert (process.returncode, told.decode()) == (0, "")
    assert mlflow_runs(config["mlflow"]["tracking_uri"], "curves") == []


@pytest.mark.parametrize(
    "uri", ["", "file:./runs", "sqlite:////proc/none/mlflow.db", "squlite:///mlflow.db", "http://127.0.0.1:9"]
)
def test_an_address_where_mlflow_cannot_record_is_refused(tmp_path: Path, uri: str) -> None:
    pytest.importorskip("mlflow")
    with pytest.raises(
        WeeError, match=r"cannot record experiment x in tracking_uri=.*give a database, such as"
    ) as refused:
        loggers.prepare({"mlflow": {"tracking_uri": uri, "experiment_name": "x"}})
    assert "\n" not in str(refused.value)


def test_nothing_is_trained_where_nothing_can_be_recorded(tmp_path: Path, wee: Wee) -> None:
    pytest.importorskip("mlflow")
    arguments = ("logger=mlflow", "logger.mlflow.tracking_uri=file:./runs", "scale=s1", "member=0")
    done = wee("train", *arguments, *SMALL, cwd=tmp_path, code=1)
    assert "cannot record experiment digits-tiny in tracking_uri=file:./runs" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "outputs" / "checkpoints").exists()


def test_a_folder_where_wandb_cannot_record_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    (tmp_path / "file").touch()
    with pytest.raises(WeeError, match=r"logger.wandb.save_dir=.*file: the folder .*wandb cannot be written to"):
        loggers.prepare({"wandb": {"save_dir": str(tmp_path / "file"), "offline": True}})


def test_an_upload_without_a_login_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with pytest.raises(WeeError, match=r"logger.wandb.offline=false: .*wandb login"):
        loggers.prepare({"wandb": {"save_dir": str(tmp_path), "offline": False}})
