"""Shifted test sets made from the ID data's own test images, which are corrupted when they are read."""
