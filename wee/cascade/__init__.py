"""Live cascades: calibrated on the store, saved to a folder, run on images."""
