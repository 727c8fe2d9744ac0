"""Children of tests must hear Ctrl-C, also where the tests run in the background of a script, which ignores it.

And one thread each: several processes with several threads wait for one another more than they work.
"""

from __future__ import annotations

import os
import signal
import threading

os.environ.setdefault("OMP_NUM_THREADS", "1")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)
