"""The import contracts hold, and what must stay light stays light."""

import subprocess
import sys

import pytest

HEAVY = (
    "httpx",
    "docker",
    "psutil",
    "pynvml",
    "prometheus_client",
    "plotext",
    "starlette",
    "uvicorn",
    "msgspec",
    "hypothesis",
    "sleeptui.core.session",
    "sleeptui.core.environment",
)


def modules_after(statement):
    """The modules that a fresh interpreter has loaded after a statement."""
    script = f"import sys; {statement}; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_the_contracts_of_pyproject_hold():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as run; run()",
            "--no-cache",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "module",
    [
        "sleeptui",
        "sleeptui.cli",
        "sleeptui.wiring",
        "sleeptui.core.fleet",
        "sleeptui.services.panel",
        "sleeptui.tui.app",
        "sleeptui.tui.screens.dashboard",
        "sleeptui.sim.scenario",
    ],
)
def test_the_way_to_the_first_frame_is_light(module):
    loaded = modules_after(f"import {module}")
    assert not {name for name in HEAVY if name in loaded}


def test_the_core_is_the_standard_library_alone():
    loaded = modules_after(
        "import sleeptui.core.fleet, sleeptui.core.lifecycle, sleeptui.core.ports"
    )
    outside = {
        name.partition(".")[0]
        for name in loaded
        if name.partition(".")[0] not in sys.stdlib_module_names | {"sleeptui", "__main__"}
    }
    startup = {name.partition(".")[0] for name in modules_after("pass")}
    assert outside <= startup
    assert "asyncio" not in loaded


def test_the_package_alone_loads_nothing():
    assert {name for name in modules_after("import sleeptui") if name.startswith("sleeptui")} == {
        "sleeptui"
    }


@pytest.mark.parametrize("package", ["core", "services", "adapters", "sim"])
def test_textual_stays_in_the_panel(package):
    import importlib
    import pkgutil

    root = importlib.import_module(f"sleeptui.{package}")
    names = [
        info.name
        for info in pkgutil.walk_packages(root.__path__, f"sleeptui.{package}.")
        if not info.name.endswith("__main__")
    ]
    loaded = modules_after("import " + ", ".join(names))
    assert not {"textual", "plotext"} & loaded  # httpx's own command line loads Rich
