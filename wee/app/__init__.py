"""Hydra, made to answer clearly: typed roots, errors that say what would be right, multiruns that go on."""
