"""Large arrays for the time of a training run: in memory, or in files that vanish with it."""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastmf.errors import DataError

__all__ = ["WorkArrays"]


class WorkArrays:
    """Makes uninitialised arrays, in memory or memory-mapped.

    Parameters
    ----------
    folder : pathlib.Path, optional
        Where the arrays' files go; default in memory. The files have no name, so nothing is
        left behind whatever happens to the process.

    Attributes
    ----------
    mapped : bool
        Whether arrays are in files.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._maps: dict[int, mmap.mmap] = {}
        self.mapped = folder is not None

    def empty(self, n: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Return an array of `n` elements, cache-line aligned where mapped.

        Parameters
        ----------
        n : int
        dtype : dtype

        Returns
        -------
        (n,) ndarray
            Writable.

        Raises
        ------
        DataError
            If the disk has no room.
        """
        n_bytes = n * np.dtype(dtype).itemsize
        if self._folder is None or n_bytes == 0:
            return np.empty(n, dtype)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._folder) as file:
                # Reserves the room now: a full disk met through a map would kill the process.
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, n_bytes)
                else:
                    file.truncate(n_bytes)
                mapped = mmap.mmap(file.fileno(), n_bytes)
        except OSError as error:
            raise DataError(
                f"{self._folder}: no {n_bytes / 2**30:.2f} GiB for the blocks of ratings "
                f"({error.strerror}); make room, or name another folder by FASTMF_CACHE_DIR"
            ) from error
        array: npt.NDArray[Any] = np.frombuffer(mapped, dtype)
        self._maps[array.ctypes.data] = mapped
        return array

    def will_need(self, array: npt.NDArray[Any], start: int, stop: int) -> None:
        """Have the system read ``array[start:stop]`` ahead; nothing for an array in memory.

        Parameters
        ----------
        array : ndarray
            As `empty` returned it, or a read-only view of the whole.
        start, stop : int
        """
        self._advise("MADV_WILLNEED", array, start, stop)

    def release(self, array: npt.NDArray[Any], start: int = 0, stop: int | None = None) -> None:
        """Take ``array[start:stop]`` out of this process's memory; a file keeps its content.

        Parameters
        ----------
        array : ndarray
            As for `will_need`.
        start, stop : int, optional
            Default the whole.
        """
        self._advise("MADV_DONTNEED", array, start, len(array) if stop is None else stop)

    def _advise(self, advice: str, array: npt.NDArray[Any], start: int, stop: int) -> None:
        mapped = self._maps.get(array.ctypes.data)
        if mapped is None or not hasattr(mmap, advice) or stop <= start:
            return
        first = start * array.itemsize // mmap.PAGESIZE * mmap.PAGESIZE
        mapped.madvise(getattr(mmap, advice), first, stop * array.itemsize - first)
