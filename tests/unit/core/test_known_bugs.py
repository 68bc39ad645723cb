"""Which bugs a version is known to have."""

import pytest

from sleeptui.core.known_bugs import BUGS, bugs_of


@pytest.mark.parametrize(
    ("version", "has", "has_not"),
    [
        ("0.8.4", {16564, 15483, 36651}, {32714, 44395}),
        ("0.8.5", {15483}, {16564}),
        ("0.14.0", {32714, 15483, 28606}, {44395}),
        ("0.16.0", {32714, 15483}, {28606}),
        ("0.17.0", {44395, 36651, 39934}, {32714, 15483}),
        ("0.24.0", {36651, 41563}, {44395}),
        ("0.25.1", {41563, 45617, 39934}, {36651}),
        ("0.27.1", {53888}, {45268}),
        ("0.29.0", set(), {41563, 45617}),
    ],
)
def test_versions_and_their_bugs(version, has, has_not):
    numbers = {bug.number for bug in bugs_of(version)}
    assert has <= numbers
    assert not has_not & numbers


def test_new_versions_and_unreadable_ones_have_none():
    assert bugs_of("0.33.0") == ()
    assert bugs_of("dev") == ()
    assert bugs_of(None) == ()


def test_the_table_is_in_order():
    assert len({bug.number for bug in BUGS}) == len(BUGS)
    for bug in BUGS:
        assert bug.since < bug.before
        assert bug.what
        assert not bug.what.endswith(".")


def test_the_version_that_mends_it_reads_well():
    by_number = {bug.number: bug for bug in BUGS}
    assert by_number[32714].mended_in == "0.17"
    assert by_number[16564].mended_in == "0.8.5"
