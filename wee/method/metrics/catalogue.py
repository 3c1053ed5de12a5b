"""The catalogue of metrics and tasks."""

from __future__ import annotations

from wee.catalogue import Catalogue
from wee.method.metrics.base import MetricKind, TaskKind
from wee.method.metrics.certified import CERTIFIED, CertifiedKind
from wee.method.metrics.deployed import DEPLOYED, DeployedKind
from wee.method.metrics.detection import DETECTION, FALSE_POSITIVES
from wee.method.metrics.plugins import kind_from_plugin
from wee.method.metrics.predictions import PREDICTIONS
from wee.method.metrics.selective import AREAS, COVERAGE, ERROR_DETECTION, RISK

METRICS: Catalogue[MetricKind] = Catalogue(
    "metric",
    [*PREDICTIONS, *AREAS, ERROR_DETECTION, *DETECTION, COVERAGE, RISK, FALSE_POSITIVES, *DEPLOYED, *CERTIFIED],
    kind_from_plugin,
)
"""The kinds of metrics. Tasks have a parameter and determine an operating threshold."""


def task_help() -> dict[str, str]:
    """Return the description of each kind of task, by the form in which it is written."""
    return {kind.form: kind.help for kind in METRICS.values() if isinstance(kind, TaskKind)}


def metric_help() -> dict[str, str]:
    """Return the description of each kind of metric that users can name, by the form in which it is written."""
    return {
        kind.form: kind.help
        for kind in METRICS.values()
        if isinstance(kind, CertifiedKind) or not isinstance(kind, DeployedKind)
    }
