"""How fast wee is, against baselines timed in the same run: `make bench`, or `python -m benchmarks`."""

from wee.compat import repair_on_import

repair_on_import()  # first: with a CPU build of torch, timm cannot be imported without it
