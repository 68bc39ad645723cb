"""One line of a journal from its bytes: typed, and with no number that is beyond reason.

Whoever may write into a journal must not bring down what reads it: sums of two numbers still fit
64 bits, and every date can be told.
"""

from itertools import chain
from typing import cast

import msgspec

from sleeptui.recorder.line import Line
from sleeptui.recorder.lines import AnyLine

MOST = 1 << 62
"""Nanoseconds: the year 2116. More is no time, no size and no count."""
BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises."""
_SHAPE = bytes.maketrans(b"0123456789E", b"0000000000e")
_LONG = b"0" * 19
"""In the shape of a line: without it, and without a power of ten, it has no number that is too
large. Cheaper than a pattern, or to look at each number."""
_DECODER: msgspec.json.Decoder[Line] = msgspec.json.Decoder(AnyLine)


class BeyondReasonError(msgspec.ValidationError):
    """A number of a line is larger than anything that it could tell."""


def decoded(raw: bytes) -> Line:
    """The line.

    Raises:
        BeyondReasonError: A number is.
        msgspec.DecodeError: It is none.
        UnicodeDecodeError: Its text is no UTF-8.
        RecursionError: It is nested too deeply.
    """
    line: Line = _DECODER.decode(raw)
    shape = raw.translate(_SHAPE)
    is_suspect = _LONG in shape or b"0e0" in shape or b"0e+" in shape
    if is_suspect and not _is_reasonable(msgspec.json.decode(raw)):
        raise BeyondReasonError
    return line


def _is_reasonable(value: object) -> bool:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(chain.from_iterable(cast("dict[object, object]", one).items()))
        elif isinstance(one, list):
            waiting.extend(cast("list[object]", one))
        elif isinstance(one, int | float) and not -MOST < one < MOST:
            return False
    return True
