"""The gallery has every screen, and takes each in both sizes, dark and light."""

import subprocess
import sys
from pathlib import Path

import gallery

ROOT = Path(__file__).parents[2]
OF = {"server": "dashboard", "confirm": "sleep-all"}
"""Screens that are seen under another name."""


def test_every_screen_is_in_it():
    modules = {path.stem for path in (ROOT / "sleeptui/tui/screens").glob("*.py")} - {"__init__"}
    named = {OF.get(name, name.replace("_", "-")) for name in modules}
    assert named <= set(gallery.SCENES)
    others = {
        "help",
        "palette",
        "filter",
        "empty",
        "too-small",
        "ascii",
        "benchmark-plans",
        "benchmark-ended",
    }
    assert others <= set(gallery.SCENES)


def test_a_screen_is_taken_in_each_variant(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.gallery", str(tmp_path), "empty"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    taken = {path.stem for path in tmp_path.glob("*.png")}
    assert taken == {f"empty-{variant}" for variant in gallery.VARIANTS}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in tmp_path.glob("*.png"))
    full = (tmp_path / "empty-full-dark.txt").read_text().splitlines()
    small = (tmp_path / "empty-compact-light.txt").read_text().splitlines()
    assert (len(full), len(small)) == (36, 24)
