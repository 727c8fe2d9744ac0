"""Children of tests must hear Ctrl-C, also where the tests run in the background of a script, which ignores it.

And one thread each: several processes with several threads wait for one another more than they work. And compiled code:
without it each of the many processes that tests start compiles the whole package, which takes longer than its work.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)

_LONG = ("tests/shop/test_kills.py", "tests/cli/test_demo.py", "tests/test_docs.py", "tests/cli/test_errors.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest modules begin first, so that no process is left with one of them at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONG))


@pytest.fixture(scope="session")
def visited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built shop whose shoppers care for one thing each; not to be changed by tests."""
    from tests.shop.recommending.shops import visited_shop

    return visited_shop(tmp_path_factory.mktemp("visited") / "shop")
