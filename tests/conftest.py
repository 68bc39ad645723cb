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
