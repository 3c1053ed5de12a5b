"""Live cascades: networks in place of stored logits, and the rule of a sweep in between."""
