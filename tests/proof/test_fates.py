"""What becomes of the panel's own prompts when their server is put to sleep, and how it is told."""

from collections.abc import Callable

import pytest
from proof.rig import opened
from proof.rows import SLOW, SUBJECT, scenario_of, sleep, wake

from sleeptui.core.completion import TokenEvent
from sleeptui.core.model import State
from sleeptui.core.operation import Kind, Outcome
from sleeptui.services import as_json


@pytest.mark.parametrize(
    ("mode", "tokens", "fates"),
    [
        ("abort", 4000, {"aborted": 2}),
        ("wait", 600, {"completed": 2}),
        ("keep", 1000, {"frozen": 2}),
    ],
)
async def test_the_fate_of_our_own_prompts_is_told(mode: str, tokens: int, fates: object) -> None:
    async with opened(scenario_of(SLOW), speed=2.0) as rig:
        operations, come = rig.services.operations, [0, 0]

        def counter(number: int) -> Callable[[TokenEvent], None]:
            return lambda _: come.__setitem__(number, come[number] + 1)

        prompts = [
            operations.prompt(SUBJECT, "Hello", max_tokens=tokens, on_token=counter(number))
            for number in range(2)
        ]
        await rig.until(lambda: all(come), "both stream")
        await sleep(1, mode)(rig)
        await rig.until_state(SUBJECT, State.ASLEEP)
        (record,) = rig.records(SUBJECT, Kind.SLEEP)
        assert as_json.record(record)["in_flight"]["ours"] == fates
        assert next(iter(fates)) in rig.says(SUBJECT)
        await wake()(rig)
        ended = [await rig.do(prompt) for prompt in prompts]
        assert [one.outcome is Outcome.DONE for one in ended] == [mode != "abort"] * 2, ended
        assert all(one.message and one.known for one in ended)
