"""How fast wee is, against baselines timed in the same run: `make bench`, or `python -m benchmarks`."""

import wee  # noqa: F401  (first: with a CPU build of torch, timm cannot be imported without it)
