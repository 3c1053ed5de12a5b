"""Figures from tables of sweeps. Everything that is drawn is also written as numbers."""
