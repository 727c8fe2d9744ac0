"""Children of tests must hear Ctrl-C, also where the tests run in the background of a script, which ignores it."""

from __future__ import annotations

import signal
import threading

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)
