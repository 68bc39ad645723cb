"""What is made of any journal that can be read: files that other programs can read in turn."""

import csv
import io
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import assume, given
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from support.fuzz_journals import journals
from support.fuzzing import fuzz, is_clean, is_told

from sleeptui.core.compare import compare
from sleeptui.core.errors import ExportError, JournalError
from sleeptui.core.session import Session
from sleeptui.recorder.disk import JOURNAL
from sleeptui.recorder.exports.measured import Measured
from sleeptui.recorder.exports.table import EXPORTERS
from sleeptui.recorder.exports.trace_check import check
from sleeptui.recorder.fold import read
from sleeptui.services import as_json, compare_json, compare_words


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("exports")


def session_of(folder: Path, data: bytes) -> Session:
    path = folder / JOURNAL
    path.write_bytes(data)
    try:
        return read(path)
    except JournalError:
        assume(False)
        raise


def no_constant(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def strictly(data: bytes) -> object:
    return json.loads(data, parse_constant=no_constant)


def a_table(data: bytes) -> None:
    rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
    assert len({len(row) for row in rows}) == 1
    assert all(is_clean(cell) for row in rows for cell in row)


def a_page(data: bytes) -> None:
    assert is_clean(data.decode(), lines=True)


def a_trace(data: bytes) -> None:
    trace = strictly(data)
    check(trace["traceEvents"] if isinstance(trace, dict) else trace)


def exposed(data: bytes) -> None:
    assert list(text_string_to_metric_families(data.decode()))


CHECKS = {
    "json": strictly,
    "csv": a_table,
    "requests": a_table,
    "markdown": a_page,
    "trace": a_trace,
    "openmetrics": exposed,
    "plan": lambda data: data.decode(),
    "charts": ET.fromstring,
}
TIMES = {"charts": 3, "markdown": 12}


def test_every_export_is_checked():
    assert set(CHECKS) == set(EXPORTERS)


@pytest.mark.parametrize("name", [name for name in CHECKS if name not in TIMES])
@fuzz(16)
@given(data=journals(wild=False))
def test_a_file_is_what_it_says(folder, name, data):
    made(folder, name, data)


@fuzz(TIMES["markdown"])
@given(data=journals(wild=False))
def test_a_report_has_nothing_that_a_terminal_obeys(folder, data):
    made(folder, "markdown", data)


@fuzz(TIMES["charts"])
@given(data=journals(wild=False))
def test_charts_are_pictures(folder, data):
    made(folder, "charts", data)


def made(folder: Path, name: str, data: bytes) -> None:
    measured = Measured(session_of(folder, data))
    try:
        files = EXPORTERS[name].make(measured)
    except ExportError as error:
        assert is_told(error)
        return
    for content in files.values():
        CHECKS[name](content)


@fuzz(12)
@given(one=journals(wild=False), other=journals(wild=False))
def test_two_sessions_are_compared(folder, one, other):
    comparison = compare(session_of(folder, one), session_of(folder, other), force=True)
    assert strictly(as_json.text("compare", compare_json.of(comparison, forced=True)).encode())
    assert all(is_clean(said.text) for said in compare_words.lines(comparison))
