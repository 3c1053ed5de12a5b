"""Scanned digits, made hard by corruption."""
