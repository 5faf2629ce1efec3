"""What fastmf finds on this machine, and what is wrong with it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastmf._version import __version__

__all__ = ["Diagnosis", "Problem", "diagnose"]

_PACKAGES = (
    *("numpy", "numba", "llvmlite", "scipy", "pandas", "pyarrow", "safetensors", "click", "tqdm"),
)
# LLVM's names of vector units, widest first, and the bits of their registers.
_VECTOR_UNITS = (("avx512f", 512), ("avx2", 256), ("avx", 256), ("sse2", 128), ("neon", 128))
_LITTLE = 1 << 30


@dataclass(frozen=True)
class Problem:
    """Something wrong, and its remedy; `broken` where fastmf cannot do its work."""

    what: str
    mend: str
    broken: bool


@dataclass
class Diagnosis:
    """Findings by section, and problems.

    Attributes
    ----------
    sections : dict of str to dict
        Findings, ready for JSON.
    problems : list of Problem
    """

    sections: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_broken(self) -> bool:
        """Whether any problem keeps fastmf from its work."""
        return any(problem.broken for problem in self.problems)

    def warn(self, what: str, mend: str) -> None:
        """Add a problem that makes fastmf slower or more wasteful."""
        self.problems.append(Problem(what, mend, broken=False))

    def fail(self, what: str, mend: str) -> None:
        """Add a problem that keeps fastmf from its work."""
        self.problems.append(Problem(what, mend, broken=True))


def diagnose() -> Diagnosis:
    """Look at versions, processor, threads, BLAS, caches, disk and memory.

    Returns
    -------
    Diagnosis
    """
    diagnosis = Diagnosis()
    examiners: dict[str, Callable[[Diagnosis], dict[str, Any]]] = {
        "versions": _versions,
        "processor": _processor,
        "threads": _threads,
        "blas": _blas,
        "compiled_code": _compiled_code,
        "ratings_cache": _ratings_cache,
        "room": _room,
    }
    for name, examine in examiners.items():
        diagnosis.sections[name] = examine(diagnosis)
    return diagnosis


def _versions(diagnosis: Diagnosis) -> dict[str, Any]:
    found: dict[str, Any] = {
        "fastmf": __version__,
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "system": platform.platform(),
    }
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
            diagnosis.fail(f"{package} is not installed", f"pip install {package}")
    return found


def _processor(diagnosis: Diagnosis) -> dict[str, Any]:
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    vector_bits = next((bits for unit, bits in _VECTOR_UNITS if features.get(unit)), None)
    units = [unit for unit, _ in _VECTOR_UNITS if features.get(unit)]
    chosen = os.environ.get("NUMBA_CPU_NAME")
    if chosen:
        diagnosis.warn(
            f"NUMBA_CPU_NAME={chosen} makes Numba compile for that processor",
            "unset NUMBA_CPU_NAME to use every instruction of this one",
        )
    return {
        "name": _processor_name(),
        "llvm_name": llvm.get_host_cpu_name(),
        "cores": os.cpu_count(),
        "vector_bits": vector_bits,
        "vector_units": ", ".join(units) or "none known",
    }


def _processor_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _threads(diagnosis: Diagnosis) -> dict[str, Any]:
    from fastmf.machine import available_threads

    usable, quota = available_threads(), _processor_quota()
    if quota is not None and usable > quota + 0.5:
        fitting = max(1, round(quota))
        diagnosis.warn(
            f"this container may use {quota:g} processors, but fastmf would start {usable} threads",
            f"add --threads {fitting}",
        )
    return {
        "default": usable,
        "container_quota": quota,
        "how": "plain threads over compiled kernels that release the GIL; Numba's threading layer "
        "(OpenMP, TBB, workqueue) is not used",
    }


def _processor_quota() -> float | None:
    """Return the processors that a control group grants; None without a limit."""
    unified = Path("/sys/fs/cgroup/cpu.max")
    old = Path("/sys/fs/cgroup/cpu")
    try:
        if unified.exists():
            quota, period = unified.read_text().split()
        else:
            quota = (old / "cpu.cfs_quota_us").read_text().strip()
            period = (old / "cpu.cfs_period_us").read_text().strip()
        granted = int(quota) / int(period)
    except (OSError, ValueError):  # no control groups, or "max"
        return None
    return granted if granted > 0 else None


def _blas(diagnosis: Diagnosis) -> dict[str, Any]:
    import numpy as np

    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        built: Any = np.show_config(mode="dicts")
        library = built["Build Dependencies"]["blas"]
        found = f"{library.get('name')} {library.get('version')} (threads unknown)"
    else:
        libraries = [entry for entry in threadpool_info() if entry["user_api"] == "blas"]
        found = "; ".join(
            f"{entry['internal_api']} {entry['version']}, {entry['num_threads']} threads"
            for entry in libraries
        )
    return {
        "library": found or "none loaded",
        "use": "none in training and top-N, so its threads do not collide with fastmf's",
    }


def _compiled_code(diagnosis: Diagnosis) -> dict[str, Any]:
    import numba

    found: dict[str, Any] = {"folder": None, "bytes": 0, "writable": False}
    if numba.config.DISABLE_JIT:
        diagnosis.fail(
            "NUMBA_DISABLE_JIT is set: fastmf computes with compiled code only",
            "unset NUMBA_DISABLE_JIT",
        )
        return found
    try:
        folder = _run_kernel()
    except Exception as error:  # whatever it is, kernels do not work here
        reason = " ".join(str(error).split())
        diagnosis.fail(
            f"compiled kernels do not run: {reason}",
            "reinstall: pip install --force-reinstall numba llvmlite",
        )
        return found
    if folder is None:
        diagnosis.warn(
            "compiled code cannot be kept, for none of the folders for it can be written: every "
            "run compiles again, which takes seconds",
            "name a writable folder with NUMBA_CACHE_DIR",
        )
        return found
    found |= {"folder": str(folder), "bytes": _size(folder), "writable": _is_writable(folder)}
    wanted = os.environ.get("NUMBA_CACHE_DIR")
    if wanted and Path(wanted).absolute() not in folder.absolute().parents:
        diagnosis.warn(
            f"NUMBA_CACHE_DIR={wanted} cannot be used; compiled code is kept in {folder}",
            "name a writable folder, or unset NUMBA_CACHE_DIR",
        )
    if not found["writable"]:
        diagnosis.warn(
            f"the cache of compiled code, {folder}, cannot be written: every run compiles again",
            "name a writable folder with NUMBA_CACHE_DIR",
        )
    return found


def _run_kernel() -> Path | None:
    """Compile, or load, and run one kernel; return the folder its code is kept in, if it is."""
    import numpy as np

    from fastmf.data import Ratings
    from fastmf.kernels.compiled import folder_of
    from fastmf.kernels.tables.sampling import gather_rows

    ratings = Ratings.from_arrays(np.arange(8), np.arange(8), np.arange(8))
    chosen = ratings.select(np.array([0b1010], np.uint8))
    if chosen.value.tolist() != [1.0, 3.0]:
        raise RuntimeError("a kernel computed a wrong result")
    # All kernels are in one folder, and so is their compiled code.
    folder = folder_of(gather_rows)
    return None if folder is None else Path(folder)


def _ratings_cache(diagnosis: Diagnosis) -> dict[str, Any]:
    from fastmf.data import store_cache_folder, store_cache_size

    folder = store_cache_folder()
    writable = _is_writable(folder)
    if not writable:
        diagnosis.warn(
            f"the cache of ratings, {folder}, cannot be written: files are read again every time",
            "name a writable folder with FASTMF_CACHE_DIR",
        )
    return {"folder": str(folder), "bytes": store_cache_size(), "writable": writable}


def _room(diagnosis: Diagnosis) -> dict[str, Any]:
    from fastmf.data import store_cache_folder
    from fastmf.machine import available_memory

    found: dict[str, Any] = {"memory_available": available_memory()}
    places = {
        "cache": store_cache_folder(),
        "temporary_files": Path(tempfile.gettempdir()),
        "current_folder": Path.cwd(),
    }
    for name, folder in places.items():
        free = shutil.disk_usage(_existing(folder)).free
        found[f"disk_free_{name}"] = free
        if free < _LITTLE:
            diagnosis.warn(
                f"only {free >> 20} MiB of disk are free for {name.replace('_', ' ')} ({folder})",
                "make room, or name another folder with FASTMF_CACHE_DIR or TMPDIR",
            )
    memory = found["memory_available"]
    if memory is not None and memory < _LITTLE:
        diagnosis.warn(
            f"only {memory / 2**20:.0f} MiB of memory are available",
            "end other programs, or train with fewer --factors",
        )
    return found


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder


def _is_writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=_existing(folder)):
            return True
    except OSError:
        return False


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
