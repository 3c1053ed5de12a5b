"""Window-based early-exit cascades: an ensemble's uncertainty estimates at close to the price of one network.

The names below are the package's face for Python programs; they are imported at first use. The method on plain arrays is in
`wee.method`, and everything else is behind the command `wee`.

>>> import numpy as np
>>> import wee
>>> rng = np.random.default_rng(0)
>>> labels = rng.integers(3, size=400)
>>> logits = rng.normal(size=(2, 400, 3)) + 2 * np.eye(3)[labels]
>>> source = wee.from_arrays((logits[:, :200], labels[:200]), (logits[:, 200:], labels[200:]), costs=1e6)
>>> results = wee.run_sweep(source, tasks=["cov@10"])
>>> sorted(results.table.policy.unique())
['ensemble', 'single', 'window']
>>> wee.calibrate(source, "cov@10", budget=1.3e6).lineup
(0, 1)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wee.machine import bound_spinning

if TYPE_CHECKING:
    from wee.api import (
        Calibration,
        LogitSource,
        SweepResults,
        calibrate,
        from_arrays,
        from_store,
        load_cascade,
        load_logit_cascade,
        open_store,
        read_sweep,
        run_sweep,
    )
    from wee.cascade.module import Cascade
    from wee.cascade.on_logits import LogitCascade
    from wee.errors import WeeError
    from wee.store import LogitStore

bound_spinning()

__all__ = [
    "Calibration",
    "Cascade",
    "LogitCascade",
    "LogitSource",
    "LogitStore",
    "SweepResults",
    "WeeError",
    "calibrate",
    "from_arrays",
    "from_store",
    "load_cascade",
    "load_logit_cascade",
    "open_store",
    "read_sweep",
    "run_sweep",
]

_ELSEWHERE = {
    "Cascade": "wee.cascade.module",
    "LogitCascade": "wee.cascade.on_logits",
    "LogitStore": "wee.store",
    "WeeError": "wee.errors",
}
"""The modules of the names that are not in `wee.api`."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_ELSEWHERE.get(name, "wee.api")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
