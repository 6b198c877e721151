"""A worker whose tools die, wait and count: started by the end-to-end tests as a process."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from mainstay_worker import Context, Refused, Worker

worker = Worker("shop", concurrency=4)


def note(what: str, cx: Context) -> int:
    """Writes a line for each time something began, and returns how often that was."""
    ledger = Path(os.environ["LEDGER"])
    with ledger.open("a") as file:
        file.write(f"{what} {cx.attempt} {cx.idempotency_key}\n")
        file.flush()
        os.fsync(file.fileno())
    return sum(line.startswith(f"{what} ") for line in ledger.read_text().splitlines())


@worker.tool()
def act_and_die(cents: int, cx: Context) -> str:
    """Acts, and is killed before it can say so."""
    note("act_and_die", cx)
    os.kill(os.getpid(), signal.SIGKILL)
    return f"acted for {cents}"


@worker.tool(effect="read")
def look_and_die_once(q: str, cx: Context) -> str:
    """Is killed the first time, and answers the second."""
    if note("look_and_die_once", cx) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return f"found {q}"


@worker.tool()
async def act_slowly(cx: Context) -> str:
    """Acts until the test says that it is enough."""
    note("act_slowly", cx)
    while not Path(os.environ["ENOUGH"]).exists() and not cx.wait_cancelled(0.05):
        pass
    return "acted"


@worker.tool()
def refuse(cents: int) -> str:
    """Never acts."""
    raise Refused(f"{cents} is too much", code="LIMIT")


@worker.tool()
def by_hand(cents: int) -> str:
    """Is served by the test itself."""
    raise AssertionError(f"nobody calls this for {cents}")
