from support.builders import GIB, memory, record, server, verification

from sleeptui.core.model import State
from sleeptui.core.operation import Kind, Outcome
from sleeptui.services.bring_up_words import table


def test_a_row_a_server():
    views = [
        server("code", State.AWAKE, memory=memory(85 * GIB), verification=verification()),
        server("summarize\x1b[31m", State.ASLEEP, level=1),
    ]
    start = record(Kind.START, "code", duration_s=41.23, first_token_s=41.5)
    assert table(views, [start, record(Kind.SLEEP, "summarize")]) == [
        "NAME       STATE      CHECK       GPU MEMORY  STARTED IN  FIRST TOKEN",
        "code       awake      verified    85.0 GiB    41.2 s      41.5 s",
        "summarize  asleep L1  unverified  --          --          --",
    ]


def test_of_a_start_that_failed_no_time_is_told():
    start = record(Kind.START, "code", outcome=Outcome.FAILED, duration_s=1.05)
    assert table([server("code", State.DOWN)], [start])[1] == (
        "code  down   --     --          --          --"
    )
