"""Means of the embeddings of a row's levels, one row and column at a time."""

import numpy as np


def _levels_of(row, text, starts, levels, n_texts):
    n_rows = (len(starts) - 1) // n_texts
    place = (row % n_rows) * n_texts + text
    return levels[starts[place] : starts[place + 1]]


def level_means(index, starts, levels, n_texts, embeddings):
    width = embeddings.shape[1]
    out = np.zeros((len(index), n_texts, width))
    for r, row in enumerate(index):
        for text in range(n_texts):
            own = _levels_of(row, text, starts, levels, n_texts)
            if len(own):
                out[r, text] = embeddings[own].astype(np.float64).mean(axis=0)
    return out.reshape(len(index), -1)


def add_level_gradients(index, starts, levels, n_texts, slope, gradient):
    total = gradient.astype(np.float64)
    parts = slope.reshape(len(index), n_texts, -1).astype(np.float64)
    for r, row in enumerate(index):
        for text in range(n_texts):
            own = _levels_of(row, text, starts, levels, n_texts)
            for level in own:
                total[level] += parts[r, text] / len(own)
    return total
