"""Which kind of cold start one was, and how that is proven."""

import pytest

from sleeptui.core.cold import ColdKind, ColdStart, Residency, prove


def before(share: float, total: int = 1000) -> Residency:
    return Residency(total_bytes=total, resident_bytes=round(total * share), files=2)


def test_the_share_of_the_page_cache():
    assert before(0.25).share == 0.25
    assert Residency(total_bytes=10).share is None
    assert Residency(resident_bytes=0).share is None


@pytest.mark.parametrize(
    ("share", "read", "caches", "kind", "words"),
    [
        (1.0, 0, "populated", ColdKind.CACHED, "100 % of the weights were in the page cache"),
        (0.9, 100, "populated", ColdKind.CACHED, "10 % of their size was read from disk"),
        (1.0, None, "populated", ColdKind.CACHED, "what was read from disk could not be seen"),
        (1.0, 0, "unknown", ColdKind.CACHED, "compile caches were not looked at"),
        (1.0, 0, "empty", ColdKind.UNKNOWN, "compile caches were empty: no start of every day"),
        (1.0, 110, "populated", ColdKind.UNKNOWN, "more than a cached start may read"),
        (0.5, 500, "populated", ColdKind.UNKNOWN, "neither cached nor from disk"),
        (0.0, 1000, "populated", ColdKind.DISK, "compile caches were populated"),
        (0.0, 2500, "populated", ColdKind.DISK, "2.5 times their size was read from disk"),
        (0.05, 900, "unknown", ColdKind.DISK, "compile caches were not looked at"),
        (0.0, 1000, "empty", ColdKind.VIRGIN, "compile caches were empty"),
        (0.0, None, "empty", ColdKind.VIRGIN, "could not be seen"),
        (0.0, 890, "populated", ColdKind.UNKNOWN, "less than a start from disk must read"),
    ],
)
def test_kinds(share, read, caches, kind, words):
    start = prove(before(share), read_bytes=read, compile_cache=caches)
    assert start.kind is kind
    assert words in start.proof
    assert (start.weight_bytes, start.resident_before) == (1000, share)
    assert (start.read_bytes, start.compile_cache) == (read, caches)


def test_what_cannot_be_seen_is_unknown_with_its_reason():
    start = prove(
        Residency(problem="cache state unknown: nfs"), read_bytes=0, compile_cache="populated"
    )
    assert (start.kind, start.proof) == (ColdKind.UNKNOWN, "cache state unknown: nfs")
    assert start.weight_bytes is None
    start = prove(Residency(), read_bytes=0, compile_cache="unknown")
    assert start.proof == "It is not known where the weights are"


@pytest.mark.parametrize(
    ("asked", "share", "is_invalid"),
    [
        (None, 0.5, False),
        (ColdKind.UNKNOWN, 1.0, False),
        (ColdKind.CACHED, 1.0, False),
        (ColdKind.DISK, 1.0, True),
        (ColdKind.DISK, 0.5, True),
    ],
)
def test_a_start_that_is_not_what_was_asked_is_invalid(asked, share, is_invalid):
    start = prove(before(share), read_bytes=0, compile_cache="populated", asked=asked)
    assert start.is_invalid is is_invalid


def test_where_nothing_can_be_seen_it_is_unknown_and_not_invalid():
    assert not ColdStart(asked=ColdKind.DISK).is_invalid
