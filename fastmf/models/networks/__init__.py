"""What the networks on pairs of embeddings share: parameters, objectives, fitting, prediction."""
