"""The tools of a small shop: what `python/README.md` runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from mainstay_worker import Context, Refused, Worker

worker = Worker("shop")

ORDERS = {"A-1": 1999, "A-2": 250}


@dataclass
class Order:
    """An order, as support sees it."""

    id: str
    cents: int
    status: Literal["paid", "open"]


@worker.tool(effect="read")
def find_order(id: Annotated[str, "the number on the receipt"]) -> Order | None:
    """Finds an order by its number."""
    cents = ORDERS.get(id)
    return None if cents is None else Order(id, cents, "paid")


@worker.tool(effect="idempotent", key_valid_for="24h")
def refund(order: str, cents: int, cx: Context) -> dict[str, str]:
    """Refunds an order, in whole or in part."""
    if cents > ORDERS.get(order, 0):
        raise Refused(f"order {order} does not have {cents} cents to refund")
    return {"receipt": f"R-{cx.idempotency_key[:8]}", "order": order}


if __name__ == "__main__":
    worker.run()
