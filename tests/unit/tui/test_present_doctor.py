"""The doctor's page as lines: what stands where, and that nothing is cut off."""

import pytest
from support import builders as make
from support.doctor import scene, well

from sleeptui.core.model import Control, State
from sleeptui.services import doctor
from sleeptui.services.doctor_finding import Finding, Status
from sleeptui.tui.glyphs import ASCII, UNICODE
from sleeptui.tui.present_doctor import WELL, WORDS, rows, summary
from sleeptui.tui.spans import plain, width_of

SWITCHED_OFF = well("off", control=Control.NO_DEV_MODE, state=State.NO_CONTROL)
FINDINGS = doctor.examine(
    scene(well("fine"), well("old", facts=make.facts("0.10.0")), SWITCHED_OFF)
)


def finding(status=Status.BAD, server="a", id_="x", **fields):
    values = {"title": "Title", "what": "something is", "known": "by a look", **fields}
    next_ = "" if status is Status.OK else "do something"
    return Finding(id=id_, server=server, status=status, **{"next": next_, **values})


def text(findings, width=80, glyphs=UNICODE, opened=()):
    return [
        plain(line)
        for row in rows(findings, width, glyphs, opened)
        for line in (*row.heading, *row.lines)
    ]


def test_every_status_has_its_word():
    assert set(WORDS) == set(Status)


def test_the_subject_with_the_worst_comes_first_and_the_rest_stay_in_order():
    headings = [
        plain(row.heading[-1]).split()[0] for row in rows(FINDINGS, 80, UNICODE, ()) if row.heading
    ]
    assert headings == ["off", "old", "fine", "This"]


def test_a_finding_is_what_is_and_what_to_do():
    assert text((finding(),)) == [
        " a  1 bad",
        "  ✗ Title             something is",
        "                      → do something",
    ]


def test_opened_it_says_how_it_is_known():
    lines = text((finding(),), opened={("a", "x")})
    assert lines[-1] == "                      known: by a look"


def test_what_is_well_is_one_row_until_it_is_opened():
    fine = [finding(Status.OK, id_=str(number), title=f"T{number}") for number in range(3)]
    assert text(fine) == [" a  3 well", "  ✓ 3 well            T0, T1, T2"]
    opened = text(fine, opened={("a", WELL)})
    assert opened[1] == "  ✓ T0                something is"
    assert len(opened) == 1 + 3 * 2


def test_a_server_of_the_same_name_as_ours_for_the_machine():
    both = (finding(server="This machine"), finding(server=None, id_="y"))
    keys = [row.key for row in rows(both, 80, UNICODE, ())]
    assert keys == [("This machine", "x"), (None, "y")]


@pytest.mark.parametrize("width", [58, 80, 120])
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_no_line_is_wider_than_the_page_and_no_word_is_lost(width, glyphs):
    made = rows(FINDINGS, width, glyphs, {(one.server, one.id) for one in FINDINGS})
    lines = [line for row in made for line in (*row.heading, *row.lines)]
    assert all(width_of(line) <= width for line in lines)
    shown = " ".join(" ".join(plain(line) for line in lines).split())
    for one in FINDINGS:
        if one.status is not Status.OK:
            assert one.next in shown, one
            assert one.what.split()[-1] in shown


def test_ascii_has_its_own_glyphs():
    assert all(line.isascii() for line in text(FINDINGS, glyphs=ASCII))


def test_names_of_servers_are_text_of_one_line():
    wild = finding(server="a\x1b[2J\nb" + "c" * 99)
    heading = text((wild,))[0]
    assert "\x1b" not in heading
    assert len(heading) < 60


def test_the_summary_leaves_out_what_there_is_none_of():
    assert summary((finding(), finding(Status.OK, id_="y")), UNICODE) == "1 bad · 1 well"
    assert summary((), UNICODE) == ""
