"""What is loaded when: quick starts, and restoring without torch."""

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pellucid

ROOT = Path(pellucid.__file__).parent
HEAVY = ("torch", "onnxruntime", "matplotlib", "scipy", "tifffile", "jinja2")
NO_TORCH = ("optics", "imaging", "bcr", "solvers", "assess", "io", "restore", "simulate")
#: Lowest first; a package may import those before it.
LAYERS = (
    "errors", "optics", "imaging", "bcr", "io", "solvers", "weights", "simulate", "restore",
    "assess", "nets", "train", "export", "demo", "psf_file", "preview", "training", "sweep",
    "commands",
    "cli",
)  # fmt: skip


def modules_after(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def best_seconds(*command: str) -> float:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, *command], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return min(times)


def test_import_loads_nothing_heavy() -> None:
    assert not modules_after("import pellucid") & set(HEAVY)


def test_help_loads_nothing_heavy() -> None:
    loaded = modules_after(
        "from typer.testing import CliRunner\nfrom pellucid.cli import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0"
    )
    assert not loaded & {*HEAVY, "numpy"}


def test_import_and_help_are_quick() -> None:
    bare = best_seconds("-c", "pass")
    assert best_seconds("-c", "import pellucid") - bare < 0.3
    assert best_seconds("-m", "pellucid.cli", "--help") < 0.5


def test_restoring_needs_no_torch() -> None:
    code = (
        "class NoTorch:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name.partition('.')[0] == 'torch': raise ImportError(name)\n"
        "sys.meta_path.insert(0, NoTorch())\n"
        "import numpy as np, pellucid\n"
        "x = np.random.default_rng(0).random((40, 40))\n"
        "assert pellucid.restore(x).shape == (40, 40)\n"
        "m = pellucid.Microscope(numerical_aperture=1.2, emission_nm=525, pixel_size_um=0.08)\n"
        "pellucid.restore(x, 'wiener', microscope=m)\n"
        "pellucid.restore(x, 'richardson-lucy', microscope=m)"
    )
    assert "matplotlib" not in modules_after(code)


def imported_layers(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {n.split(".")[1] for n in names if n.startswith("pellucid.")}
    return found


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.name))
def test_dependencies_point_downwards(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] == "__init__":
        return
    own = LAYERS.index(parts[0])
    for other in imported_layers(path):
        assert LAYERS.index(other) <= own, f"{path} imports {other}"
    if parts[0] in NO_TORCH:
        tree = ast.parse(path.read_text("utf-8"))
        top = [n for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
        assert not any("torch" in ast.dump(node) for node in top)


def test_every_public_name_exists() -> None:
    for name in pellucid.__all__:
        assert getattr(pellucid, name) is not None
    assert set(pellucid.__all__) <= set(dir(pellucid))


def test_lazy_names_of_optics_do_not_depend_on_what_was_imported_before() -> None:
    code = (
        "import importlib, pkgutil, pellucid.optics as optics\n"
        "for module in pkgutil.iter_modules(optics.__path__):\n"
        "    importlib.import_module(f'pellucid.optics.{module.name}')\n"
        "for name in optics.__all__:\n"
        "    value = getattr(optics, name)\n"
        "    assert type(value).__name__ != 'module', name\n"
        "assert set(optics.__all__) <= set(dir(optics))"
    )
    modules_after(code)


def test_a_network_restores_without_the_rest_of_optics() -> None:
    loaded = modules_after(
        "import numpy as np, pellucid\npellucid.restore(np.random.default_rng(0).random((40, 40)))"
    )
    assert "pellucid.optics.field" not in loaded
    assert "scipy.interpolate" not in loaded
