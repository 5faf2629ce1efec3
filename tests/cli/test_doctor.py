"""`fastmf doctor`: findings, problems and their mends."""

import json
import os

import numba
import pytest

from fastmf._version import __version__
from fastmf.cli import diagnosis
from fastmf.kernels import compiled


def test_findings_of_a_sound_machine(run_json, cache_folder):
    report = run_json("doctor")
    assert report["broken"] is False
    assert report["versions"]["fastmf"] == __version__
    assert report["versions"]["numba"] == numba.__version__
    assert report["processor"]["cores"] == os.cpu_count()
    assert report["threads"]["default"] >= 1
    assert "threading layer" in report["threads"]["how"]
    assert report["blas"]["library"]
    assert report["compiled_code"]["bytes"] > 0
    assert report["ratings_cache"]["folder"] == str(cache_folder / "stores")
    assert report["ratings_cache"]["bytes"] == 0
    assert report["room"]["disk_free_cache"] > 0


def test_the_text_says_the_same(run):
    shown = run("doctor").stdout
    for part in ("numba", "vector bits", "container quota", "Ratings cache", "disk free"):
        assert part in shown


def test_the_size_of_the_ratings_cache(run, run_json, ratings):
    run("inspect", ratings)
    assert run_json("doctor")["ratings_cache"]["bytes"] > 1000


def test_without_the_compiler_it_is_broken(run, monkeypatch):
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    result = run("doctor", status=1)
    assert "broken: NUMBA_DISABLE_JIT is set" in result.stdout
    assert "mend: unset NUMBA_DISABLE_JIT" in result.stdout


def test_a_missing_package_is_broken(run_json, monkeypatch):
    monkeypatch.setattr(diagnosis, "_PACKAGES", ("numpy", "no-such-package"))
    report = run_json("doctor", status=1)
    assert report["broken"] is True
    assert report["problems"][0]["mend"] == "pip install no-such-package"


def test_kernels_that_do_not_run_are_broken(run, monkeypatch):
    def fail():
        raise RuntimeError("cannot cache function:\nno locator available")

    monkeypatch.setattr(diagnosis, "_run_kernel", fail)
    result = run("doctor", status=1)
    assert "kernels do not run: cannot cache function: no locator available" in result.stdout


def test_compiled_code_that_cannot_be_kept_is_a_warning(run_json, monkeypatch):
    # No folder is writable: `folder_of` is tested with its kernels.
    monkeypatch.setattr(compiled, "folder_of", lambda _: None)
    report = run_json("doctor")
    assert report["broken"] is False
    assert report["compiled_code"] == {"folder": None, "bytes": 0, "writable": False}
    problem = next(problem for problem in report["problems"] if "compiled code" in problem["what"])
    assert "cannot be kept" in problem["what"]
    assert "NUMBA_CACHE_DIR" in problem["mend"]


def test_a_cache_that_cannot_be_written_is_a_warning(run, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("FASTMF_CACHE_DIR", str(tmp_path / "file" / "cache"))
    result = run("doctor")
    assert "warning: the cache of ratings" in result.stdout
    assert "FASTMF_CACHE_DIR" in result.stdout


def test_a_container_with_fewer_processors_than_threads(monkeypatch):
    monkeypatch.setattr("fastmf.machine.available_threads", lambda: 8)
    monkeypatch.setattr(diagnosis, "_processor_quota", lambda: 1.5)
    found = diagnosis.Diagnosis()
    diagnosis._threads(found)
    assert [problem.mend for problem in found.problems] == ["add --threads 2"]
    assert not found.is_broken


def test_little_room_is_a_warning(monkeypatch):
    monkeypatch.setattr("fastmf.machine.available_memory", lambda: 100 << 20)
    found = diagnosis.Diagnosis()
    diagnosis._room(found)
    assert any("100 MiB of memory" in problem.what for problem in found.problems)


@pytest.mark.parametrize("chosen", ["generic"])
def test_a_foreign_processor_name_is_a_warning(monkeypatch, chosen):
    monkeypatch.setenv("NUMBA_CPU_NAME", chosen)
    found = diagnosis.Diagnosis()
    diagnosis._processor(found)
    assert "unset NUMBA_CPU_NAME" in found.problems[0].mend


@pytest.mark.parametrize("usable", [True, False])
def test_the_folder_of_compiled_code(start, tmp_path, monkeypatch, usable):
    (tmp_path / "file").touch()
    folder = tmp_path / ("compiled" if usable else "file/compiled")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder))
    process = start("doctor", "--json")
    out, err = process.communicate(timeout=120)
    assert err == ""
    report = json.loads(out)
    warned = any("NUMBA_CACHE_DIR" in problem["what"] for problem in report["problems"])
    assert warned is not usable
    assert report["compiled_code"]["folder"].startswith(str(folder)) is usable
