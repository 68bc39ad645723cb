"""What one server answers is read up to a bound, and what was too much is let go at once."""

import sys

import httpx
import pytest
from support import builders as build

from sleeptui.adapters.vllm_wire import Wire
from sleeptui.core.errors import BadReply

_PIECE = 1 << 16
_LIMIT = 16 * _PIECE


async def _pieces():
    for _ in range(32):
        yield bytes(_PIECE)


def _kept(error):
    """Bytes that the frames of an error keep for as long as it lives."""
    trace, found = error.__traceback__, 0
    while trace is not None:
        for value in trace.tb_frame.f_locals.values():
            if isinstance(value, list):
                found += sum(sys.getsizeof(one) for one in value if isinstance(one, bytes))
        trace = trace.tb_next
    return found


async def test_an_error_of_too_much_does_not_keep_what_was_read():
    wire = Wire(build.spec())
    with pytest.raises(BadReply) as raised:
        await wire.read(httpx.Response(200, content=_pieces()), what="of it", limit=_LIMIT)
    assert _kept(raised.value) == 0


async def test_what_is_not_too_much_is_read_whole():
    wire = Wire(build.spec())
    read = await wire.read(httpx.Response(200, content=_pieces()), what="of it", limit=_LIMIT * 2)
    assert len(read) == 32 * _PIECE
