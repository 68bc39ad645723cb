"""kill -9 at random moments of a recording: what the servers were asked for is in the journal."""

import json
import random
import re
import signal
from collections import Counter

import pytest
from support.journal_file import lines, of, the_session
from support.sim_process import simulated
from support.terminal import Terminal

from sleeptui.recorder.archive import SessionArchive
from sleeptui.recorder.summaries import summary

GROUPS, KILLS = 10, 5
LONGEST_S = 2.0
SPEED = 2
ORDERS = (
    ("s",),
    ("down", "s"),
    ("w",),
    ("down", "w"),
    ("x",),
    ("up", "x"),
    ("a", "y"),
    ("t", "ctrl+j", "escape"),
    ("v", "m"),
)
"""Of the user: acts on whatever server has the cursor, whether it makes sense or not."""
_POST = re.compile(r'"POST (?P<path>/\S*) HTTP/1.1" ')
_DONE_BY = {
    "sleep": re.compile(r"/sleep\b"),
    "wake": re.compile(r"/wake_up(\?tags=weights)?$"),  # level 2 asks for its KV cache after it
}


def asked(fleet):
    """How often each server was asked to sleep, to wake and for an answer, so far."""
    counts = Counter()
    for spec in fleet.address.servers:
        log = fleet.log(spec.name)
        assert len(log) < 400, "the log of the simulation has lost its first lines"
        for post in filter(None, map(_POST.search, log)):
            for name, path in _DONE_BY.items():
                counts[spec.name, name] += bool(path.match(post["path"]))
            counts[spec.name, "request"] += post["path"].startswith("/v1/")
    return counts


def at_rest(fleet):
    """The same, once everything that was sent has been answered."""
    before = None
    while (now := asked(fleet)) != before or fleet.is_moving():
        before = now
    return now


def exported(session):
    """What an export says of it."""
    SessionArchive(session.parent).export(str(session), ["json"])
    return json.loads((session / "results.json").read_text())["sleeptui"]


def killed(fleet, folder, home, chance):
    """Record and act, until it is killed."""
    with Terminal(["--record", str(folder), *fleet.options], environment=home) as panel:
        panel.shows("REC")
        panel.until(lambda text: "AWAKE" in text or "ASLEEP" in text, "a server")
        left_s = chance.uniform(0.0, LONGEST_S)
        while left_s > 0:
            panel.press(*chance.choice(ORDERS))
            pause_s = min(chance.choice((0.02, 0.1, 0.3)), left_s)
            panel.pump_for(pause_s)
            panel.press("escape")  # a question that nobody answers
            left_s -= pause_s + 0.1
        panel.signal(signal.SIGKILL)
        assert panel.ended() == -signal.SIGKILL


def unfinished(found):
    """Operations with a begin and no end, each with how many others its server began after it."""
    ended = {line["op"] for line in of(found, "op.end")}
    begun = of(found, "op.begin")
    for place, line in enumerate(begun):
        if line["op"] not in ended:
            after = [one for one in begun[place + 1 :] if one["s"] == line["s"]]
            yield line, [one for one in after if one.get("parent") != line["op"]]


def told(found):
    """How often a journal says that each server may have been asked for it."""
    unsent = {line["op"] for line in of(found, "op.end") if line.get("sent_ns") is None}
    begun = [line for line in of(found, "op.begin") if line["op"] not in unsent]
    counts = Counter((line["s"], line["name"]) for line in begun)
    counts.update((line["s"], "request") for line in of(found, "req.begin"))
    return counts


@pytest.mark.timeout(300)
@pytest.mark.parametrize("group", range(GROUPS))
def test_no_operation_is_lost(tmp_path, group):
    """Over all kills: a server may carry out later what it was asked for before one of them."""
    chance = random.Random(group)
    home = {"HOME": str(tmp_path), "XDG_STATE_HOME": ""}
    begun = Counter()
    with simulated(speed=SPEED) as fleet:
        fleet.traffic(on=False)
        for kill in range(KILLS):
            folder = tmp_path / str(kill)
            killed(fleet, folder, home, chance)
            done = at_rest(fleet)
            session = the_session(folder)
            found = lines(session)
            assert [line["n"] for line in found] == list(range(len(found)))
            assert summary(session).partial
            assert exported(session)["partial"]
            begun += told(found)
            assert done <= begun, (done, begun)
            for line, others in unfinished(found):
                rivals = [one for one in others if one["name"] in ("sleep", "wake")]
                assert line["name"] not in ("sleep", "wake") or not rivals, (line, rivals)
    assert begun, "nothing was done that could have been lost"
