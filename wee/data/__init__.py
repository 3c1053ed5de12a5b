"""Data sets: images with labels, ids and groups."""
