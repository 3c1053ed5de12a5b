"""One command as a Hydra application: composition, typing, logging, and clear reports of failures."""

from __future__ import annotations

import dataclasses
import gc
import importlib
import logging
import os
import shlex
import sys
import traceback
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException, HydraException, MissingConfigException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from wee.app import pipes
from wee.app.groups import Group
from wee.app.help import command_help
from wee.app.hydra_compat import application, checked_plugins, failures_unannounced, mode_unset, parse_arguments, store
from wee.app.launching import NETWORKS, check_launcher
from wee.app.paths import Common, conf_dir
from wee.app.safety import check_configs, check_plugin_values, composed
from wee.app.typed import check_overrides, has_key, to_object
from wee.errors import WeeError, first_line, unknown
from wee.files import explain

log = logging.getLogger("wee")

C = TypeVar("C", bound=Common)

ROOTS: dict[str, type[Common]] = {}
"""The typed root of each command in this process; the sweeper checks every job of a multirun against it first."""

FOLDERS: list[Path] = [conf_dir()]
"""The folders of configs in this process: wee's own, then the user's."""

GROUPS: dict[str, Group] = {}
"""The config groups of this process whose choices come from catalogues, by name."""

_modules: dict[str, str] = {}
"""The module of each command, by name, as the commands have handed it over."""


UNEXPECTED = "unexpected error"
"""The beginning of the message of an unexpected exception."""


class JobError(CompactHydraException):
    """A job that failed for a reason its user can read."""


@dataclass(frozen=True)
class Command(Generic[C]):
    """A command of the command line.

    Attributes:
        name: the name of the command and of its primary config.
        root: its typed config.
        work: what it does.
        modules: the module of each command there is, by name.
        groups: its config groups whose choices come from catalogues, by name.
        values: what its help says about the values of some keys: by key, a line for each value.
        help: returns its help for overrides, in place of the usual one.
        networks: whether it runs networks, so that its jobs on a cluster ask for devices.
        absent: keys of other commands that it lacks for a reason: by key, the message that explains it.
        kinds: returns the typed config of a data set by its kind, for the comments of the help; None without data sets.
    """

    name: str
    root: type[C]
    work: Callable[[C], Any]
    modules: Mapping[str, str]
    groups: Mapping[str, Group] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    help: Callable[[Sequence[str]], str] | None = None
    networks: bool = False
    absent: Mapping[str, str] = field(default_factory=dict)
    kinds: Callable[[str], type] | None = None

    def __post_init__(self) -> None:
        _modules.update(self.modules)

    def register(self) -> None:
        """Make the typed root and the choices that come from catalogues known to Hydra."""
        ROOTS[self.name] = self.root
        GROUPS.update(self.groups)
        if self.networks:
            NETWORKS.add(self.name)
        store(f"{self.name}_schema", self.root)
        for name, group in self.groups.items():
            group.offer(name)

    def main(self) -> None:
        """Run the command with the overrides on the command line; the process ends with 1 if anything failed.

        It ends with `wee.app.pipes.CLOSED` if the reader of its output stopped early.
        """
        self.register()

        composing = False

        def job(cfg: DictConfig) -> Any:
            nonlocal composing
            composing = False
            return _job(self, cfg)

        # With this set, Hydra hands exceptions on instead of printing them, and they are reported below.
        full, os.environ["HYDRA_FULL_ERROR"] = os.environ.get("HYDRA_FULL_ERROR") == "1", "1"
        try:
            args = parse_arguments()
            if self._help(args):
                pipes.end()
                return
            composing = True
            mode = nullcontext() if _may_set_mode(args) else mode_unset()
            with checked_plugins(check_plugin_values), failures_unannounced(), mode:
                application(job, str(conf_dir()), self.name)()
            pipes.end()
        except (
            BrokenPipeError
        ):  # what Hydra itself prints, such as a config; jobs report such an error of their own work
            pipes.drop(sys.stdout)
            pipes.end()
        except (WeeError, HydraException, OmegaConfBaseException, YAMLError, OSError) as error:
            if full:
                raise
            _print_error(f"wee {self.name}: {_words(error)}")
            sys.exit(1)
        except Exception as error:
            if full:
                raise
            if composing:  # Hydra raises errors of many types for config files that are no configs
                _print_error(f"wee {self.name}: the config cannot be composed: {type(error).__name__}: {error}")
            else:
                _print_error(f"wee {self.name}: {_unexpected(error)}")
            sys.exit(1)
        except KeyboardInterrupt:
            _print_error(
                f"wee {self.name}: interrupted; what was finished is kept, and the same command goes on from there"
            )
            sys.exit(130)

    def _help(self, args: Namespace) -> bool:
        """Answer --help, and refuse misspelt keys and flags that do not go together before Hydra does.

        Hydra's advice on an unknown key, to prefix a `+`, would silence the error and ignore the key.
        """
        if args.shell_completion or args.hydra_help:
            return False
        modes = {"-m": args.multirun, "--cfg": args.cfg, "--info": args.info, "--run": args.run}
        chosen = [flag for flag, value in modes.items() if value]
        if len(chosen) > 1:
            raise WeeError(f"{' and '.join(chosen)} cannot be combined: leave all but one of them out")
        if args.resolve and not (args.cfg or args.help):
            raise WeeError("--resolve is used together with --cfg: --cfg job --resolve")
        FOLDERS[:] = [conf_dir(), *([Path(args.config_dir)] if args.config_dir else [])]
        if args.config_path or args.config_name:
            raise WeeError(
                "--config-path and --config-name replace the configs of wee: give a folder of yours as --config-dir"
            )
        check_overrides(self.root, args.overrides, FOLDERS, self.groups, self.absent)
        if not args.help:
            check_launcher(args.overrides, args.multirun, lambda given: composed(self.name, given, FOLDERS[1:]))
        check_configs(self.name, args.overrides, FOLDERS[1:])
        if args.help and self.help is not None:
            pipes.write(self.help(args.overrides))
        elif args.help:
            about = (self.groups, self.values, self.kinds)
            text = command_help(self.name, self.root, args.overrides, args.config_dir, *about)
            pipes.write(text)
        return bool(args.help)


def _may_set_mode(args: Namespace) -> bool:
    """Return whether an override or a config of the user may set `hydra.mode`; the configs of wee leave it open."""
    return bool(args.config_dir) or any(override.lstrip("+~").startswith("hydra") for override in args.overrides)


def _find(name: str) -> Command[Any]:
    found: Command[Any] = importlib.import_module(_modules[name]).COMMAND
    return found


def command(name: str, **fields: Any) -> str:
    """Return the command line that runs a command with the config of this job, for messages that name the command to run.

    Args:
        name: the name of the command.
        fields: overrides to set; they replace this job's. None sets nothing.

    Example:
        >>> command("evaluate", scale="s1", member=[0, 1])
        "wee evaluate scale=s1 'member=[0,1]'"
    """
    overrides: dict[str, str] = {}
    flags: list[str] = []
    if HydraConfig.initialized():
        job = HydraConfig.get()
        flags = [f"--config-dir={folder}" for folder in FOLDERS[1:]]
        root = _find(name).root
        known = {field.name for field in dataclasses.fields(root)}
        defaults = _default_choices(name)
        for group in [
            name for name in ("dataset", "family", "ensemble", "trainer", "ood", "shift") if name in job.runtime.choices
        ]:
            choice = job.runtime.choices[group]
            if group in known and (
                group in ("dataset", "family") or defaults.get(group, "$") not in (str(choice), "$")
            ):
                overrides[group] = str(choice)
        for override in job.overrides.task:
            key, _, value = override.partition("=")
            first = key.lstrip("+~").split(".")[0]
            if has_key(root, key.lstrip("+~")) or (first == "experiment" and job.job.name == name):
                overrides[key] = value
    overrides |= {key: _written(value) for key, value in fields.items() if value is not None}
    return shlex.join(["wee", name, *flags, *(f"{key}={value}" if value else key for key, value in overrides.items())])


def rerun(name: str, suffix: str) -> list[str]:
    """Arguments to python that run this very job once more, of a multirun this one alone, beside its log.

    Args:
        name: the name of the command.
        suffix: of the log's name.
    """
    job = HydraConfig.get()
    flags = [f"--config-dir={folder}" for folder in FOLDERS[1:]]
    place = str(output_dir()).replace("'", "\\'")
    own = [f"hydra.run.dir='{place}'", "hydra.output_subdir=null", "hydra.mode=RUN", f"hydra.job.name={name}-{suffix}"]
    return ["-m", _modules[name], *flags, *job.overrides.task, *own]


def _default_choices(name: str) -> dict[str, str]:
    """The choices that a command's primary config makes."""
    defaults = OmegaConf.load(conf_dir() / f"{name}.yaml").defaults
    pairs = (pair for one in defaults if isinstance(one, DictConfig) for pair in one.items_ex(resolve=False))
    return {str(group): "$" if "${" in str(choice) else str(choice) for group, choice in pairs}


def _written(value: Any) -> str:
    return f"[{','.join(map(str, value))}]" if isinstance(value, list) else str(value)


def job_suffix() -> str:
    """Return the suffix that distinguishes the files of a multirun's jobs: "-0", "-1", ..; empty in a single run."""
    job = HydraConfig.get()
    return f"-{job.job.num}" if job.mode == RunMode.MULTIRUN else ""


def overrides() -> list[str]:
    """The overrides of this job, as they were written."""
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []


def with_folders(command: str) -> str:
    """Return a command for users with the overrides of folders (`paths.store=..`) that this job was given.

    Without them, the command would look into the default folders. They replace the command's own overrides of these folders.

    Args:
        command: a whole command line; one of another program is returned as it is.
    """
    given = {word.partition("=")[0]: word for word in overrides() if word.startswith("paths.")}
    replaced = {*given}
    if replaced & {"paths.store", "paths.outputs"}:  # the store is in the outputs, unless it is given
        replaced |= {"paths.store", "paths.outputs"}
    if not given or not command.startswith("wee "):
        return command
    words = [word for word in shlex.split(command) if word.partition("=")[0] not in replaced]
    return shlex.join([*words, *given.values()])


def output_dir() -> Path:
    """Where Hydra puts this job's log and config."""
    return Path(HydraConfig.get().runtime.output_dir)


def describe(error: BaseException) -> str:
    """An exception in one paragraph: the message alone where it was written for users, else with its type."""
    if isinstance(error, (WeeError, HydraException, OmegaConfBaseException)):
        return _words(error)
    return f"{type(error).__name__}: {error}"


def _job(command: Command[C], cfg: DictConfig) -> Any:
    multirun = HydraConfig.get().mode == RunMode.MULTIRUN
    gc.enable()
    gc.freeze()  # what is there now stays; the collector need not look at it again
    try:
        return command.work(to_object(command.root, cfg))
    except (WeeError, HydraException, OmegaConfBaseException) as error:
        failure = JobError(_words(error))
        if error.__cause__ is not None:  # for instance an error in a plug-in, with the line where it happened
            log.info(traceback.format_exc(), extra={"file_only": True})
    except OSError as error:
        failure = JobError(explain(error))
    except SystemExit as error:  # would end the whole multirun
        failure = JobError(f"the job asked to exit with {error.code}")
    except Exception as error:
        log.info(traceback.format_exc(), extra={"file_only": True})
        if not multirun:
            raise
        failure = JobError(_unexpected(error))
    if multirun:
        log.error(f"wee {command.name}: job {HydraConfig.get().job.num} failed: {failure}")
    raise failure


def _words(error: BaseException) -> str:
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return str(unknown(group, name, error.options))
    if isinstance(error, OSError):
        return explain(error)
    cause = error.__cause__
    words = str(error).strip()
    return f"{words}: {first_line(cause)}" if isinstance(cause, OmegaConfBaseException) else words


def _unexpected(error: Exception) -> str:
    """Return the message of an unexpected exception: where its traceback is, and how to see it."""
    if isinstance(error, MemoryError):
        return f"there is not enough memory: {str(error) or 'for what the command has to hold at once'}"
    log_folder = f"the traceback is in the log in {output_dir()}, and " if HydraConfig.initialized() else ""
    return (
        f"{UNEXPECTED}: {type(error).__name__}: {str(error).strip() or 'without a message'}\n"
        f"This is a fault of wee, or of a part of your own; {log_folder}HYDRA_FULL_ERROR=1 shows it"
    )


def _print_error(message: str) -> None:
    with pipes.dropping(sys.stderr):
        sys.stderr.write(message.rstrip() + "\n")
