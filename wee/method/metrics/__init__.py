"""Tasks and metrics, named by a kind and a parameter: `cov@5`, `risk@80`, `fpr@95`, `aurc`.

A task is what a system is operated for, and fixes an operating threshold: Cov@r (the largest coverage at a risk of r
per cent), Risk@c (the risk at a coverage of c per cent), FPR@t (the share of OOD samples accepted where t per cent of ID
samples are). Every task is a metric. `METRICS` is the catalogue of all kinds.
On data that contains OOD samples, Risk@c and the areas are those of SCOD.

A task as a metric describes a *ranking*: its threshold is read off the labels of the very data that it is measured on.
A system in use has to fix its acceptance threshold beforehand. For each task there are therefore two *deployed* metrics
(`Metric.deployed_for`): what is measured at the threshold that the validation set gives for the task.

Values are in per cent, except for the areas `aurc` and `augrc`, `nll` and `brier`.
"""

from wee.method.metrics.base import MetricKind, TaskKind
from wee.method.metrics.catalogue import METRICS, metric_help, task_help
from wee.method.metrics.deployed import DeployedKind
from wee.method.metrics.names import TASKS, Metric, Task
from wee.method.metrics.predictions import calibration_error
from wee.method.metrics.ranked import RankedOutcome

__all__ = [
    "METRICS",
    "TASKS",
    "DeployedKind",
    "Metric",
    "MetricKind",
    "RankedOutcome",
    "Task",
    "TaskKind",
    "calibration_error",
    "metric_help",
    "task_help",
]
