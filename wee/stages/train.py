"""`wee train`: train members of a family, and keep their weights."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from wee.config.console import progress
from wee.config.failures import Failures, report
from wee.config.runner import Stage, output_dir, stage
from wee.stages.members import MembersConfig

log = logging.getLogger("wee")


@dataclass
class TrainConfig(MembersConfig):
    """What `wee train` can be told."""


def train(cfg: TrainConfig) -> None:
    """Train every member asked for that is not there yet."""
    from wee.files import Lock
    from wee.lit.recipe import Recipe
    from wee.models import checkpoint

    splits = {name: cfg.dataset.split(name) for name in ("train", "val")}
    recipes = [Recipe(cfg.dataset, cfg.family, cfg.trainer, s, m) for s in cfg.scale for m in cfg.member]
    folders = {recipe.name: recipe.folder(cfg.paths.checkpoints) for recipe in recipes}
    trained, steps, failures = [], 0, Failures()
    new = []
    for recipe in recipes:
        with failures.of(recipe.name):
            if checkpoint.about(folders[recipe.name]) is None:
                new.append(recipe)
    if new:
        import torch

        from wee.lit.training import train_member

        if cfg.runtime.threads:
            torch.set_num_threads(cfg.runtime.threads)
    steps_each = cfg.trainer.total_steps(len(splits["train"]))
    with progress("steps") as bar:
        task = bar.add_task("training", total=steps_each * len(new))
        for number, recipe in enumerate(new, start=1):
            bar.update(task, description=f"training {recipe.name}", completed=steps_each * (number - 1))
            folder, logs = folders[recipe.name], output_dir() / recipe.name.replace("/", "-").replace(" ", "-")
            lock = Lock(folder.with_name(f"{folder.name}.lock"))
            if not lock.acquire():
                log.info(f"{recipe.name}: waiting for {lock.holder()}, which is training it")
            with failures.of(recipe.name), lock.waiting():
                if checkpoint.about(folder) is not None:
                    continue
                about = train_member(
                    recipe, splits["train"], splits["val"], folder, cfg.runtime, logs, lambda n: bar.advance(task, n)
                )
                trained.append(recipe.name)
                steps += about["steps"]
                numbers = ", ".join(f"{name} {value:.4g}" for name, value in about["metrics"].items())
                log.info(
                    f"trained {recipe.name} ({number} of {len(new)}) in {about['seconds']:.1f} s; validation: {numbers}"
                )
    done = len(recipes) - len(trained) - len(failures.messages)
    log.info(f"{len(trained)} trained ({steps:,} steps), {done} were there already; in {cfg.paths.checkpoints}")
    report(trained=trained, already_there=done, steps=steps, failures=failures.messages)
    failures.tell()


STAGE = Stage("train", TrainConfig, train)

if __name__ == "__main__":
    # Not this module's own STAGE: what is pickled for other processes must not live in __main__.
    stage("train").main()
