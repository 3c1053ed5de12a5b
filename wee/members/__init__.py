"""Members of ensembles: how they are trained, where their weights come from, which of them make ensembles."""
