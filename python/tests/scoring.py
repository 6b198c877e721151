"""A worker whose steps die, wait and count: started by the end-to-end tests as a process.

What happens to an order stands in its number: `dies:score`, `dies:charge_card`, `waits:score`, …
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from examples.risk import Order, Score
from mainstay_worker import Context, Worker

from .serving import note

worker = Worker("risk", concurrency=4)


def _meets(step: str, order: Order, cx: Context) -> None:
    """Does to the process what the order says, after the step has begun."""
    times = note(step, cx)
    if order.id == f"dies:{step}" and times == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    while order.id == f"waits:{step}" and not Path(os.environ["ENOUGH"]).exists():
        if cx.wait_cancelled(0.05):
            break


def _act_once(key: str) -> None:
    """Acts, unless it has for this key: what makes the step idempotent."""
    acts = Path(os.environ["LEDGER"] + ".acts")
    if key in (acts.read_text().split() if acts.exists() else []):
        return
    with acts.open("a") as file:
        file.write(f"{key}\n")
        file.flush()
        os.fsync(file.fileno())


@worker.tool(effect="read")
def look_up(id: str, cx: Context) -> Order:
    """Knows every order."""
    note("look_up", cx)
    return Order(id, 1999)


@worker.step(effect="idempotent", key_valid_for="24h")
def score(order: Order, cx: Context) -> Score:
    """Acts, and then may be killed before it can say so."""
    _act_once(cx.idempotency_key)
    _meets("score", order, cx)
    return Score(7, [f"attempt {cx.attempt}"])


@worker.step()
def charge_card(order: Order, score: Score, cx: Context) -> str:
    """Acts at most once."""
    _meets("charge_card", order, cx)
    return f"charged {order.cents} at {score.points}"
