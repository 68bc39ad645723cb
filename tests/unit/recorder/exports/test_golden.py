"""Every export of the golden session, byte for byte, wherever and whenever it is made."""

import os
import subprocess
import sys

import pytest
from golden import (
    BENCH,
    EXPERIMENT,
    GOLDEN,
    MADE,
    MEASURED,
    benchmarked,
    experimented,
    measured,
)

from sleeptui.recorder.exports.table import EXPORTERS, files, usual


def names(folder):
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "journal.jsonl")
    return sorted(str(path.relative_to(folder)) for path in files)


NAMES = names(GOLDEN)


@pytest.fixture(scope="module")
def made(session):
    return files(session, tuple(EXPORTERS))


@pytest.fixture(scope="module")
def bench_made():
    return benchmarked()


def test_all_files_are_golden(made):
    assert sorted(made) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_as_it_was(name, made):
    """Meant to change: python -m tests.golden writes them anew."""
    assert made[name] == (GOLDEN / name).read_bytes()


def test_all_files_of_the_benchmark_are_golden(bench_made):
    assert sorted(bench_made) == names(BENCH)


@pytest.mark.parametrize("name", names(BENCH))
def test_a_file_of_the_benchmark_is_as_it_was(name, bench_made):
    assert bench_made[name] == (BENCH / name).read_bytes()


def test_the_session_of_a_real_gpu_is_reported_as_it_was():
    """Recorded and reported on another machine; the bytes are the same here."""
    made = measured()
    kept = {str(path.relative_to(MEASURED)) for path in MEASURED.rglob("*") if path.is_file()}
    assert set(made) == kept - {"journal.jsonl"}
    assert [name for name in made if made[name] != (MEASURED / name).read_bytes()] == []


def test_the_page_of_the_experiment_is_made_from_its_journal():
    """Figures only from there: what stands above is words about them."""
    made = experimented()
    charts = {str(path.relative_to(EXPERIMENT)) for path in EXPERIMENT.glob("charts/*")}
    assert set(made) == charts | {"report.md", "results.json"}
    assert MADE in made["report.md"]
    assert [name for name in made if made[name] != (EXPERIMENT / name).read_bytes()] == []


def test_the_usual_formats_leave_out_what_has_to_be_asked_for():
    assert set(EXPORTERS) - set(usual()) == {"openmetrics"}


def test_a_report_comes_with_its_charts(session):
    assert {name.partition("/")[0] for name in files(session, ("markdown",))} == {
        "report.md",
        "charts",
    }


def test_place_time_zone_locale_and_settings_of_others_change_nothing(tmp_path):
    (tmp_path / "matplotlibrc").write_text("font.size: 31\nsvg.hashsalt: other\n")
    script = (
        "import sys; from pathlib import Path\n"
        "from sleeptui.recorder.exports.table import EXPORTERS, files\n"
        "from sleeptui.recorder.fold import read\n"
        "journal, to = map(Path, sys.argv[1:])\n"
        "for name, data in files(read(journal), tuple(EXPORTERS)).items():\n"
        "    (to / name).parent.mkdir(exist_ok=True)\n"
        "    (to / name).write_bytes(data)\n"
    )
    elsewhere = {
        **os.environ,
        "TZ": "Asia/Kolkata",
        "LC_ALL": "C",
        "LANG": "tr_TR.UTF-8",
        "PYTHONHASHSEED": "7",
        "PYTHONUTF8": "0",
    }
    subprocess.run(
        [sys.executable, "-c", script, str(GOLDEN / "journal.jsonl"), str(tmp_path)],
        cwd=tmp_path,
        env=elsewhere,
        check=True,
    )
    assert [n for n in NAMES if (tmp_path / n).read_bytes() != (GOLDEN / n).read_bytes()] == []
