"""Lines without the secrets that this program knows."""

from sleeptui.recorder.line import Line


class Redactor:
    """Clears encoded lines of secrets."""

    def clear(self, line: Line, encoded: bytes) -> bytes:
        """The line without them."""
        del line
        return encoded
