"""Lightning modules, callbacks and data loaders that train members and record their logits."""
