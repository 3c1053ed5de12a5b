"""Figures from the tables of sweeps. The numbers of every figure are also written to a file."""
