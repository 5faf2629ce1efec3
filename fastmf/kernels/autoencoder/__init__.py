"""AutoRec: sums and products at the rated cells, steps of what a batch touches."""
