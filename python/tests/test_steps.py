"""Python steps of a Rust flow against the real program: killed, frozen out, taken for tools."""

from __future__ import annotations

import json
import signal
import unittest
from typing import Any

from mainstay_worker.client import Client, Rejected

from .program import RISK, TOKEN, Program, order_desk, wait_for
from .scoring import worker as declared


class Steps(unittest.TestCase):
    """One program with a flow of which a Python worker serves two steps, and a scene a test."""

    program: Program

    @classmethod
    def setUpClass(cls) -> None:
        cls.program = Program(order_desk(), RISK, "tests.scoring:worker")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.program.close()

    def setUp(self) -> None:
        self.program.forget()

    def start(self, order: str) -> str:
        return self.program.start_flow("order_desk", order=order)

    def acts(self) -> list[str]:
        """Returns the keys for which the scoring acted."""
        return (self.program.place / "ledger.acts").read_text().split()

    def assert_in_doubt(self, run: str) -> None:
        shown = self.program.settled(run)
        self.assertEqual(shown["status"], "parked", shown)
        self.assertEqual(shown["waiting_for"], ["review"], shown)
        review = self.program.mainstay("reviews", "show", shown["review_id"])
        self.assertIn("in_doubt", json.dumps(review))

    def assert_output(self, run: str, expected: str) -> None:
        shown = self.program.settled(run)
        self.assertEqual((shown["status"], shown["output"]), ("completed", expected), shown)

    def begun(self) -> dict[str, int]:
        """Returns how often each of the worker's functions began."""
        names = ("look_up", "score", "charge_card")
        return {name: len(self.program.ledger(name)) for name in names}

    def test_one_worker_serves_a_tool_and_two_steps_of_a_run(self) -> None:
        run = self.start("A-1")
        with self.program.worker():
            self.assert_output(run, "charged 1999 at 7 at 7 points")
        self.assertEqual(self.begun(), {"look_up": 1, "score": 1, "charge_card": 1})

    def test_an_idempotent_step_that_is_killed_goes_on_elsewhere_and_acts_once(self) -> None:
        run = self.start("dies:score")
        with self.program.worker() as process:
            self.assertEqual(process.wait(), -signal.SIGKILL)
        with self.program.worker():
            self.assert_output(run, "charged 1999 at 7 at 7 points")
        (first, key), (second, same) = self.program.ledger("score")
        self.assertEqual((first, second, key), ("1", "2", same))
        self.assertEqual(self.acts(), [key])
        self.assertEqual(self.begun(), {"look_up": 1, "score": 2, "charge_card": 1})

    def test_a_step_that_acts_at_most_once_and_is_killed_is_in_doubt_and_not_repeated(self) -> None:
        run = self.start("dies:charge_card")
        with self.program.worker() as process:
            self.assertEqual(process.wait(), -signal.SIGKILL)
        with self.program.worker():
            self.assert_in_doubt(run)
            # Another run goes through the new process: it had its chance at the first one, too.
            self.assert_output(self.start("A-1"), "charged 1999 at 7 at 7 points")
        self.assertEqual(self.program.settled(run)["status"], "parked")
        self.assertEqual(self.begun(), {"look_up": 2, "score": 2, "charge_card": 2})

    def test_a_person_says_what_a_step_in_doubt_returned_and_the_run_goes_on(self) -> None:
        run = self.start("dies:charge_card")
        with self.program.worker() as process:
            self.assertEqual(process.wait(), -signal.SIGKILL)
        self.assert_in_doubt(run)
        review = self.program.settled(run)["review_id"]
        self.program.mainstay("reviews", "amend", review, "--subject", '"charged by hand"')
        with self.program.worker():
            wait_for(lambda: self.program.settled(run)["status"] != "parked")
            self.assert_output(run, "charged by hand at 7 points")
        self.assertEqual(len(self.program.ledger("charge_card")), 1)

    def test_an_idempotent_step_whose_own_side_is_killed_is_made_again_with_its_key(self) -> None:
        run = self.start("waits:score")
        with self.program.worker():
            wait_for(lambda: self.program.ledger("score"))
            self.program.kill_and_restart()
            (self.program.place / "enough").touch()
            self.assert_output(run, "charged 1999 at 7 at 7 points")
        (_, key), (_, same) = self.program.ledger("score")
        self.assertEqual((key, self.acts()), (same, [key]))

    def test_an_acting_step_whose_own_side_is_killed_is_in_doubt_and_not_repeated(self) -> None:
        run = self.start("waits:charge_card")
        with self.program.worker():
            wait_for(lambda: self.program.ledger("charge_card"))
            self.program.kill_and_restart()
            self.assert_in_doubt(run)
            (self.program.place / "enough").touch()
            # The worker comes back, and serves the next run.
            self.assert_output(self.start("A-1"), "charged 1999 at 7 at 7 points")
        self.assertEqual(self.program.settled(run)["status"], "parked")
        self.assertEqual(len(self.program.ledger("charge_card")), 2)

    def test_a_step_held_past_its_lease_is_in_doubt_and_a_late_answer_is_refused(self) -> None:
        hand = Client(self.program.url, "risk", TOKEN)
        served = declared.runner(self.program.url, TOKEN)
        tools, steps = served._offers("tool"), served._offers("step")
        run = self.start("A-1")
        answers = {"look_up": {"id": "A-1", "cents": 5}, "score": {"points": 1, "reasons": []}}
        for name, kind in (("look_up", "tool"), ("score", "step"), ("charge_card", "step")):
            call: dict[str, Any] = wait_for(lambda: hand.poll(tools, steps, 1, 5.0))[0]
            self.assertEqual({call.get("tool"), call.get("step")}, {name, None})
            self.assertEqual(call[kind], name)
            if name in answers:
                hand.complete(call["id"], json.dumps(answers[name]))
        self.assert_in_doubt(run)
        with self.assertRaises(Rejected) as caught:
            hand.complete(call["id"], '"late"')
        self.assertEqual((caught.exception.status, caught.exception.code), (409, "MS-5063"))
        self.assertEqual(self.program.settled(run)["status"], "parked")

    def test_a_step_is_no_tool_of_plans_and_of_calls_by_hand(self) -> None:
        refused = self.program.job("risk.score", order={"id": "A-1", "cents": 1})
        self.assertNotIn("run_id", {name for name, value in refused.items() if value}, refused)
        self.assertIn("risk.score", json.dumps(refused["error"]))
        by_hand = self.program.mainstay("tools", "call", "risk.score", "--args", "{}")
        self.assertEqual(by_hand["error"]["code"], "MS-5001", by_hand)
        with self.assertRaises(Rejected) as caught:
            offer = declared._served["score"].offer()
            Client(self.program.url, "risk", TOKEN).poll([offer], [], 1, 0.0)
        self.assertIn('`score` at /kind: declared "step", served "tool"', str(caught.exception))


if __name__ == "__main__":
    unittest.main()
