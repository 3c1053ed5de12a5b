"""Perturbed draws of small grey images, which make up the embedded data sets."""
