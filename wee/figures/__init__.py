"""Figures from tables. Everything that is drawn is also written as numbers."""
