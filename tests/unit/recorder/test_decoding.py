import msgspec
import pytest

from sleeptui.recorder.decoding import MOST, decoded
from sleeptui.recorder.lines import Mark, Note


def test_a_line_is_decoded():
    assert decoded(b'{"k":"mark","n":3,"t":5,"text":"here"}') == Mark(n=3, t=5, text="here")
    many = b'{"k":"note","t":1,"severity":"info","text":"0000000000000000000000 1e9 1E+300"}'
    assert isinstance(decoded(many), Note), "digits in a text are no number"
    assert decoded(f'{{"k":"mark","t":{MOST - 1},"text":""}}'.encode()).t == MOST - 1


@pytest.mark.parametrize("number", [str(MOST), str(-MOST), "9" * 19, "1" + "0" * 40])
def test_a_number_beyond_reason_is_no_line(number):
    with pytest.raises(msgspec.DecodeError):
        decoded(f'{{"k":"mark","t":{number},"text":""}}'.encode())


@pytest.mark.parametrize("number", ["1e300", "1E300", "1e+300", "-1e300", "1e19"])
def test_a_power_of_ten_beyond_reason_is_no_line(number):
    lines = f'{{"k":"prom","t":1,"s":"a","took_ns":1,"m":{{"kv_usage":{number}}}}}'
    with pytest.raises(msgspec.DecodeError):
        decoded(lines.encode())


def test_small_and_large_numbers_within_reason_are_taken():
    line = decoded(b'{"k":"prom","t":1,"s":"a","took_ns":1,"m":{"kv_usage":1e-9,"x":1e9}}')
    assert line.m == {"kv_usage": 1e-9, "x": 1e9}
    nested = (
        b'{"k":"req.end","t":1,"s":"a","req":1,"end_ns":2,"fate":"cut","chunks":[[1000000000,1]]}'
    )
    assert decoded(nested).chunks == ((1_000_000_000, 1),)
