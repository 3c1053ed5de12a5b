"""Policies, which decide which samples go on to the next stage of a cascade. Each is in a separate file.

A policy is fitted once, on the validation set, which gives a rule. A rule decides for any data set at which stage each sample
leaves, and does not use labels. All scores are confidences, so a window is an interval of confidence.

Sources: Xia and Bouganis, ICCV 2023, section 3.2 (window); Wang et al., ICLR 2022 (single threshold).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from wee.catalogue import Catalogue, call_plugin, check_attributes, first_line
from wee.errors import WeeError
from wee.method.cascades import Stages
from wee.method.policies import rules
from wee.method.policies.base import GIVEN, PALETTE, PARAMETERS, Context, Look, Policy, Role
from wee.method.policies.ensemble import Ensemble
from wee.method.policies.last import Last
from wee.method.policies.quantiles import check_fraction, percentile_rank, quantile
from wee.method.policies.random import Random
from wee.method.policies.rules import FixedRule, Interval, IntervalRule, Rule, StageRule
from wee.method.policies.single import Single
from wee.method.policies.threshold import SingleThreshold, is_threshold, matched_threshold
from wee.method.policies.window import Stream, Width, Window, check_width, stream_window, window

_looks = itertools.cycle(PALETTE)


def _from_plugin(name: str, plugin: Any) -> type[Policy]:
    """Return the policy that a plug-in defines: a class with `fit`, which is a dataclass if it has parameters.

    Attributes of a policy that the class does not define get defaults.
    """
    if not isinstance(plugin, type):
        raise WeeError(f"the policy {name} is a {type(plugin).__name__}; a policy is a class with fit(validation)")
    check_attributes("policy", name, plugin, ["fit"])

    def fit(self: Policy, validation: Stages) -> Rule:
        given: Any = super(policy, self)
        rule: Rule = call_plugin("policy", name, given.fit, validation)
        if not callable(rule):
            raise WeeError(
                f"fit of the policy {name} returned a {type(rule).__name__}; it returns a rule, which is called with stages "
                "and returns the stage at which each sample leaves [N], such as wee.method.IntervalRule"
            )
        return rule

    bases = (plugin,) if issubclass(plugin, Policy) else (plugin, Policy)
    attributes = {
        "name": name,
        "label": _attribute(plugin, "label") or name.partition(":")[2],
        "help": _attribute(plugin, "help") or first_line(plugin) or "A policy of your own.",
        "look": _attribute(plugin, "look") or next(_looks),
        "fit": fit,
        "__doc__": plugin.__doc__,
        "__module__": plugin.__module__,
    }
    policy: type[Policy] = type(plugin.__name__, bases, attributes)
    reserved = [
        field for field in policy.fields() if hasattr(Policy, field) or field in ("name", "label", "help", "look")
    ]
    if reserved:
        raise WeeError(f"the policy {name} has a parameter called {reserved[0]}, which means something else; rename it")
    if policy.column is None and policy.parameters():
        policy.column = PARAMETERS
    try:
        policy.role = Role(policy.role)
    except ValueError:
        raise WeeError(
            f"the policy {name} has the role {policy.role!r}; the roles are {', '.join(map(str, Role))}"
        ) from None
    return policy


def _attribute(plugin: type, attribute: str) -> Any:
    """Return an attribute that a plug-in's class defines; None if the class inherits it from a built-in policy."""
    classes = (base for base in plugin.__mro__ if not base.__module__.startswith(__name__))
    return next((vars(base)[attribute] for base in classes if attribute in vars(base)), None)


POLICIES: Catalogue[type[Policy]] = Catalogue(
    "policy", [Single, Ensemble, Last, Window, SingleThreshold, Random], _from_plugin
)
"""The policies. `Single`, `Ensemble` and `Window` are those of the paper's main figures."""

BASELINES = tuple(name for name, policy in POLICIES.items() if policy.baseline)
"""The built-in policies whose curves other policies are compared with."""

RULES: Mapping[str, type[Any]] = {kind.form: kind for kind in (FixedRule, IntervalRule, Random)}
"""The classes of rules that can be read back, by the name of their form."""


def rule_to_dict(rule: Rule) -> dict[str, Any]:
    """Return a rule as strict JSON data, from which `rule_from_dict` creates a rule with the same decisions.

    Raises:
        WeeError: the rule comes from a plug-in that does not define both `to_dict()` and the class method `from_dict(fields)`.

    Example:
        >>> rule_to_dict(FixedRule(1))
        {'version': 1, 'form': 'fixed', 'stage': 1}
    """
    return rules.rule_to_dict(rule, RULES)


def rule_from_dict(record: Mapping[str, Any]) -> Rule:
    """Create a rule from the data that `rule_to_dict` returns.

    Raises:
        WeeError: the record has another version, or its form does not exist or lacks fields.
    """
    return rules.rule_from_dict(record, RULES)


__all__ = [
    "BASELINES",
    "GIVEN",
    "PARAMETERS",
    "POLICIES",
    "RULES",
    "Context",
    "Ensemble",
    "FixedRule",
    "Interval",
    "IntervalRule",
    "Last",
    "Look",
    "Policy",
    "Random",
    "Role",
    "Rule",
    "Single",
    "SingleThreshold",
    "StageRule",
    "Stream",
    "Width",
    "Window",
    "check_fraction",
    "check_width",
    "is_threshold",
    "matched_threshold",
    "percentile_rank",
    "quantile",
    "rule_from_dict",
    "rule_to_dict",
    "stream_window",
    "window",
]
