"""The wheel, installed alone in a fresh environment of each Python, used from another folder."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from golden import JOURNAL
from support.packaging import ROOT, VERSIONS, build, environment, interpreter
from support.terminal import Terminal

from sleeptui import __version__

pytestmark = pytest.mark.timeout(300)  # a busy machine, and packages may have to be fetched


@dataclass(frozen=True)
class Installed:
    """The program of an environment, and a folder to use it in."""

    program: Path
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """No PYTHONPATH, no configuration: nothing of the checkout can be found."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8"}

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.program, *arguments],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, code: int = 0) -> str:
        """What it writes."""
        with self.begin(*arguments) as child:
            out, err = child.communicate(timeout=240)
        assert child.returncode == code, err
        return out


@pytest.fixture(
    scope="module",
    params=[pytest.param(one, marks=pytest.mark.xdist_group(f"wheel-{one}")) for one in VERSIONS],
)
def installed(request, tmp_path_factory):
    python = interpreter(request.param)
    folder = tmp_path_factory.mktemp("alone")
    wheel = build(ROOT, folder / "dist", "wheel").wheel
    (folder / "home").mkdir()
    return Installed(environment(python, folder / "venv", wheel), folder / "home")


def test_it_is_the_installed_one_that_runs(installed):
    assert installed.run("--version") == f"sleeptui {__version__}\n"
    done = subprocess.run(
        [installed.program.with_name("python"), "-c", "import sleeptui; print(sleeptui.__file__)"],
        cwd=installed.home,
        env=installed.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"{installed.program.parents[1]}/")


def test_the_panel_shows_the_demo(installed):
    with Terminal(
        ["--demo"],
        program=[str(installed.program)],
        environment={**installed.environment, "PYTHONPATH": ""},
        cwd=installed.home,
    ) as panel:
        panel.row_shows("summarize", "AWAKE", limit_s=60)
        panel.row_shows("code", "ASLEEP L1")
        panel.press("q")
        assert panel.ended() == 0
        assert panel.is_restored


def test_every_kind_of_command_works(installed):
    """All at once: most of their time is waiting."""
    begun = {
        "doctor": installed.begin("doctor", "--demo", "faults", "--json"),
        "bench": installed.begin("bench", "quick", "--demo", "exp1", "--dry-run"),
        "report": installed.begin("report", str(JOURNAL.parent), "--to", "made"),
    }
    said = {name: child.communicate(timeout=240) for name, child in begun.items()}
    codes = {name: child.returncode for name, child in begun.items()}
    # A server of that fleet hangs: not everything is seen in time.
    assert codes == {"doctor": 4, "bench": 0, "report": 0}, said
    document = json.loads(said["doctor"][0])
    assert "garbage" in {server["name"] for server in document["servers"]}
    assert "Wake against cold start" in said["bench"][0]
    report = installed.home / said["report"][0].strip()
    assert (report.parent / "report.md").read_text().startswith("# ")
    assert list((report.parent / "charts").glob("*.svg"))
