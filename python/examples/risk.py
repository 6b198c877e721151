"""Two steps and a tool of `crates/mainstay/examples/order_desk.rs`: run by `python/README.md`."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay_worker import Context, Refused, Worker

worker = Worker("risk")

ORDERS = {"A-1": 1999, "A-2": 25000}


@dataclass
class Order:
    """An order, as the shop has it."""

    id: str
    cents: int


@dataclass
class Score:
    """How likely it is to be a fraud."""

    points: int
    reasons: list[str]


@worker.tool(effect="read")
def look_up(id: str) -> Order | None:
    """Looks an order up by its number."""
    cents = ORDERS.get(id)
    return None if cents is None else Order(id, cents)


@worker.step(effect="read")
def score(order: Order) -> Score:
    """Scores an order."""
    return Score(60, ["expensive"]) if order.cents > 10_000 else Score(5, [])


@worker.step(effect="idempotent", key_valid_for="24h")
def charge_card(order: Order, score: Score, cx: Context) -> str:
    """Charges for an order: the bank knows a repeat by the key."""
    if score.points > 50:
        raise Refused(f"order {order.id} scores {score.points} points", code="RISK")
    return f"R-{cx.idempotency_key[:8]}"


if __name__ == "__main__":
    worker.run()
