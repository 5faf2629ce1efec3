"""Networks on pairs of embeddings: layers, losses, optimizers, whole steps of a batch."""
