"""Lightning modules: what trains a member, what records its logits, what feeds both."""
