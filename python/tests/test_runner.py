"""Leases, answers and stops, with a client that does as the test says."""

from __future__ import annotations

import json
import unittest
from typing import Any, cast

from mainstay_worker import Context, Worker
from mainstay_worker.client import Backoff, Client, Rejected, Unreachable
from mainstay_worker.hand import Hand
from mainstay_worker.runner import Runner


class Fake:
    """A client that remembers what it is given, and raises what it is told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.errors: list[Exception] = []
        self.beat: dict[str, list[str]] = {}

    def _send(self, what: str, message: Any) -> None:
        self.sent.append((what, message))
        if self.errors:
            raise self.errors.pop(0)

    def complete(self, call: str, result: str) -> None:
        self._send("complete", json.loads(result))

    def fail(self, call: str, failure: dict[str, object]) -> None:
        self._send("fail", failure)

    def heartbeat(self, calls: list[str], timeout: float) -> dict[str, list[str]]:
        self._send("heartbeat", calls)
        return self.beat


def context() -> Context:
    return Context(idempotency_key="key", attempt=1, left=60.0, run_id="run")


CALL = {"id": "c", "tool": "pay", "arguments": {}}


class Answers(unittest.TestCase):
    """One call, and what becomes of its answer."""

    def setUp(self) -> None:
        self.fake = Fake()
        self.times = 0
        worker = Worker("shop")

        @worker.tool()
        def pay() -> str:
            self.times += 1
            return "paid"

        @worker.step()
        def score() -> int:
            self.times += 1
            return 7

        self.runner = Runner(cast(Client, self.fake), worker._served, 1)
        self.hand = self.runner._hand
        self.hand.take("c", context(), 60.0)

    def test_an_answer_is_sent_again_until_it_arrives_and_the_call_is_made_once(self) -> None:
        self.fake.errors = [Unreachable("reset"), Unreachable("reset")]
        self.runner.carry_out(CALL)
        self.assertEqual(self.fake.sent, [("complete", "paid")] * 3)
        self.assertEqual((self.times, self.hand.count()), (1, 0))

    def test_a_step_is_called_as_a_step_and_not_as_a_tool(self) -> None:
        self.runner.carry_out({"id": "c", "step": "score", "arguments": {}})
        self.hand.take("c", context(), 60.0)
        self.runner.carry_out({"id": "c", "tool": "score", "arguments": {}})
        (first, value), (second, failure) = self.fake.sent
        self.assertEqual((first, value, self.times), ("complete", 7, 1))
        self.assertEqual((second, failure["took_effect"]), ("fail", "no"))

    def test_steps_and_tools_are_offered_apart(self) -> None:
        names = [[o["name"] for o in self.runner._offers(kind)] for kind in ("tool", "step")]
        self.assertEqual(names, [["pay"], ["score"]])

    def test_an_answer_that_was_taken_before_is_no_reason_to_do_anything(self) -> None:
        self.fake.errors = [Rejected(409, {"code": "MS-5063"})]
        with self.assertLogs("mainstay_worker", "ERROR"):
            self.runner.carry_out(CALL)
        self.assertEqual((self.times, len(self.fake.sent)), (1, 1))

    def test_a_result_that_is_refused_as_too_large_is_a_failure_that_may_have_acted(self) -> None:
        self.fake.errors = [Rejected(413, {"code": "MS-5064"})]
        self.runner.carry_out(CALL)
        (_, _), (what, failure) = self.fake.sent
        self.assertEqual((what, failure["took_effect"]), ("fail", "unknown"))

    def test_after_the_lease_nothing_is_sent(self) -> None:
        self.hand.put_down("c")
        self.hand.take("c", context(), 0.0)
        with self.assertLogs("mainstay_worker", "ERROR"):
            self.runner.carry_out(CALL)
        self.assertEqual(self.fake.sent, [])

    def test_what_comes_after_a_stop_is_handed_back_untouched(self) -> None:
        self.runner.stop()
        self.runner.carry_out(CALL)
        (what, failure) = self.fake.sent[0]
        self.assertEqual((what, failure["took_effect"], failure["retryable"]), ("fail", "no", True))
        self.assertEqual(self.times, 0)

    def test_a_cancelled_call_is_not_begun(self) -> None:
        held = self.hand.context_of("c")
        assert held is not None
        held.cancel()
        self.runner.carry_out(CALL)
        self.assertEqual((self.times, self.fake.sent[0][0]), (0, "fail"))


class Leases(unittest.TestCase):
    """Heartbeats and what they say."""

    def hand(self, now: list[float]) -> tuple[Hand, Fake, Context]:
        fake = Fake()
        hand = Hand(cast(Client, fake), lambda: now[0])
        cx = context()
        hand.take("c", cx, 15.0)
        return hand, fake, cx

    def test_a_heartbeat_renews_what_is_held(self) -> None:
        now = [0.0]
        hand, fake, cx = self.hand(now)
        fake.beat = {"held": ["c"]}
        now[0] = 10.0
        hand.beat(["c"], 5.0)
        now[0] = 24.0
        self.assertTrue(hand.is_own("c"))
        now[0] = 25.0
        self.assertFalse(hand.is_own("c"))
        self.assertFalse(cx.cancelled())

    def test_what_is_cancelled_or_lost_is_given_up(self) -> None:
        for word in ("cancelled", "lost"):
            hand, fake, cx = self.hand([0.0])
            fake.beat = {word: ["c"]}
            with self.assertLogs("mainstay_worker", "WARNING"):
                hand.beat(["c"], 5.0)
            self.assertTrue(cx.cancelled(), word)
            self.assertFalse(hand.is_own("c"), word)

    def test_a_lease_lapses_by_itself_when_heartbeats_do_not_arrive(self) -> None:
        now = [0.0]
        hand, fake, cx = self.hand(now)
        for second, cancelled in ((14.0, False), (15.0, True)):
            fake.errors = [Unreachable("reset")]
            now[0] = second
            with self.assertLogs("mainstay_worker", "WARNING"):
                hand.beat(["c"], 5.0)
            self.assertEqual(cx.cancelled(), cancelled)


class Waits(unittest.TestCase):
    """Full jitter."""

    def test_the_wait_is_uniform_below_a_ceiling_that_doubles(self) -> None:
        drawn: list[tuple[float, float]] = []

        def uniform(low: float, high: float) -> float:
            drawn.append((low, high))
            return high

        backoff = Backoff(base=0.5, ceiling=3.0, uniform=uniform)
        for _ in range(4):
            backoff.next()
        backoff.reset()
        backoff.next()
        self.assertEqual([high for _, high in drawn], [0.5, 1.0, 2.0, 3.0, 0.5])
        self.assertEqual({low for low, _ in drawn}, {0.0})


class Addresses(unittest.TestCase):
    """What can be spoken to."""

    def test_an_address_that_is_none_is_refused(self) -> None:
        for url in ("", "127.0.0.1:7373", "ftp://a", "http://"):
            with self.assertRaises(ValueError):
                Client(url, "shop", None)


if __name__ == "__main__":
    unittest.main()
