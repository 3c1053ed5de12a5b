"""Patches of two photographs, under the same corruption as the digits."""
