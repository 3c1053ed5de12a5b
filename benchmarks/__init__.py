"""How fast wee is, against baselines timed in the same run: `make bench`, or `python -m benchmarks`."""
