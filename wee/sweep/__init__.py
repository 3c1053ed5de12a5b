"""Sweeps: many cascades over stored logits, as one tidy table and its Pareto fronts."""
