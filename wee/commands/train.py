"""`wee train`: train members of a family, and save their weights."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wee.app.command import Command, output_dir
from wee.app.console import progress
from wee.app.failures import Failures, report
from wee.commands import find_command, modules
from wee.commands.members import MembersConfig, recipes, resolve_dataset
from wee.data.kinds import config_of
from wee.lit.loggers import check as check_loggers

if TYPE_CHECKING:
    from wee.data.base import Split
    from wee.lit.processes import Processes
    from wee.members.recipes import Recipe

log = logging.getLogger("wee")


@dataclass
class TrainConfig(MembersConfig):
    """The config of `wee train`.

    Attributes:
        logger: the loggers of training curves: options of Lightning's logger by kind (csv, tensorboard, wandb, mlflow).
    """

    logger: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainJob:
    """The resolved inputs of `wee train`.

    Attributes:
        recipes: The recipes of the selected members.
        train, val: The splits of the ID data; the validation split is used only for metrics.
    """

    recipes: list[Recipe]
    train: Split
    val: Split


def resolve(cfg: TrainConfig) -> TrainJob:
    """Resolve the config with the files on disk: count classes, and list the images.

    Raises:
        WeeError: images are missing, or the number of classes is unknown.
    """
    from wee.data.samples import read_split

    dataset = resolve_dataset(cfg)
    return TrainJob(recipes(cfg, dataset), read_split(dataset, "train"), read_split(dataset, "val"))


def train(cfg: TrainConfig) -> None:
    """Train every selected member that does not exist."""
    from wee.files import Lock, lock_path
    from wee.lit.fit import training_folder
    from wee.lit.processes import start_processes
    from wee.members import checkpoints

    check_loggers(cfg.logger)
    job = resolve(cfg)
    done, failures = Done(), Failures()
    new = []
    for recipe in job.recipes:
        with failures.of(recipe.name):
            folder = recipe.folder(cfg.paths.checkpoints)
            if checkpoints.about(folder) is None:
                new.append(recipe)
            else:
                done.there += 1
                Lock(lock_path(folder)).clear(training_folder(folder))
    if new or not cfg.runtime.single:
        with start_processes("train", cfg.runtime) as processes:
            if not processes.leads:
                _follow(cfg, job, processes)
                return
            _lead(cfg, job, new, processes, done, failures)
    log.info(
        f"{len(done.names)} trained ({done.steps:,} steps), {done.there} were there already; in {cfg.paths.checkpoints}"
    )
    report(trained=done.names, already_there=done.there, steps=done.steps, failures=failures.messages)
    failures.raise_all()


@dataclass
class Done:
    """The members that a job has trained.

    Attributes:
        names: names of the trained members.
        steps: total number of optimiser steps.
        there: number of members that existed already.
    """

    names: list[str] = field(default_factory=list)
    steps: int = 0
    there: int = 0


def _lead(
    cfg: TrainConfig, job: TrainJob, new: list[Recipe], processes: Processes, done: Done, failures: Failures
) -> None:
    """Train the members in turn. If one fails, continue with the others, unless a process was lost."""
    from wee.files import Lock, lock_path
    from wee.lit.loggers import prepare as prepare_loggers
    from wee.members import checkpoints

    if new:
        prepare_loggers(cfg.logger)
    steps_each = cfg.trainer.total_steps(len(job.train))
    with progress("steps") as bar:
        task = bar.add_task("training", total=steps_each * len(new))
        for number, recipe in enumerate(new, start=1):
            bar.update(task, description=f"training {recipe.name}", completed=steps_each * (number - 1))
            folder = recipe.folder(cfg.paths.checkpoints)
            lock = Lock(lock_path(folder))
            if not lock.acquire():
                log.info(f"{recipe.name}: waiting for {lock.holder()}, which is training it")
            with failures.of(recipe.name), lock.waiting():
                if checkpoints.about(folder) is not None:
                    done.there += 1
                    continue
                processes.assign(recipe.name)
                about = _train(cfg, job, recipe, processes, lambda n: bar.advance(task, n))
                done.names.append(recipe.name)
                done.steps += about["steps"]
                numbers = ", ".join(f"{name} {value:.4g}" for name, value in about["metrics"].items())
                log.info(
                    f"trained {recipe.name} ({number} of {len(new)}) in {about['seconds']:.1f} s; validation: {numbers}"
                )
            if processes.broken:
                if number < len(new):
                    failures.messages.append(
                        f"not tried, because processes were lost: {', '.join(r.name for r in new[number:])}"
                    )
                break


def _follow(cfg: TrainConfig, job: TrainJob, processes: Processes) -> None:
    """Train the members that the leader assigns, together with the other processes."""
    by_name = {recipe.name: recipe for recipe in job.recipes}
    for name in processes.assignments():
        _train(cfg, job, by_name[name], processes, lambda n: None)


def _train(
    cfg: TrainConfig, job: TrainJob, recipe: Recipe, processes: Processes, step: Callable[[int], None]
) -> dict[str, Any]:
    from wee.lit.fit import train_member, training_state
    from wee.lit.loggers import Training, recording

    folder, config = recipe.folder(cfg.paths.checkpoints), cfg.logger if processes.leads else {}
    training = Training(
        name=f"{cfg.dataset.name} {recipe.name}",
        member=str(folder.relative_to(cfg.paths.checkpoints)),
        folder=output_dir() / recipe.name.replace("/", "-").replace(" ", "-"),
        parameters={"dataset": cfg.dataset.name, "family": cfg.family.name, "scale": recipe.scale, **recipe.identity()},
        resumed=training_state(folder).is_file(),
    )
    with processes.closely(), recording(config, training) as loggers:
        return train_member(recipe, job.train, job.val, folder, cfg.runtime, loggers, step, processes)


COMMAND = Command("train", TrainConfig, train, modules(), networks=True, kinds=config_of)

if __name__ == "__main__":
    # Import COMMAND from the module, because objects that are pickled for other processes must not be in __main__.
    find_command("train").main()
