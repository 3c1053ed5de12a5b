"""Lightning's loggers, which record training curves in one run for each member."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wee.errors import WeeError, unknown

if TYPE_CHECKING:
    from mlflow import MlflowClient

Options = dict[str, Any]

MEMBER_TAG = "wee.member"
"""The tag of an MLflow run that holds `Training.member`."""


@dataclass(frozen=True)
class Training:
    """What loggers need to know of one member's training.

    Attributes:
        name: the name of its run.
        member: identifies the member: two trainings with the same value result in the same weights.
        folder: the folder of its log files.
        parameters: the hyperparameters, as plain data.
        resumed: whether it goes on from the state that an interrupted training has saved.
    """

    name: str
    member: str
    folder: Path
    parameters: Mapping[str, Any]
    resumed: bool = False


@dataclass(frozen=True)
class LoggerKind:
    """A kind of logger.

    Attributes:
        cls: the name of Lightning's class.
        options: returns the options of one training, given it and the options in the config, which have priority.
        packages: the packages of which it needs one.
        requirement: what `pip install` takes if none is installed.
        prepare: checks the options in the config and creates what runs are written into, before the first training.
        close: called after each training, with whether it failed.
    """

    cls: str
    options: Callable[[Training, Options], Options]
    packages: tuple[str, ...] = ()
    requirement: str = ""
    prepare: Callable[[Options], None] = lambda options: None
    close: Callable[[bool], None] = lambda failed: None


def _files(training: Training, options: Options) -> Options:
    return {"save_dir": training.folder.parent, "name": training.folder.name, "version": "", **options}


def _prepare_wandb(options: Options) -> None:
    """Check the folder of the runs and, for runs that are uploaded, the login. W&B does not report its own errors home.

    Raises:
        WeeError: the folder cannot be written to, or the user is not logged in.
    """
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    folder = Path(options.get("save_dir") or ".", "wandb")  # W&B would fall back to a temporary folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise WeeError(
            f"logger.wandb.save_dir={options.get('save_dir')}: the folder {folder} cannot be written to; "
            "give a folder in which you may create files"
        )
    import wandb

    if options.get("offline"):
        os.environ.setdefault("WANDB_SILENT", "true")
        wandb.setup(wandb.Settings(mode="offline", silent=True))  # those of a run come too late for some warnings
    else:
        try:
            wandb.login()  # asks for a key in a terminal, here and not in the middle of a progress bar
        except Exception as error:
            raise WeeError(
                f"logger.wandb.offline=false: W&B does not know who you are ({_first_line(error)}); give the command "
                "`wandb login` first, or record offline and upload the runs later with `wandb sync`"
            ) from None


def _close_wandb(failed: bool) -> None:
    """End the run, because otherwise the next member would be recorded in it."""
    if "wandb" in sys.modules:
        sys.modules["wandb"].finish(exit_code=int(failed))


def _prepare_mlflow(options: Options) -> None:
    """Create the database and the experiment if they do not exist.

    Raises:
        WeeError: the tracking server or database cannot be used.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    uri, name = options.get("tracking_uri") or "", options.get("experiment_name") or ""
    try:
        if not uri:
            raise WeeError("there is no address")
        with _exclusive(uri), _impatient():
            client = _mlflow_client(uri)
            if client.get_experiment_by_name(name) is None:
                _create_experiment(client, name, options.get("artifact_location") or _artifacts(uri, name))
    except Exception as error:  # MLflow and its database layer raise exceptions of many types
        raise WeeError(
            f"logger.mlflow: MLflow cannot record experiment {name} in tracking_uri={uri} ({_first_line(error)}); give a "
            "database, such as sqlite:///outputs/mlflow.db, or a server that is running, such as http://localhost:5000"
        ) from None


def _create_experiment(client: MlflowClient, name: str, artifacts: str | None) -> None:
    try:
        client.create_experiment(name, artifacts)
    except Exception:  # unless another process has created it in the meantime
        if client.get_experiment_by_name(name) is None:
            raise


def _artifacts(uri: str, name: str) -> str | None:
    """Return the folder of an experiment's artifacts, beside an SQLite database; a server knows its own."""
    database = _database(uri)
    return None if database is None else (database.parent / "mlflow-artifacts" / name).resolve().as_uri()


def _database(uri: str) -> Path | None:
    """Return the file of an SQLite database; None for anything else."""
    prefix = "sqlite:///"
    return Path(uri.removeprefix(prefix)) if uri.startswith(prefix) else None


def _mlflow(training: Training, options: Options) -> Options:
    """Return the options of a run, which is that of the interrupted training if there is one."""
    tags = {MEMBER_TAG: training.member, **(options.get("tags") or {})}
    chosen: Options = {"run_name": training.name, **options, "tags": tags}
    if training.resumed and not chosen.get("run_id"):
        client = _mlflow_client(options["tracking_uri"])
        experiment = client.get_experiment_by_name(options["experiment_name"])
        assert experiment is not None  # prepared
        query = f"tags.`{MEMBER_TAG}` = '{training.member}' and attributes.status != 'FINISHED'"
        latest = ["attributes.start_time DESC"]
        for run in client.search_runs([experiment.experiment_id], query, max_results=1, order_by=latest):
            client.update_run(run.info.run_id, status="RUNNING")
            chosen["run_id"] = run.info.run_id
    return chosen


def _mlflow_client(uri: str) -> MlflowClient:
    """Return MLflow's client, whose messages (a database is created, git is missing) are not shown."""
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return MlflowClient(uri)


@contextlib.contextmanager
def _exclusive(uri: str) -> Iterator[None]:
    """Let one process at a time create the tables of an SQLite database. Its folder is created."""
    from wee.files import Lock, lock_path

    database = _database(uri)
    with contextlib.nullcontext() if database is None else Lock(lock_path(database)).waiting():
        yield


@contextlib.contextmanager
def _impatient() -> Iterator[None]:
    """Ask a server twice, and not for minutes, so that a wrong address is noticed soon."""
    name = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
    before = os.environ.get(name)
    os.environ.setdefault(name, "1")
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


KINDS: dict[str, LoggerKind] = {
    "csv": LoggerKind("CSVLogger", _files),
    "tensorboard": LoggerKind("TensorBoardLogger", _files, ("tensorboard", "tensorboardX"), "tensorboard"),
    "wandb": LoggerKind(
        "WandbLogger",
        lambda training, options: {"name": training.name, "group": training.member, "resume": None, **options},
        ("wandb",),
        "'wee[wandb]'",
        _prepare_wandb,
        _close_wandb,
    ),
    "mlflow": LoggerKind("MLFlowLogger", _mlflow, ("mlflow",), "'wee[mlflow]'", _prepare_mlflow),
}
"""The kinds of loggers by name."""


def check(config: Mapping[str, Any]) -> None:
    """Check that the loggers exist and their packages are installed, without importing them.

    Args:
        config: the options of each kind of logger, as Lightning's class takes them.

    Raises:
        WeeError: there is no such kind, or its package is not installed.
    """
    for name in config:
        if name not in KINDS:
            raise unknown("logger", name, KINDS)
        kind = KINDS[name]
        if kind.packages and not any(importlib.util.find_spec(package) for package in kind.packages):
            raise WeeError(f"logger={name} needs the package {kind.packages[0]}: pip install {kind.requirement}")


def prepare(config: Mapping[str, Any]) -> None:
    """Create the databases and folders that loggers write into. Call it in one process, before the first training.

    Args:
        config: as for `check`.

    Raises:
        WeeError: a database, server or folder cannot be used.
    """
    for name, options in config.items():
        KINDS[name].prepare(options or {})


@contextlib.contextmanager
def recording(config: Mapping[str, Any], training: Training) -> Iterator[list[Any]]:
    """Create the loggers of one member's training, and end its runs after the `with` block.

    Args:
        config: as for `check`; its options override those that `KINDS` derives from the training.
        training: the member's training.

    Raises:
        WeeError: a logger does not know an option.
    """
    from lightning.pytorch import loggers as lightning_loggers

    created, failed = [], True
    try:
        for name, given in config.items():
            kind = KINDS[name]
            try:
                logger = getattr(lightning_loggers, kind.cls)(**kind.options(training, given or {}))
            except TypeError as error:
                raise WeeError(f"logger.{name}: {error}; its options are those of Lightning's {kind.cls}") from None
            logger.log_hyperparams(dict(training.parameters))
            created.append(logger)
        yield created
        failed = False
    finally:
        for name in config:
            KINDS[name].close(failed)
