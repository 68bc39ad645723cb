"""What decoding JSON from outside raises."""

import msgspec

BROKEN_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""It is none, or of another shape; its text is no UTF-8; it is nested too deeply."""
