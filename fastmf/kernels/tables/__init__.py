"""Tables of ratings: ids, codes, counts, orders, samples, splits, generated ratings."""
