"""Hydra with typed root configs, errors that say what would be right, and multiruns that continue after failures."""
