"""Several runs of one recipe: folds, ablations."""
