"""A lively hour of the simulated fleet, recorded and played: the pictures must be the same."""

from contextlib import suppress

from proof.rig import QUICK, SOON_STALE, Rig, opened
from support.playing import Twin

from sleeptui.core.errors import NotAllowed
from sleeptui.core.model import SleepLevel, SleepMode, State
from sleeptui.sim.faults import Fault
from sleeptui.sim.spec import EngineSpec, GpuSpec, Scenario, Start

FLEET = Scenario(
    name="lively",
    title="Three models on one GPU",
    description="All that can happen to them.",
    gpus=(GpuSpec(),),
    engines=(
        EngineSpec(name="a", root="acme/a-7b", params_b=7.0, slept_before=True, clients=2),
        EngineSpec(name="b", root="acme/b-1b", params_b=1.5, version="0.32.0", start=Start.LEVEL_1),
        EngineSpec(name="c", root="acme/c-1b", params_b=0.6, version="0.25.1", start=Start.LEVEL_2),
    ),
)


async def live(rig: Rig) -> None:
    """What happens."""
    operations = rig.services.operations
    await rig.do(operations.sleep("a", level=SleepLevel.OFFLOAD))
    await rig.do(operations.wake("c"))
    prompt = operations.prompt("c", "Hello", max_tokens=40, on_token=lambda _: None)
    await rig.do(operations.verify("c"))
    await rig.do(operations.sleep("c", level=SleepLevel.DISCARD, mode=SleepMode.ABORT))
    await rig.do(prompt)
    with suppress(NotAllowed):
        await rig.do(operations.switch("b"))
    await rig.somebody("b", "/sleep?level=1")
    await rig.until_state("b", State.ASLEEP)
    await rig.somebody("b", "/wake_up")
    await rig.until_state("b", State.AWAKE)
    await rig.fault("c", Fault.OOM)
    with suppress(NotAllowed):
        await rig.do(operations.wake("c", force=True))
    await rig.clear("c")
    await rig.fault("b", Fault.HANG)
    await rig.until_state("b", State.STALE)
    await rig.clear("b", Fault.HANG)
    await rig.until_state("b", State.AWAKE)
    await rig.do(operations.sleep("b"))
    await rig.fault("c", Fault.REFUSE)
    await rig.until_state("c", State.DOWN)
    await rig.fault("c", Fault.RESTART, seconds=3.0)
    await rig.clear("c", Fault.REFUSE)
    await rig.until_state("c", State.AWAKE)


async def test_a_played_session_shows_the_same_pictures() -> None:
    async with opened(FLEET, settings=SOON_STALE, timeouts=QUICK) as rig:
        await live(rig)
    twin = Twin(rig.services.settings)
    found: dict[int, list[str]] = {}
    for number, event in enumerate(rig.events):
        twin.hear(event)
        if number % 7 == 0 and (different := twin.differences()):
            found[number] = different
    for server in twin.scribe._servers.values():
        server.looks.flush()
    assert twin.differences() == []
    assert not found, (len(rig.events), list(found.items())[:3])
    assert SOON_STALE.sampling == twin._playback.settings.sampling
