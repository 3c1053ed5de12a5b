"""Estimates of how long a sweep takes in one process, which decide on the number of processes.

The rates are those of one core of a server (see docs/scale.md). An estimate that is wrong by a factor of two or three changes
only the number of processes, and no result.
"""

from __future__ import annotations

from wee.data.splits import TEST, VAL
from wee.sweep.config import ValidationStudyConfig
from wee.sweep.plan import Plan
from wee.sweep.pool import Pool

SPLIT = 1.5e-3
"""The time for a setting on a split of few samples, in seconds."""

SAMPLE = 1.2e-7
"""The time for a setting and a sample, in seconds."""

RESAMPLE = 0.25
"""The time for a resample, relative to that for the number itself."""


def sweep_seconds(pool: Pool, plan: Plan) -> float:
    """Return about how long the settings of a pool take in one process, in seconds."""
    times = {split: 1 if split in plan.labelled else len(plan.ood_share) for split in plan.splits}
    per_point = sum(times[split] * (SPLIT + SAMPLE * len(pool.samples[split].labels)) for split in plan.splits)
    return plan.points(pool) * per_point * (1 + RESAMPLE * plan.bootstrap.resamples)


def study_seconds(pool: Pool, plan: Plan, config: ValidationStudyConfig) -> float:
    """Return about how long the study of the validation set's size takes for a pool in one process, in seconds."""
    per_set = SPLIT + SAMPLE * sum(len(pool.samples[split].labels) for split in (VAL, TEST))
    return plan.points(pool) * config.sets * per_set
