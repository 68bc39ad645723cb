from sleeptui.core.evidence import said_of_times
from sleeptui.core.operation import STOOD_STILL_S


def test_a_program_that_was_stopped_has_measured_no_time():
    assert said_of_times(STOOD_STILL_S) == ()
    (told,) = said_of_times(12.34)
    assert told == "no time of it was measured: sleeptui stood still for 12.3 s meanwhile"
