"""What is in the wheel and in the source distribution."""

import re
import tarfile
import tomllib
import zipfile
from email.parser import Parser

import pytest
from support.packaging import ROOT, build, unpacked

from sleeptui import __version__


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(built):
    """Its files."""
    with zipfile.ZipFile(built.wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_they_are_named_by_the_version(built):
    assert built.wheel.name == f"sleeptui-{__version__}-py3-none-any.whl"
    assert built.sdist.name == f"sleeptui-{__version__}.tar.gz"


def test_the_wheel_has_the_whole_package_and_nothing_else(wheel):
    own = {name for name in wheel if ".dist-info/" not in name}
    package = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "sleeptui").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert own == package
    for suffix in (".tcss", ".toml"):
        assert any(name.endswith(suffix) for name in own), suffix
    assert "sleeptui/py.typed" in own
    assert "sleeptui/plans/quick.toml" in own


def test_the_wheel_says_what_it_is(wheel):
    folder = f"sleeptui-{__version__}.dist-info"
    said = Parser().parsestr(wheel[f"{folder}/METADATA"].decode())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert said["Requires-Python"] == project["requires-python"]
    needed = {re.split(r"[<>=]", one)[0] for one in said.get_all("Requires-Dist")}
    assert needed == {re.split(r"[<>=]", one)[0] for one in project["dependencies"]}
    program = f"sleeptui = {project['scripts']['sleeptui']}"
    assert program in wheel[f"{folder}/entry_points.txt"].decode().splitlines()
    assert f"{folder}/licenses/LICENSE" in wheel


def test_the_source_distribution_builds_the_same_wheel(built, wheel, tmp_path):
    again = build(unpacked(built.sdist, tmp_path), tmp_path / "dist", "wheel")
    with zipfile.ZipFile(again.wheel) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == wheel


def test_the_source_distribution_has_what_is_needed_to_test_and_to_run_it(built):
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in (
        "pyproject.toml",
        "Makefile",
        "README.md",
        "LICENSE",
        "tests/support/packaging.py",
        "compose/Dockerfile",
        "compose/Dockerfile.dockerignore",
        "compose/panel/compose.yaml",
        "compose/systemd/sleeptui-record.service",
    ):
        assert name in names
    assert not [name for name in names if "__pycache__" in name or name.startswith(".venv")]
