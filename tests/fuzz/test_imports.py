"""Results of other tools: a session, or one sentence why not."""

import json
from math import isfinite
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.fuzzing import DEEP, as_json, fuzz, is_clean, is_told, mangled, mutated

from sleeptui.core.errors import JournalError
from sleeptui.recorder.disk import JOURNAL
from sleeptui.recorder.fold import read
from sleeptui.recorder.imports.keep import keep
from sleeptui.recorder.imports.table import understood

DATA = Path(__file__).parents[1] / "data/imports"
WHOLE = [one.read_bytes() for one in sorted(DATA.glob("*.json"))]
_OFFLINE = [
    {"avg_latency": 1.5, "latencies": [1.0, 2.0], "percentiles": {"50": 1.5, "99": 2.0}},
    {"elapsed_time": 9.5, "num_requests": 10, "total_num_tokens": 4000,
     "requests_per_second": 1.05, "tokens_per_second": 421.0},
]  # fmt: skip


def small(tree: object) -> object:
    """The same document with short lists: a change then hits what is read."""
    if isinstance(tree, list):
        return [small(one) for one in tree[:2]]
    return {key: small(one) for key, one in tree.items()} if isinstance(tree, dict) else tree


TREES = [small(json.loads(one)) for one in WHOLE if one.count(b"\n{") == 0] + _OFFLINE
ONE = st.sampled_from(TREES).flatmap(lambda tree: mutated(tree, most=4)).map(as_json)
FILES = st.one_of(
    ONE,
    st.lists(ONE, min_size=2, max_size=3).map(b"\n".join),
    st.sampled_from(WHOLE).flatmap(mangled),
    st.binary(max_size=60),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("imports")


@fuzz(100)
@given(content=FILES)
@example(content=DEEP)
@example(content=b"9" * 5000)
@example(content=b"\xef\xbb\xbf{}")
def test_a_file_is_understood_or_told_what_it_is(folder, content):
    try:
        found = understood(content, folder / "result.json")
    except JournalError as error:
        assert is_told(error)
        return
    assert is_clean(found.model, *found.notes)
    for one in found.series:
        assert is_clean(one.name, one.run, one.unit, one.note), one
        assert all(value is None or isfinite(value) for value in one.values)
        assert all(value is None or isfinite(value) for value in one.stats.values())


@fuzz(15)
@given(content=FILES)
def test_what_was_imported_can_be_read(folder, content):
    path = folder / "result.json"
    path.write_bytes(content)
    try:
        found = understood(content, path)
        kept = keep(found, content, path, folder / "sessions")
    except JournalError as error:
        assert is_told(error)
        return
    session = read(kept / JOURNAL)
    assert session.partial is None
    assert len(session.imported) == len(found.series)
