"""Where the batches of a grid go: into the memory of the ratings that they are made of."""

from __future__ import annotations

from threading import Event

import numpy as np
from numpy.typing import NDArray

from fastmf.data.work_arrays import WorkArrays
from fastmf.kernels.sgd import BATCH_WORDS

__all__ = ["BatchRoom"]

_WORD_BYTES = 4
_ENTRY_BYTES = 8


class BatchRoom:
    """Room for batches: over the entries they are made of, where these are in memory and it fits.

    It fits as long as batches are more than half full. New memory is dear, as the system has to
    clear it: at 100 million ratings it took a fifth of the whole layout.

    Parameters
    ----------
    entries : (n,) uint64
        The ratings block after block, as `fastmf.kernels.grid.scatter_ratings` writes them.
    entry_starts, batch_starts : (n_blocks + 1,) int64
        The first entry and the first batch of every block.
    work_arrays : WorkArrays
        What made `entries`, and makes room for the batches where there is none.

    Attributes
    ----------
    batches : (n_batches * 5,) uint32
        The room.
    """

    def __init__(
        self,
        entries: NDArray[np.uint64],
        entry_starts: NDArray[np.int64],
        batch_starts: NDArray[np.int64],
        work_arrays: WorkArrays,
    ) -> None:
        n_words = int(batch_starts[-1]) * BATCH_WORDS
        entry_ends = _ENTRY_BYTES * entry_starts[1:]
        batch_bytes = _WORD_BYTES * BATCH_WORDS * batch_starts
        if work_arrays.mapped or (batch_bytes[1:] > entry_ends).any():
            self.batches = work_arrays.empty(n_words, np.uint32)
            self._first_below = np.arange(len(entry_ends))
        else:
            self.batches = entries.view(np.uint32)[:n_words]
            # The first block whose entries lie where the batches of each block go.
            self._first_below = np.searchsorted(entry_ends, batch_bytes[:-1], side="right")
        self._given_up = [Event() for _ in entry_ends]

    def give_up_entries(self, block: int) -> None:
        """Tell that a block's entries are not needed any more.

        Parameters
        ----------
        block : int
        """
        self._given_up[block].set()

    def wait(self, block: int) -> None:
        """Wait until the batches of a block can be written: all entries below are given up.

        Only blocks before it are waited for. Threads begin blocks in their order, and give up the
        entries of one without waiting, so this ends.

        Parameters
        ----------
        block : int
        """
        for event in self._given_up[self._first_below[block] : block]:
            event.wait()
