"""Hydra's basic sweeper, with failures that stop neither the other jobs nor the news of themselves."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import CompactHydraException
from omegaconf import OmegaConf

log = logging.getLogger("wee")


class WeeSweeper(BasicSweeper):
    """Runs every job that can be composed, tells each failure when it happens, and all of them at the end.

    Hydra's own sweeper launches nothing if one job cannot be composed, and shows the first failure alone.
    """

    def sweep(self, arguments: list[str]) -> list[Sequence[JobReturn]]:
        """Run the jobs that the arguments span.

        Raises:
            CompactHydraException: jobs failed; the message lists them.
        """
        assert self.config is not None
        assert self.launcher is not None
        assert self.hydra_context is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([*self._parse_config(), *arguments])
        self.overrides = self.split_arguments(overrides, self.max_batch_size)

        folder = Path(self.config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, folder / "multirun.yaml")

        failures: list[str] = []
        returns: list[Sequence[JobReturn]] = []
        jobs = launched = 0
        while not self.is_done():
            batch = self.get_job_batch()
            jobs += len(batch)
            sound = [job for job in batch if self._sound(job, failures)]
            results = self.launcher.launch(sound, initial_job_idx=launched) if sound else []
            launched += len(sound)
            returns.append(results)
            for job, result in zip(sound, results, strict=True):
                if result.status != JobStatus.COMPLETED:
                    failures.append(f"{' '.join(job)}: {getattr(result, '_return_value', 'it did not finish')}")
        if failures:
            listed = "\n".join(f"  {failure}" for failure in failures)
            raise CompactHydraException(
                f"{len(failures)} of {jobs} jobs failed; the same command runs them again, and skips what is done.\n"
                f"{listed}"
            )
        return returns

    def _sound(self, job: Sequence[str], failures: list[str]) -> bool:
        """Whether a job's config composes and has the right types; a failure is told at once and noted."""
        from wee.app.command import FOLDERS, GROUPS, ROOTS, describe
        from wee.app.safety import check_hydra
        from wee.app.typed import check_overrides, to_object

        assert self.config is not None
        assert self.hydra_context is not None
        try:
            root = ROOTS.get(str(self.config.hydra.job.config_name))
            if root is not None:
                check_overrides(root, job, FOLDERS, GROUPS)
            config: Any = self.hydra_context.config_loader.load_sweep_config(self.config, list(job))
            check_hydra(OmegaConf.to_container(config.hydra, resolve=False))
            if root is not None:
                to_object(root, OmegaConf.masked_copy(config, [key for key in config if key != "hydra"]))
        except Exception as error:
            failure = f"{' '.join(job)}: {describe(error)}"
            log.error(f"this job cannot run: {failure}")
            failures.append(failure)
            return False
        return True
