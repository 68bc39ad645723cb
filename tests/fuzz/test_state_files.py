"""Files of our own that something else has written to: the notebook, started servers, locks."""

import fcntl
import os

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.builders import reference, spec, token
from support.clock import ManualClock
from support.fuzzing import DEEP, VALUES, as_json, fuzz, is_clean, is_told, mangled, mutated

from sleeptui.adapters import family
from sleeptui.adapters.bench_lock import _name, holding
from sleeptui.adapters.notebook import FileNotebook
from sleeptui.adapters.started import Started, StartedServer
from sleeptui.core.errors import NotAllowed, NotebookError
from sleeptui.core.learned import Cycle, Learned
from sleeptui.core.units import GIB

LEARNED = Learned(
    awake_by_gpu={0: 40 * GIB},
    awake_in_s=1_790_000_000.5,
    times={"sleep 1": (0.1, 0.3)},
    cycles=(Cycle(process_start_s=1_790_000_000.5, level=1, freed_bytes=38 * GIB),),
    reference=reference((token(1), token(2))),
)
PAGE = {
    "version": 1,
    "servers": {"qwen": {"written_s": 5.0, "learned": msgspec.to_builtins(LEARNED)}},
}
STARTED = {"version": 1, "pid": 5, "ticks": 7, "boot_id": "b", "started_wall_s": 1.5, "recipe": "r"}


def files(tree: object) -> st.SearchStrategy[bytes]:
    whole = as_json(tree)
    return st.one_of(
        mutated(tree, most=4).map(as_json),
        mangled(whole),
        VALUES.map(as_json),
        st.binary(max_size=40),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("state")


@fuzz(62)
@given(content=files(PAGE))
@example(content=DEEP)
@example(content=b'{"version":1,"servers":{"qwen":{"written_s":1e999,"learned":{}}}}')
async def test_the_notebook(folder, content):
    path = folder / "learned.json"
    path.write_bytes(content)
    book = FileNotebook(path, ManualClock())
    for _ in range(2):
        try:
            found = await book.read("qwen")
        except NotebookError as error:
            assert is_told(error)
        else:
            assert found is None or isinstance(found, Learned)
    try:
        await book.write("phi", LEARNED)
    except NotebookError as error:
        assert is_told(error)
        return
    assert await book.read("phi") == LEARNED


@fuzz(62)
@given(content=files(STARTED))
@example(content=DEEP)
@example(content=as_json(STARTED | {"pid": 0}))
@example(content=as_json(STARTED | {"pid": -1}))
@example(content=as_json(STARTED | {"pid": 10**30}))
def test_what_was_started(folder, content):
    server = StartedServer(folder, spec(command=("vllm",)))
    server._state.write_bytes(content)
    found = server.read()
    if found is not None:
        assert isinstance(found, Started)
        assert found.pid > 0  # 0 and below are groups and kernel threads, which we must not end
        assert not family.family(found.root)


@fuzz(15)
@given(
    content=st.one_of(
        st.binary(max_size=900), st.text(max_size=200).map(lambda one: one.encode(errors="replace"))
    )
)
def test_who_holds_the_lock_of_a_benchmark(folder, content):
    server = spec()
    path = folder / _name(server.url)
    path.write_bytes(content)
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(NotAllowed) as caught, holding([server], "mine", folder=folder):
            pass
    finally:
        os.close(descriptor)
    assert is_told(caught.value)
    assert is_clean(caught.value.message)
