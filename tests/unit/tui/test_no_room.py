"""What the panel says of room."""

from dataclasses import replace

from support import builders as build
from support.builders import GIB

from sleeptui.core.errors import NoRoom
from sleeptui.core.learned import Learned
from sleeptui.core.model import State
from sleeptui.core.operation import Kind, Phase
from sleeptui.services import fit
from sleeptui.tui.no_room import lines_of, switch_words

CHAT = build.server("chat", memory=build.memory(100 * GIB))
CODE = build.server(
    "code",
    State.ASLEEP,
    level=1,
    memory=build.memory(2 * GIB),
    learned=Learned(awake_by_gpu={0: 82 * GIB}, awake_in_s=1_000.0),
)


def fleet(*servers, used=102 * GIB):
    return build.fleet(servers, gpus=[build.gpu_view(0, used)])


def test_a_switch_says_what_it_waits_for():
    order = build.operation(
        Kind.SWITCH, "code", phase=Phase.QUEUED, note="waits for switch of chat on GPU 0"
    )
    queued = replace(CODE, operation=order)
    words = switch_words(queued, fleet(queued))
    assert words == "1st in the queue of GPU 0: waits for switch of chat."


def test_a_switch_says_who_may_make_room():
    words = switch_words(CODE, fleet(CHAT, CODE))
    assert words == "chat may have to sleep first, once running requests end."


def test_a_switch_with_room_disturbs_nobody():
    assert switch_words(CODE, fleet(CHAT, CODE, used=4 * GIB)) == (
        "There is room, nobody has to sleep."
    )


def test_a_switch_with_nobody_to_ask_says_so():
    assert switch_words(CODE, fleet(CODE)) == "Nobody is there to make room."
    unknown = replace(CODE, learned=Learned(), memory=None)
    assert switch_words(unknown, build.fleet([unknown])) == "Nobody is there to make room."


def test_the_question_says_what_is_missing_and_who_could_give_it():
    found = fit.of(CODE, fleet(CHAT, CODE))
    needs, gives = lines_of(found, NoRoom("as it was"))
    assert needs.startswith("code needs 80.0 GiB on GPU 0, 38.0 GiB are free")
    assert gives == "chat could give 100.0 GiB by sleeping."


def test_where_the_picture_has_changed_the_refusal_is_told():
    roomy = fit.of(CODE, fleet(CODE, used=0))
    for found in (None, roomy):
        assert lines_of(found, NoRoom("code had\x1b[2J no room")) == ("code had no room.",)
