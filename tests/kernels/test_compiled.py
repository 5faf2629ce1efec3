"""How kernels are compiled: lazily, kept where possible, and never served stale."""

import importlib.util
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
from numba import config, types

import fastmf
from fastmf.kernels import compiled
from fastmf.kernels.compiled import folder_of, kernel
from fastmf.kernels.grid import add_counts

REPOSITORY = Path(__file__).resolve().parents[2]
FLOATS = types.Array(types.float32, 1, "C", readonly=True)

PROGRAM = """
import numpy as np
from fastmf.data import Ratings
from fastmf.kernels.compiled import folder_of
from fastmf.models.biased_mf import BiasedMF

rng = np.random.default_rng(0)
cells = rng.choice(400, 200, replace=False)
ratings = Ratings.from_arrays(cells // 20, cells % 20, rng.integers(1, 6, 200))
model = BiasedMF(4, epochs=2).fit(ratings)
model.recommend([cells[0] // 20])
from fastmf.kernels.grid import add_counts
from fastmf.kernels.topn import score_rows

print(folder_of(add_counts), sum(add_counts.stats.cache_hits.values()),
      sum(score_rows.stats.cache_hits.values()), model.user_factors_.tobytes().hex())
"""


def run(script, folder, **environment):
    """Run a script with the package in a folder, and return the words it prints."""
    finished = subprocess.run(
        [sys.executable, "-B", "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.split()


@pytest.fixture
def package(tmp_path):
    """Copy the package, with a file where its folder of compiled code would be."""
    for source in (REPOSITORY / "fastmf").rglob("*.py"):
        copy = tmp_path / source.relative_to(REPOSITORY)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(source.read_bytes())
    (tmp_path / "fastmf" / "kernels" / "__pycache__").touch()
    return tmp_path


def test_kernels_run_where_nothing_can_be_kept(package):
    nowhere = {"HOME": "/dev/null/home", "NUMBA_CACHE_DIR": str(package / "fastmf/__init__.py/x")}
    nowhere["XDG_CACHE_HOME"] = "/dev/null/cache"
    folder, *hits, factors = run(PROGRAM, package, **nowhere)
    assert (folder, *hits) == ("None", "0", "0")
    kept = {"NUMBA_CACHE_DIR": str(package / "compiled")}
    assert run(PROGRAM, package, **kept)[1:] == ["0", "0", factors]
    folder, *hits, again = run(PROGRAM, package, **kept)
    assert folder.startswith(kept["NUMBA_CACHE_DIR"])
    assert hits == ["1", "1"]
    assert again == factors


CALL_DOUBLED = """
import numpy as np
from fastmf.kernels.outer import outer

print(outer(np.float64(5)), sum(outer.stats.cache_hits.values()))
"""


def test_compiled_code_does_not_outlive_a_change_of_what_it_calls(package):
    kernels = package / "fastmf" / "kernels"
    (kernels / "outer.py").write_text(
        textwrap.dedent("""
        from fastmf.kernels.compiled import kernel
        from fastmf.kernels.inner import inner

        @kernel
        def outer(number):
            return inner(number)
        """)
    )
    kept = {"NUMBA_CACHE_DIR": str(package / "compiled")}
    results = []
    for factor in (2, 2, 3, 3):
        (kernels / "inner.py").write_text(
            "from fastmf.kernels.compiled import kernel\n\n@kernel\n"
            f"def inner(number):\n    return number * {factor}\n"
        )
        results.append(run(CALL_DOUBLED, package, **kept))
    assert results == [["10.0", "0"], ["10.0", "1"], ["15.0", "0"], ["15.0", "1"]]


TOTAL = """
from fastmf.kernels.compiled import kernel

@kernel
def total(numbers):
    result = 0.0
    for number in numbers:
        result += number
    return result
"""


@pytest.fixture
def total(tmp_path, monkeypatch):
    """Make a kernel, anew at every call as another process would, that keeps its code here."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "compiled"))
    file = tmp_path / "totals.py"
    file.write_text(TOTAL)

    def make():
        spec = importlib.util.spec_from_file_location("totals", file)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "totals", module)
        spec.loader.exec_module(module)
        return module.total

    return make


def test_a_cache_that_a_crash_damaged_is_made_anew(total):
    numbers = np.arange(4.0)
    assert total()(numbers) == 6
    for damaged in ("*.nbi", "*.nbc"):
        again = total()
        assert again(numbers) == 6
        assert sum(again.stats.cache_hits.values()) == 1
        files = list(Path(folder_of(again)).glob(damaged))
        assert files
        for file in files:
            file.write_bytes(b"")
        mended = total()
        assert mended(numbers) == 6
        assert sum(mended.stats.cache_hits.values()) == 0


def test_a_full_disk_does_not_keep_a_kernel_from_running(total, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compiled.IndexDataCacheFile, "_save_data", refuse)
    assert total()(np.arange(4.0)) == 6


def test_variants_made_at_once_by_two_processes_are_not_mixed_up(total):
    first, second = total()._cache._cache_file, total()._cache._cache_file
    write = first._save_data
    second._load_index = dict  # it looked before the first wrote anything

    def write_late(name, data):
        second.save("variant 2", "code 2")
        write(name, data)

    first._save_data = write_late
    first.save("variant 1", "code 1")
    fresh = total()._cache._cache_file
    assert fresh.load("variant 1") in (None, "code 1")
    assert fresh.load("variant 2") in (None, "code 2")


def sum_of(numbers):
    result = np.float32(0)
    for number in numbers:
        result += number
    return result


def test_a_signature_is_compiled_at_the_first_call_and_no_other_ever():
    dispatcher = kernel(sum_of, signature=types.float32(FLOATS))
    assert not dispatcher.signatures
    numbers = np.arange(5, dtype=np.float32)
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(dispatcher(numbers))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [10] * 4
    frozen = numbers.copy()
    frozen.setflags(write=False)
    assert dispatcher(frozen) == 10
    with pytest.raises(TypeError, match="sum_of takes"):
        dispatcher(np.arange(5))
    assert dispatcher.signatures == [(FLOATS,)]


def test_what_does_not_fit_a_signature_is_refused_at_the_first_call_too():
    dispatcher = kernel(sum_of, signature=types.float32(FLOATS))
    with pytest.raises(TypeError, match="sum_of takes"):
        dispatcher(np.arange(5))


def test_the_folder_of_a_kernel_that_is_kept(total):
    assert Path(folder_of(total())).is_dir()


def test_without_the_compiler_one_line_says_so(package):
    script = """
import numpy as np
import fastmf
try:
    fastmf.BiasedMF(2).fit(fastmf.Ratings.from_arrays([1, 2], [1, 2], [1, 2]))
except fastmf.FastMFError as error:
    print(str(error))
"""
    told = " ".join(run(script, package, NUMBA_DISABLE_JIT="1"))
    assert told.endswith("unset NUMBA_DISABLE_JIT")


def test_compiled_code_is_not_kept_in_the_package():
    """Uninstalling would leave the folder behind, and Python would import it as `fastmf`."""
    package = Path(fastmf.__file__).parent
    folder = folder_of(add_counts)
    assert folder is None or not Path(folder).is_relative_to(package)
