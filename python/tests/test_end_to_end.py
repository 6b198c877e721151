"""Python tools against the real program: killed, hanging, garbling, answering twice and late."""

from __future__ import annotations

import http.client
import json
import signal
import threading
import unittest
from typing import Any
from urllib.parse import urlsplit

from mainstay_worker import Context, Worker
from mainstay_worker.client import Client, Rejected

from .program import TOKEN, Program, wait_for
from .serving import worker as declared


class ByHand:
    """A worker without the package: it polls, and then does what the test says."""

    def __init__(self, program: Program, token: str = TOKEN) -> None:
        """Speaks in the name of `shop`."""
        self._url = urlsplit(program.url)
        self._token = token
        self._client = Client(program.url, "shop", token)

    def poll(self) -> dict[str, Any]:
        """Returns the next call of `by_hand`."""
        offers = [declared._served["by_hand"].offer()]
        return dict(wait_for(lambda: self._client.poll(offers, [], 1, 5.0))[0])

    def post(self, what: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Sends any bytes."""
        connection = http.client.HTTPConnection(self._url.netloc, timeout=60)
        headers = {"content-type": "application/json", "authorization": f"Bearer {self._token}"}
        try:
            connection.request("POST", f"/v1/work:{what}", body, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def complete(self, call: str, result: Any) -> tuple[int, dict[str, Any]]:
        """Sends a result."""
        message = {"worker": "shop", "call": call, "result": result}
        return self.post("complete", json.dumps(message).encode())


class EndToEnd(unittest.TestCase):
    """One program, and a scene a test."""

    program: Program

    @classmethod
    def setUpClass(cls) -> None:
        cls.program = Program()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.program.close()

    def setUp(self) -> None:
        self.program.forget()

    def assert_in_doubt(self, run: str) -> None:
        shown = self.program.settled(run)
        self.assertEqual(shown["status"], "parked", shown)
        self.assertEqual(shown["waiting_for"], ["review"], shown)
        review = self.program.mainstay("reviews", "show", shown["review_id"])
        self.assertIn("in_doubt", json.dumps(review))

    def test_an_acting_call_that_is_killed_is_in_doubt_and_not_repeated(self) -> None:
        run = self.program.start("act_and_die", cents=5)
        with self.program.worker() as process:
            wait_for(lambda: self.program.ledger("act_and_die"))
            self.assertEqual(process.wait(), -signal.SIGKILL)
        with self.program.worker():
            self.assert_in_doubt(run)
            # Another call goes through the new process: it had its chance at the first one, too.
            done = self.program.settled(self.program.start("refuse", cents=9))
            self.assertNotEqual(done["status"], "completed")
        self.assertEqual(len(self.program.ledger("act_and_die")), 1)

    def test_a_read_that_is_killed_is_made_again_with_the_same_key(self) -> None:
        run = self.program.start("look_and_die_once", q="x")
        with self.program.worker() as process:
            self.assertEqual(process.wait(), -signal.SIGKILL)
        with self.program.worker():
            self.assertEqual(self.program.settled(run)["status"], "completed")
        (first, key), (second, same) = self.program.ledger("look_and_die_once")
        self.assertEqual((first, second, key), ("1", "2", same))

    def test_a_worker_that_is_told_to_stop_finishes_what_it_has(self) -> None:
        run = self.program.start("act_slowly")
        with self.program.worker() as process:
            wait_for(lambda: self.program.ledger("act_slowly"))
            process.send_signal(signal.SIGTERM)
            (self.program.place / "enough").touch()
            self.assertEqual(process.wait(), 0)
        self.assertEqual(self.program.settled(run)["status"], "completed")
        self.assertEqual(len(self.program.ledger("act_slowly")), 1)

    def test_a_worker_that_freezes_with_a_call_wakes_to_a_call_that_is_in_doubt(self) -> None:
        run = self.program.start("act_slowly")
        with self.program.worker() as process:
            wait_for(lambda: self.program.ledger("act_slowly"))
            process.send_signal(signal.SIGSTOP)
            self.assert_in_doubt(run)
            (self.program.place / "enough").touch()
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(), 0)
        self.assertEqual(self.program.settled(run)["status"], "parked")
        self.assertEqual(len(self.program.ledger("act_slowly")), 1)

    def test_a_call_whose_own_side_is_killed_is_in_doubt_and_the_worker_comes_back(self) -> None:
        run = self.program.start("act_slowly")
        with self.program.worker() as process:
            wait_for(lambda: self.program.ledger("act_slowly"))
            self.program.kill_and_restart()
            self.assert_in_doubt(run)
            (self.program.place / "enough").touch()
            # It answers a call that the new process never had, and goes on with the next.
            done = self.program.settled(self.program.start("act_slowly"))
            self.assertEqual(done["status"], "completed")
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(), 0)
        self.assertEqual(self.program.settled(run)["status"], "parked")
        self.assertEqual(len(self.program.ledger("act_slowly")), 2)

    def test_a_command_that_does_not_listen_waits_for_the_process_that_does(self) -> None:
        plan = {"goal": "test", "steps": [{"id": "a", "tool": "shop.act_slowly", "args": {}}]}
        (self.program.place / "plan.json").write_text(json.dumps(plan))
        (self.program.place / "enough").touch()
        with self.program.worker():
            document = self.program.mainstay("jobs", "run", "--plan", "plan.json", "--yes")
            called = self.program.mainstay("tools", "call", "shop.act_slowly")
        self.assertEqual(document["status"], "completed", document)
        self.assertEqual(called["status"], "completed", called)
        self.assertEqual(len(self.program.ledger("act_slowly")), 2)

    def test_where_nobody_listens_a_job_is_left_alone_and_not_failed(self) -> None:
        plan = {"goal": "test", "steps": [{"id": "a", "tool": "shop.act_slowly", "args": {}}]}
        (self.program.place / "plan.json").write_text(json.dumps(plan))
        document = self.program.mainstay("jobs", "run", "--plan", "plan.json", "--yes", db="own.db")
        self.assertEqual((document["status"], document["error"]["code"]), ("queued", "MS-2004"))

    def test_a_refusal_fails_the_step_with_the_tools_own_words(self) -> None:
        run = self.program.start("refuse", cents=700)
        with self.program.worker():
            shown = self.program.settled(run)
        self.assertIn("LIMIT: 700 is too much", json.dumps(shown))
        self.assertNotEqual(shown["status"], "completed")

    def test_a_call_held_past_its_lease_is_in_doubt_and_a_late_answer_is_refused(self) -> None:
        run = self.program.start("by_hand", cents=1)
        hand = ByHand(self.program)
        call = hand.poll()
        self.assert_in_doubt(run)
        status, problem = hand.complete(call["id"], "late")
        self.assertEqual((status, problem["code"], problem["retryable"]), (409, "MS-5063", False))
        self.assertEqual(self.program.settled(run)["status"], "parked")

    def test_garbage_floods_and_second_answers_are_refused_and_the_first_counts(self) -> None:
        run = self.program.start("by_hand", cents=2)
        hand = ByHand(self.program)
        call = hand.poll()
        stop = threading.Event()
        beating = threading.Thread(target=self._beat, args=(call["id"], stop))
        beating.start()
        try:
            status, problem = hand.post("complete", b"\x00\xffgarbage")
            self.assertEqual((status, problem["code"]), (400, "MS-5064"))
            status, problem = hand.complete(call["id"], "x" * (2 << 20))
            self.assertEqual((status, problem["code"]), (413, "MS-5064"))
            stranger = ByHand(self.program, "wrong").complete(call["id"], "stolen")
            self.assertEqual((stranger[0], stranger[1]["code"]), (401, "MS-5062"))
            self.assertEqual(hand.complete(call["id"], "first")[0], 200)
            status, problem = hand.complete(call["id"], "second")
            self.assertEqual((status, problem["code"]), (409, "MS-5063"))
        finally:
            stop.set()
            beating.join()
        self.assertEqual(self.program.settled(run)["status"], "completed")

    def _beat(self, call: str, stop: threading.Event) -> None:
        client = Client(self.program.url, "shop", TOKEN)
        while not stop.wait(0.5):
            client.heartbeat([call], 60)

    def test_what_is_not_declared_is_refused_with_the_difference(self) -> None:
        other = Worker("shop")

        @other.tool()
        def refuse(cents: float, cx: Context) -> str:
            return f"{cents}{cx.attempt}"

        with self.assertRaises(Rejected) as caught:
            other.runner(self.program.url, TOKEN).run()
        self.assertEqual(caught.exception.code, "MS-5061")
        place = "`refuse` at /input_schema/properties/cents/type"
        self.assertIn(f'{place}: declared "integer", served "number"', str(caught.exception))
        with self.program.worker(MAINSTAY_WORKER_TOKEN="wrong") as process:
            _, told = process.communicate()
        self.assertEqual(process.returncode, 2)
        self.assertIn("MS-5062", told)


if __name__ == "__main__":
    unittest.main()
