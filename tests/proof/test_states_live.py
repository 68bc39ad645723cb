"""A real vLLM server through all of its states: what is shown equals the state table.

Made for a CPU, and for a server that has a GPU to itself. A CPU build has no memory that a sleep
could free, so ``/server_info`` says that sleep mode is off; its routes, its scheduler and its
metrics do all the same what they do on a GPU. Where that switch is not what a test is about, it is
hidden, as it is of servers whose ``/server_info`` is closed. On two cores the engine starves its
own API server: ``renice -n 19`` all threads of its engine and worker first.
"""

import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from proof.rig import Rig, opened_live

from sleeptui.core.completion import Timed
from sleeptui.core.errors import NotAllowed, Refused
from sleeptui.core.model import ServerFacts, SleepLevel, SleepMode, State
from sleeptui.core.operation import Cause, Fate, Kind, OperationRecord, Outcome
from sleeptui.core.ports import EngineClient
from sleeptui.core.settings import ServerSpec, Timeouts

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("live")]

THEIRS, OURS = 4, 2
"""Streams in flight: of somebody else, and of the panel."""
LENGTHS = {False: (1500, 3500), True: (500, 1000)}
"""Tokens of short and long answers, with a GPU or without: a CPU that others use as well may stall
the streams of a test for seconds; a model of a GPU takes longer for each token."""
TRIES = 6
PATIENT = Timeouts(connect_s=5, probe_s=5, sleep_s=60, wake_s=60, canary_s=20, settle_s=10)


class _Between:
    """The client, with its facts or one of its requests changed."""

    def __init__(self, client: EngineClient, *, hides: bool, fails: bool) -> None:
        self._client = client
        self._hides = hides
        self.fails = fails
        self.has_gpu = False

    def __getattr__(self, name: str) -> object:
        return getattr(self._client, name)

    async def facts(self) -> ServerFacts:
        facts = await self._client.facts()
        self.has_gpu = facts.device == "cuda"
        return replace(facts, sleep_enabled=None, device=None) if self._hides else facts

    async def reload_weights(self) -> Timed:
        if self.fails:
            raise Refused("the disk is gone", server="live", status=500)
        return await self._client.reload_weights()


@asynccontextmanager
async def watched(*, hides: bool = True, fails: bool = False) -> AsyncIterator[Rig]:
    """The server, awake and verified; as it was when the test is over."""
    url = os.environ.get("SLEEPTUI_LIVE_URL")
    if not url:
        pytest.skip("SLEEPTUI_LIVE_URL is not set")
    name = _restore(url)
    between: list[_Between] = []

    def client(real: EngineClient) -> EngineClient:
        between.append(_Between(real, hides=hides, fails=fails))
        return between[-1]  # type: ignore[return-value]

    try:
        async with opened_live(
            ServerSpec(name=name, url=url, timeouts=PATIENT), client=client
        ) as rig:
            rig.between = between[0]  # type: ignore[attr-defined]
            yield rig
    finally:
        _restore(url)


def _restore(url: str) -> str:
    """Awake with its weights, and nothing paused; returns the name that it serves."""
    with httpx.Client(base_url=url, timeout=60) as plain:
        plain.post("/wake_up")
        plain.post("/collective_rpc", json={"method": "reload_weights"})
        plain.post("/resume")
        return str(plain.get("/v1/models").json()["data"][0]["id"])


def name_of(rig: Rig) -> str:
    return rig.services.settings.servers[0].name


def has_gpu(rig: Rig) -> bool:
    return bool(rig.between.has_gpu)  # type: ignore[attr-defined]


async def verified(rig: Rig) -> str:
    """Ask the canary twice: for a reference, and against it."""
    name = name_of(rig)
    await rig.until_state(name, State.AWAKE)
    for _ in range(2):
        assert (await rig.do(rig.services.operations.verify(name))).outcome is Outcome.DONE
    assert rig.badge(name) == "● AWAKE ✓"
    return name


async def in_flight(rig: Rig, name: str, tokens: int) -> None:
    """Streams of somebody else and of ours, all with tokens."""
    theirs = [rig.stream(name, tokens) for _ in range(THEIRS)]
    seen: Counter[int] = Counter()
    rig.prompts = [  # type: ignore[attr-defined]
        rig.services.operations.prompt(
            name, "Tell a long story.", max_tokens=tokens, on_token=_counter(seen, number)
        )
        for number in range(OURS)
    ]
    await rig.until(lambda: all(one.tokens for one in theirs) and len(seen) == OURS, "streams run")


async def asleep_meanwhile(
    rig: Rig, name: str, tokens: int, *, level: SleepLevel, mode: SleepMode
) -> OperationRecord:
    """Send it to sleep with streams in flight.

    A busy API server may answer the look before a sleep only when streams are over: that sleep
    shows nothing, and is done again.
    """
    operations = rig.services.operations
    for _ in range(TRIES):
        await in_flight(rig, name, tokens)
        record = await rig.do(operations.sleep(name, level=level, mode=mode))
        assert record.outcome is Outcome.DONE, record
        missing = THEIRS + OURS - record.in_flight.running
        if not missing:
            return record
        over = sum(one.finish == "length" for one in rig.streams)
        assert missing <= over + OURS, record
        assert (await rig.do(operations.wake(name))).outcome is Outcome.DONE
        rig.streams.clear()
    raise AssertionError(f"streams were over before each of {TRIES} sleeps")


def _counter(seen: Counter[int], number: int) -> Callable[[object], None]:
    def count(_token: object) -> None:
        seen[number] += 1

    return count


FATES = {
    SleepMode.ABORT: (1, {Fate.ABORTED: OURS}, "abort"),
    SleepMode.WAIT: (0, {Fate.COMPLETED: OURS}, "length"),
    SleepMode.KEEP: (1, {Fate.FROZEN: OURS}, None),
}
"""Mode to which of the lengths, the fate of ours, and how those of others end."""


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("mode", list(SleepMode))
async def test_a_sleep_with_streams_in_flight(mode: SleepMode, level: int) -> None:
    length, fates, end = FATES[mode]
    async with watched() as rig:
        name = await verified(rig)
        tokens = LENGTHS[has_gpu(rig)][length]
        record = await asleep_meanwhile(rig, name, tokens, level=SleepLevel(level), mode=mode)
        assert record.in_flight.running == THEIRS + OURS
        assert record.in_flight.ours == fates
        await rig.until_state(name, State.ASLEEP)
        assert rig.badge(name) == f"○ ASLEEP L{level}"
        assert rig.view(name).queue_frozen
        assert rig.json(name)["queue"]["frozen"] is True
        await rig.until(lambda: {one.finish for one in rig.streams} == {end}, f"they end {end}")

        record = await rig.do(rig.services.operations.wake(name))
        assert (record.outcome, record.cause) == (Outcome.DONE, None), record
        assert record.verification.verdict.matches is True
        await rig.until_state(name, State.AWAKE)
        assert rig.badge(name) == "● AWAKE ✓"
        whole = "length" if end is None else end
        await rig.until(lambda: {one.finish for one in rig.streams} == {whole}, f"end {whole}")
        ended = [await rig.do(prompt) for prompt in rig.prompts]
        assert all(record.message for record in ended)


async def test_level_0_and_back() -> None:
    async with watched() as rig:
        name = await verified(rig)
        record = await rig.do(rig.services.operations.sleep(name, level=SleepLevel.PAUSE))
        assert record.message == "paused, its memory stays"
        await rig.until_state(name, State.PAUSED)
        assert rig.badge(name) == "‖ PAUSED"
        assert rig.json(name)["level"] == 0
        record = await rig.do(rig.services.operations.wake(name))
        assert record.outcome is Outcome.DONE
        await rig.until_state(name, State.AWAKE)
        assert rig.badge(name) == "● AWAKE ✓"


async def test_a_pause_by_somebody_else() -> None:
    async with watched() as rig:
        name = await verified(rig)
        assert await rig.somebody(name, "/pause?mode=keep") == 200
        await rig.until_state(name, State.PAUSED)
        assert "/is_paused: true" in rig.says(name)
        with pytest.raises(NotAllowed, match="is paused: requests wait"):
            rig.services.operations.prompt(name, "?", max_tokens=1, on_token=lambda _: None)
        assert await rig.somebody(name, "/resume") == 200
        await rig.until_state(name, State.AWAKE)


async def test_a_sleep_and_a_plain_wake_by_somebody_else_are_verified() -> None:
    async with watched() as rig:
        name = await verified(rig)
        for level in (1, 2):
            assert await rig.somebody(name, f"/sleep?level={level}&mode=abort") == 200
            await rig.until_state(name, State.ASLEEP)
            assert rig.badge(name) == f"○ ASLEEP L{level}"
            assert await rig.somebody(name, "/wake_up") == 200
            # Level 2 has dropped the weights, and a plain wake does not bring them back.
            found = "SUSPECT ✗" if level == 2 and has_gpu(rig) else "AWAKE ✓"
            await rig.until(
                lambda found=found: found in rig.badge(name), "it is verified by itself"
            )
            assert rig.records(name)[0].kind is Kind.VERIFY
        said = [entry.text for entry in rig.log_of(name)]
        assert "asleep, by somebody else" in said, " | ".join(said)
        assert "awake, by somebody else" in said, said


@pytest.mark.parametrize(
    ("tags", "state"),
    [
        (("weights",), State.ASLEEP),
        (("weights", "kv_cache"), State.AWAKE),
    ],
)
async def test_a_wake_in_parts_by_somebody_else(tags: tuple[str, ...], state: State) -> None:
    async with watched() as rig:
        name = await verified(rig)
        if state is State.ASLEEP and has_gpu(rig):
            state = State.PARTIAL  # without one there is no memory by which that shows
        await rig.somebody(name, "/sleep?level=1&mode=abort")
        await rig.until_state(name, State.ASLEEP)
        for tag in tags:
            assert await rig.somebody(name, f"/wake_up?tags={tag}") == 200
        await rig.until_state(name, state)
        await rig.look(name)
        assert rig.view(name).state is state
        if state is State.AWAKE:
            await rig.until(lambda: rig.badge(name) == "● AWAKE ✓", "it is verified by itself")


async def test_a_staged_wake_that_stops_midway_is_half_awake() -> None:
    async with watched(fails=True) as rig:
        name = await verified(rig)
        operations = rig.services.operations
        await rig.do(operations.sleep(name, level=SleepLevel.DISCARD))
        record = await rig.do(operations.wake(name))
        assert (record.outcome, record.cause) == (Outcome.FAILED, Cause.NO_WEIGHTS)
        await rig.until_state(name, State.PARTIAL)
        assert rig.badge(name) == "◑ PARTIAL"
        assert "w tries the wake again" in rig.says(name)
        rig.between.fails = False
        assert (await rig.do(operations.wake(name))).outcome is Outcome.DONE
        await rig.until_state(name, State.AWAKE)
        assert rig.badge(name) == "● AWAKE ✓"


async def test_sleep_mode_that_is_off_is_said() -> None:
    async with watched(hides=False) as rig:
        name = name_of(rig)
        if rig.view(name).facts.sleep_enabled is not False:
            pytest.skip("this server has sleep mode on")
        await rig.until_state(name, State.NO_CONTROL)
        assert rig.view(name).facts.sleep_mode_advice in rig.says(name)
        await rig.somebody(name, "/sleep?level=1&mode=abort")
        await rig.until_state(name, State.SUSPECT)
        assert "it says asleep, but sleep mode is off: nothing was freed" in rig.says(name)
        await rig.do(rig.services.operations.wake(name))
        await rig.until_state(name, State.NO_CONTROL)
