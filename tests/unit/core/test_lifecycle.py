"""What is allowed where, and the words of each refusal."""

import pytest

from sleeptui.core.commands import COMMANDS
from sleeptui.core.lifecycle import (
    ALLOWED,
    STARTABLE,
    level_refusal,
    refusal,
    runtime_refusal,
)
from sleeptui.core.model import IN_TRANSITION, ServerFacts, ServerView, State
from sleeptui.core.operation import Kind, Operation, Phase
from sleeptui.core.settings import ServerSpec

SPEC = ServerSpec(name="code", url="http://127.0.0.1:8001")
CHANGING = [command.id for command in COMMANDS if command.changes]


def view(state=State.AWAKE, version="0.25.1", enabled=True, **fields):
    return ServerView(
        spec=SPEC, state=state, facts=ServerFacts(version=version, sleep_enabled=enabled), **fields
    )


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("command", sorted(ALLOWED))
def test_every_state_and_command_has_an_answer(state, command):
    refused = refusal(command, view(state))
    asks = command in ("server.prompt", "server.verify") and state is State.SUSPECT
    assert (refused is None) == (state in ALLOWED[command] or asks)
    if refused is not None:
        assert refused.message.startswith(("code is ", "code cannot be controlled: "))
        assert refused.message.isprintable()


def test_a_server_without_control_is_said_to_have_none_in_a_sentence():
    refused = refusal("server.sleep", view(State.NO_CONTROL, reason="its sleep routes are off"))
    assert refused.message == "code cannot be controlled: its sleep routes are off"


@pytest.mark.parametrize("state", sorted(IN_TRANSITION))
def test_what_a_server_is_busy_with_is_waited_for(state):
    assert (
        refusal("server.switch", view(state)).message == f"code is {state.value}: wait for its end"
    )


def test_no_flag_is_asked_for_where_vllm_would_not_start_with_it():
    facts = ServerFacts(version="0.32.0", sleep_enabled=False, device="cpu")
    refused = level_refusal(ServerView(spec=SPEC, state=State.NO_CONTROL, facts=facts), 1)
    assert refused.message == "code: sleep mode is off, level 1 would free nothing"
    assert refused.hint == "vLLM has no sleep mode on a CPU; level 0 works"


@pytest.mark.parametrize("command", CHANGING)
def test_readonly_refuses_all_that_changes_a_server(command):
    assert "--readonly" in refusal(command, view(), readonly=True).message


def test_readonly_lets_a_prompt_through():
    assert refusal("server.prompt", view(), readonly=True) is None


@pytest.mark.parametrize(("phase", "word"), [(Phase.QUEUED, "queued"), (Phase.CALLING, "running")])
def test_a_second_transition_is_refused_not_queued(phase, word):
    operation = Operation(id=1, kind=Kind.WAKE, server="code", began_s=0, phase=phase)
    refused = refusal("server.sleep", view(operation=operation))
    assert refused.message == f"code: a wake is already {word}"


def test_a_prompt_does_not_block_a_sleep():
    operation = Operation(id=1, kind=Kind.PROMPT, server="code", began_s=0, phase=Phase.STREAMING)
    assert refusal("server.sleep", view(operation=operation)) is None


def test_the_reason_of_the_state_is_the_reason_of_the_refusal():
    wedged = view(State.WEDGED, reason="out of memory", advice="restart it")
    refused = refusal("server.wake", wedged)
    assert refused.message == "code is wedged: out of memory"
    assert refused.hint == "restart it"


def test_asleep_says_its_level():
    refused = refusal("server.sleep", view(State.ASLEEP, level=2))
    assert refused.message == "code is asleep at level 2: wake it first to change its level"


@pytest.mark.parametrize(
    ("fields", "refused"),
    [({}, False), ({"queue_frozen": True}, True), ({"level": 1}, True)],
)
def test_a_suspect_server_that_says_awake_can_be_tried_with_a_prompt(fields, refused):
    found = refusal("server.prompt", view(State.SUSPECT, reason="signals disagree", **fields))
    assert (found is not None) == refused


@pytest.mark.parametrize(
    ("level", "version", "enabled", "refused"),
    [
        (0, "0.25.1", True, False),
        (0, "0.16.0", True, True),
        (0, "unreadable", True, True),
        (1, "0.9.0", True, False),
        (1, "0.25.1", False, True),
        (0, "0.25.1", False, False),
        (1, "0.25.1", None, False),
        (2, "0.10.0", True, True),
        (2, "0.11.0", True, False),
        (2, None, True, True),
        (3, "0.25.1", True, True),
        (-1, "0.25.1", True, True),
    ],
)
def test_levels(level, version, enabled, refused):
    assert (level_refusal(view(version=version, enabled=enabled), level) is not None) == refused


@pytest.mark.parametrize("state", State)
def test_looking_is_always_allowed(state):
    assert refusal("view.sort", view(state), readonly=True) is None


@pytest.mark.parametrize("state", State)
def test_what_can_be_started_and_stopped(state):
    stop = runtime_refusal(Kind.STOP, view(state), has_runtime=True)
    start = runtime_refusal(Kind.START, view(state), has_runtime=True)
    assert stop is None
    assert (start is None) is (state in STARTABLE)
    if start is not None:
        assert start.message.startswith(("code is ", "code cannot be controlled: "))


@pytest.mark.parametrize("kind", [Kind.START, Kind.STOP])
def test_nothing_is_started_or_stopped(kind):
    refused = runtime_refusal(kind, view(State.DOWN), has_runtime=True, readonly=True)
    assert "--readonly" in refused.message
    refused = runtime_refusal(kind, view(State.DOWN), has_runtime=False)
    assert refused.message == "code is started by others"
    running = Operation(id=1, kind=Kind.SLEEP, server="code", began_s=0.0, phase=Phase.CALLING)
    refused = runtime_refusal(kind, view(State.DOWN, operation=running), has_runtime=True)
    assert refused.message == "code: a sleep is already running"
    asking = Operation(id=1, kind=Kind.PROMPT, server="code", began_s=0.0, phase=Phase.STREAMING)
    assert runtime_refusal(kind, view(State.DOWN, operation=asking), has_runtime=True) is None
