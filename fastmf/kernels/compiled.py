"""How kernels are compiled, and where their compiled code is kept between runs."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from contextlib import suppress
from functools import cache, wraps
from pathlib import Path
from typing import Any

from numba import config, njit
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile
from numba.core.compiler_lock import global_compiler_lock

from fastmf.errors import FastMFError
from fastmf.kernels.numba_start import start_numba

__all__ = ["folder_of", "kernel"]

# What reading a cache that a crash left half on disk can raise.
_DAMAGE = (EOFError, pickle.UnpicklingError)


def kernel(
    function: Callable[..., Any] | None = None, /, *, signature: Any = None, **flags: Any
) -> Any:
    """Compile a function that Python calls: without the GIL, and kept on disk where possible.

    Nothing is compiled or loaded before the first call. Where no folder for compiled code can be
    written, every process compiles anew.

    Parameters
    ----------
    function : callable
    signature : numba signature, optional
        The only types of arguments to compile for; those of the first calls by default.
    **flags
        For `numba.njit`.

    Returns
    -------
    callable
        A Numba dispatcher; or, under ``NUMBA_DISABLE_JIT``, what refuses to be called.
    """
    if function is None:
        return lambda decorated: kernel(decorated, signature=signature, **flags)
    if config.DISABLE_JIT:
        return _refusal(function)
    dispatcher = njit(nogil=True, **flags)(function)
    with suppress(RuntimeError):  # there is no folder to keep it in
        dispatcher._cache = _KernelCache(function)
    if signature is not None:
        _compile_on_first_call(dispatcher, signature)
    return dispatcher


def folder_of(dispatcher: Any) -> str | None:
    """Return the folder that a kernel's compiled code is kept in; None where it is not kept."""
    folder: str | None = dispatcher.stats.cache_path
    return folder


def _refusal(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def refuse(*arguments: Any) -> Any:
        raise FastMFError(
            "fastmf computes with compiled code only, and NUMBA_DISABLE_JIT turns the compiler "
            "off; unset NUMBA_DISABLE_JIT"
        )

    return refuse


def _compile_on_first_call(dispatcher: Any, signature: Any) -> None:
    """Have a dispatcher compile for one signature, whatever it is called with first.

    Numba does so when the module is imported, which costs 0.1 s where nobody recommends.
    """

    def compile_for_signature(*arguments: Any) -> Any:
        with global_compiler_lock:  # of several threads, the first compiles
            if not dispatcher.overloads:
                dispatcher.compile(signature)
        # The dispatcher may still compile, as far as it knows, and asks here for all that does not
        # fit exactly. Turning that off, as Numba does, makes it refuse what it is just looking at
        # for another thread.
        (compiled,) = dispatcher.overloads.values()
        wanted = compiled.signature.args
        given = [dispatcher.typeof_pyval(argument) for argument in arguments]
        convert = dispatcher.typingctx.can_convert
        if len(given) != len(wanted) or None in map(convert, given, wanted):
            raise TypeError(f"{dispatcher.__name__} takes {wanted}, not {tuple(given)}")
        return compiled.entry_point

    dispatcher._compile_for_args = compile_for_signature


class _Places(CompileResultCacheImpl):
    """Where compiled code may be kept, first choice first.

    Numba prefers the folder beside the source. But an uninstalled package leaves that behind, with
    what pip does not know in it, and Python then takes the remains for the package itself.
    """

    _locator_classes = sorted(
        CompileResultCacheImpl._locator_classes, key=lambda place: "InTree" in place.__name__
    )


class _KernelCache(FunctionCache):
    """Numba's cache of compiled code, made safe against upgrades, crashes and full disks."""

    _impl_class = _Places

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp(), _digest_of_kernels()
        self._cache_file = _KernelFiles(self._cache_path, self._impl.filename_base, stamp)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return compiled code; None where there is none that can be used."""
        start_numba()
        try:
            return super().load_overload(sig, target_context)
        except _DAMAGE:
            with suppress(OSError):
                self.flush()
        except OSError:
            pass
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep compiled code, where the disk takes it."""
        with suppress(OSError, *_DAMAGE):
            super().save_overload(sig, data)


class _KernelFiles(IndexDataCacheFile):
    """The files of one kernel: an index, and a file for each variant and processor."""

    def save(self, key: Any, data: Any) -> None:
        """Keep one variant.

        Numba numbers the files in order of their making: two processes that make different
        variants at once can give both the same number, and one is later served for the other.
        Here the number follows from the variant.
        """
        overloads = self._load_index()
        number = int(hashlib.sha256(repr(key).encode()).hexdigest()[:12], 16)
        overloads[key] = self._data_name(number)
        self._save_data(overloads[key], data)
        self._save_index(overloads)


@cache
def _digest_of_kernels() -> str:
    """Return a digest of all kernels' source.

    Numba looks at a kernel's own file only. But compiled code holds the functions of other
    modules too, so that a kernel must not outlive an upgrade of any of them.
    """
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
