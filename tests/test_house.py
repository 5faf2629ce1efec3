"""The house rules, checked by tools and by looking at every module."""

import ast
import importlib
import inspect
import pkgutil
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import click
import pytest
from numba.core.dispatcher import Dispatcher

import fastmf

ROOT = Path(__file__).resolve().parent.parent
LONGEST_FILE = 330
# Modules that have nothing to export: rooms of which each module is imported by its own name.
DESCRIBED = (
    *("_version", ".kernels", ".alternating", ".autoencoder", ".folding", ".networks", ".tables"),
    ".text",
)
UNTOLD_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}


def run(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def tool(name):
    """Return the path of a tool of this environment, or of the machine."""
    found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed; pip install fastmf[test] brings it")
    return found


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
        ("lint-imports", "--no-cache"),
    ],
    ids=" ".join,
)
def test_tools_find_nothing(command):
    finished = run(tool(command[0]), *command[1:])
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_importing_the_package_loads_no_compiled_library():
    heavy = "numba", "llvmlite", "pandas", "pyarrow", "scipy", "numpy", "tqdm", "click"
    script = f"import fastmf, sys; print(*[name for name in {heavy} if name in sys.modules])"
    finished = run(sys.executable, "-c", script)
    assert finished.stdout.split() == [], finished.stdout + finished.stderr


def test_every_public_name_can_be_had_and_is_listed():
    assert dir(fastmf) == sorted(fastmf.__all__)
    for name in fastmf.__all__:
        assert getattr(fastmf, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = fastmf.no_such_name


def sources(*folders):
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def test_files_are_short_enough_to_read():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in sources("fastmf", "bench", "data_tools")
    }
    assert not {name: n for name, n in lengths.items() if n > LONGEST_FILE}


def test_every_file_has_a_name_that_tells():
    paths = sources("fastmf", "bench", "data_tools")
    assert not [path for path in paths if path.stem in UNTOLD_NAMES]


def test_every_test_module_has_a_module_to_test():
    missing = []
    for path in sources("tests"):
        place = path.relative_to(ROOT / "tests")
        if not path.stem.startswith("test_") or place.parts[0] == "cli" or len(place.parts) == 1:
            continue
        folder = ROOT if place.parts[0] in {"bench", "data_tools"} else ROOT / "fastmf"
        if not (folder / place.parent).is_dir():
            missing.append(str(place))
    assert not missing


KERNELS = sorted(
    ".".join(path.relative_to(ROOT / "fastmf" / "kernels").with_suffix("").parts)
    for path in (ROOT / "fastmf" / "kernels").rglob("*.py")
    # The latter two make kernels run, and hold none.
    if path.stem not in {"__init__", "compiled", "numba_start"}
)


@pytest.mark.parametrize("name", KERNELS)
def test_every_kernel_module_has_a_twin_and_a_test(name):
    *room, module = name.split(".")
    assert (ROOT.joinpath("tests", "reference", *room) / f"{module}.py").exists()
    imported = f"from {'.'.join(['tests', 'reference', *room])} import {module}"
    assert imported in (ROOT.joinpath("tests", "kernels", *room) / f"test_{module}.py").read_text()


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_import_arrays_and_compilers_only(name):
    path = ROOT.joinpath("fastmf", "kernels", *name.split(".")).with_suffix(".py")
    tree = ast.parse(path.read_text())
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module)
    allowed = re.compile(
        r"(numpy|numba|llvmlite|fastmf\.kernels)(\..*)?"
        r"|__future__|collections\.abc|functools|math|typing"
    )
    assert not [module for module in imported if not allowed.fullmatch(module)]


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_are_cached_run_without_the_lock_and_never_in_numba_s_own_threads(name):
    module = importlib.import_module(f"fastmf.kernels.{name}")
    for key, value in vars(module).items():
        if not isinstance(value, Dispatcher) or value.py_func.__module__ != module.__name__:
            continue
        assert not value.targetoptions.get("parallel"), key
        if key in module.__all__:  # others are called from within these
            assert value.targetoptions.get("nogil"), key
            assert type(value._cache).__name__ != "NullCache", f"{key} is not cached"


def modules():
    """Yield every module of the package."""
    for found in pkgutil.walk_packages(fastmf.__path__, "fastmf."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def public_objects():
    """Yield name and value of all that modules define and export, methods included."""
    for module in modules():
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            function = inspect.unwrap(getattr(value, "py_func", value))
            if getattr(function, "__module__", None) != module.__name__:
                continue
            yield f"{module.__name__}.{name}", value
            if inspect.isclass(value):
                for key, member in vars(value).items():
                    if not key.startswith("_") and callable(getattr(value, key)):
                        yield f"{module.__name__}.{name}.{key}", getattr(value, key)
                    elif not key.startswith("_") and isinstance(member, property):
                        yield f"{module.__name__}.{name}.{key}", member.fget


def test_every_module_says_what_it_exports():
    without = [
        module.__name__
        for module in modules()
        if not hasattr(module, "__all__") and not module.__name__.endswith(DESCRIBED)
    ]
    assert not without


def test_everything_public_is_documented():
    undocumented = [
        name
        for name, value in public_objects()
        if callable(value) and not (inspect.getdoc(value) or "").strip()
    ]
    undocumented += [module.__name__ for module in modules() if not module.__doc__]
    assert not [name for name in undocumented if not name.endswith("kernels")]


def takes_parameters(function):
    parameters = list(inspect.signature(function).parameters)
    return [name for name in parameters if name not in {"self", "cls"}]


def is_plain_function(value):
    """Whether this is a function of a module: no class, method, command or intrinsic."""
    function = getattr(value, "py_func", value)
    return inspect.isfunction(function) and "." not in function.__qualname__


def documents_parameters(text):
    """Whether a docstring lists parameters, or says where they are listed."""
    return "Parameters\n---" in text or "ee `" in text


def test_functions_document_what_they_take():
    lacking = []
    for name, value in public_objects():
        if not is_plain_function(value) or isinstance(value, click.Command):
            continue
        function = getattr(value, "py_func", value)
        # What one argument is, a sentence tells.
        many = len(takes_parameters(function)) > 1
        if many and not documents_parameters(inspect.getdoc(function) or ""):
            lacking.append(name)
    assert not lacking


def test_classes_of_the_public_api_document_what_their_methods_take():
    lacking = []
    for name in fastmf.__all__:
        cls = getattr(fastmf, name)
        if not inspect.isclass(cls) or issubclass(cls, Exception):
            continue
        text = inspect.getdoc(cls)
        if takes_parameters(cls) and not re.search(r"(Parameters|Attributes)\n---", text):
            lacking.append(name)
        for key in dir(cls):
            member = getattr(cls, key)
            if key.startswith("_") or not inspect.isroutine(member):
                continue
            if takes_parameters(member) and not documents_parameters(inspect.getdoc(member) or ""):
                lacking.append(f"{name}.{key}")
    assert not lacking


USE_EVERYTHING = """
import gc, pathlib, sys
import numpy as np
from numba.core.dispatcher import Dispatcher
import fastmf
from fastmf import ALS, BiasedMF, ImplicitALS, Ratings, RunSettings
from fastmf import evaluate, random_split, read_ratings
from fastmf.models import MODELS, model_class

folder = pathlib.Path(sys.argv[1])
rng = np.random.default_rng(0)
cells = rng.choice(80 * 60, 3000, replace=False)
users, items = cells // 60, cells % 60
stars, plain = rng.integers(1, 6, 3000), rng.normal(3, 1, 3000)
(folder / "ratings.csv").write_text(
    "userId,movieId,rating\\n"
    + "".join(f"{u},{i},{r}\\n" for u, i, r in zip(users, items, stars))
)
tables = [
    Ratings.from_arrays(users, items, stars),
    Ratings.from_arrays([f"u{user}" for user in users], items, plain),
    read_ratings(folder / "ratings.csv"),
    read_ratings(folder / "ratings.csv"),
]
for table in tables:
    for threads, valid, factors in ((1, None, 5), (2, 0.1, 50), (3, tables[0], 15)):
        run = RunSettings(num_threads=threads)
        model = BiasedMF(factors, epochs=2).fit(table, valid, run=run)
        model.save(folder / "model")
        for fitted in (model, fastmf.load_model(folder / "model")):
            some = fitted.users_.take([0, 1]), fitted.items_.take([2, 3])
            fitted.predict(*some)
            fitted.predict(some[0], ["unknown", "x"])
            fitted.recommend(some[0], seen=table, run=run)
            fitted.recommend(["unknown"], seen=random_split(table, 0.5)[0])
            fitted.similar_items(some[1][0])
            evaluate(fitted, table, run=run)
            evaluate(fitted, random_split(tables[0], 0.2)[1], run=run)
variants = (
    {"loss": "absolute"},
    {"loss": "logistic", "non_negative": True},
    {"loss": "sigmoid", "biases": False},
    {"non_negative": True},
)
for table in tables[1:]:
    for variant in variants:
        model = BiasedMF(5, epochs=2, **variant).fit(table, 0.1)
        model.save(folder / "model")
        for fitted in (model, fastmf.load_model(folder / "model")):
            fitted.recommend([fitted.users_.take([0])[0], "unknown"], seen=table)
            evaluate(fitted, table)
for table in (*tables[1:], random_split(tables[0], 0.5)[0]):
    for model in (
        ALS(5, epochs=2),
        ALS(40, epochs=2, implicit_features=True),
        ALS(5, epochs=2, solver="cg"),
        ALS(5, epochs=2, solver="block"),
        ALS(40, epochs=2, solver="cg", implicit_features=True),
        ImplicitALS(5, epochs=2),
        ImplicitALS(40, epochs=2),
        ImplicitALS(5, epochs=2, solver="block"),
    ):
        explicit = model.kind == "als"
        given = table if explicit else fastmf.clean_ratings(table, min_rating=0)
        model.fit(given, 0.1).save(folder / "model")
        for fitted in (model, fastmf.load_model(folder / "model")):
            fitted.recommend([fitted.users_.take([0])[0], "unknown"], seen=given)
            if explicit:
                evaluate(fitted, given)
timed = Ratings.from_arrays(users, items, stars, cells)
whole = [timed, *tables[1:], fastmf.clean_ratings(timed, sample=0.9, min_user_ratings=20)]
for table in [part for table in whole for part in (table, random_split(table, 0.5)[0])]:
    some = {"num_threads": 2, "keep_known": True}
    fastmf.clean_ratings(table, min_rating=0, top_items=50, sample_users=0.9, sample=0.9)
    fastmf.user_split(table, 0.2, **some)
    fastmf.leave_n_out(table, 1, **some)
    fastmf.last_split(table, 1, **some)
    fastmf.pairs_split(table, random_split(table, 0.1)[1], **some)
    for train, held_out in fastmf.k_folds(table, 3, **some):
        fastmf.clean_ratings(train, min_item_ratings=2, until_stable=True)
    if table.has_time:
        fastmf.time_split(table, 0.1, **some)
titles = {"item_id": range(60), "genres": ["Drama|War", "Crime"] * 30, "year": range(60)}
networks = [kind for kind in MODELS if kind not in ("mf", "als", "implicit-als")]
for table, threads in ((tables[0], 1), (tables[2], 2)):
    run = RunSettings(num_threads=threads)
    for kind in networks:
        more = {"items": titles} if kind == "hybrid" else {}
        model = model_class(kind)(epochs=1).fit(table, 0.1, run=run, **more)
        model.save(folder / "model")
        for fitted in (model, fastmf.load_model(folder / "model")):
            fitted.predict(fitted.users_.take([0, 1]), fitted.items_.take([2, 3]))
            fitted.recommend([*fitted.users_.take([0, 1]), -5], seen=table, run=run)
            fitted.similar_items(fitted.items_.take([2])[0])
            if kind != "interaction":
                evaluate(fitted, table, run=run)
compiled = 0
for value in gc.get_objects():  # some are made inside functions
    if isinstance(value, Dispatcher) and value.py_func.__module__.startswith("fastmf.kernels"):
        compiled += bool(value.signatures)
        if len(value.signatures) > 1:
            print(value.py_func.__module__, value.py_func.__qualname__)
            print("", *value.signatures, sep="\\n    ")
assert compiled > 15, compiled
"""


def test_every_kernel_is_compiled_once_whatever_it_is_used_for(tmp_path):
    finished = run(sys.executable, "-c", USE_EVERYTHING, str(tmp_path))
    assert finished.returncode == 0, finished.stderr
    assert not finished.stdout, finished.stdout
