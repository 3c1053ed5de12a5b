"""Corrupted draws of small grey images: what the embedded data sets are made of."""
