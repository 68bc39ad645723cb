"""Docker Compose, whichever of the two there is."""

import shutil
import subprocess

import pytest


def compose_command() -> list[str]:
    """``docker compose``, else ``docker-compose``; skips the test where there is neither."""
    plugin = ["docker", "compose"]
    if shutil.which("docker"):
        done = subprocess.run([*plugin, "version"], capture_output=True, check=False)
        if done.returncode == 0:
            return plugin
    if shutil.which("docker-compose") is None:
        pytest.skip("there is no Docker Compose here")
    return ["docker-compose"]


def without(text: str, key: str) -> str:
    """A Compose file without the setting of its service, with all that is indented below it."""
    kept: list[str] = []
    is_dropped, indent = False, f"    {key}:"
    for line in text.splitlines(keepends=True):
        if line.startswith("     ") and is_dropped:
            continue
        is_dropped = line.startswith(indent)
        if not is_dropped:
            kept.append(line)
    assert len(kept) < len(text.splitlines()), f"there is no {key}"
    return "".join(kept)
