"""What holds for all tests."""

import signal
import threading

# A shell that runs the tests in the background, or under nohup, has them ignore these signals; the
# programs that they start would inherit that, and no test could end one by ctrl+c.
if threading.current_thread() is threading.main_thread():
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)

LONGEST_NAME = 100


def pytest_make_parametrize_id(val):
    """A long text is named by its beginning: megabytes of it would stand in each line about it."""
    if isinstance(val, str | bytes) and len(val) > LONGEST_NAME:
        return f"{ascii(val[:40]).strip('b')[1:-1]}... {len(val)}"
    return None
