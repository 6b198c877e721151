"""Functions as tools and as steps."""

from __future__ import annotations

import unittest
from typing import Any, Literal

from mainstay_worker import Context, Refused, Retryable, Unknown, Worker
from mainstay_worker.failures import Failure
from mainstay_worker.hints import Unsupported
from mainstay_worker.served import Served


def context(left: float = 60.0) -> Context:
    return Context(idempotency_key="key", attempt=2, left=left, run_id="run")


def served(function: Any, **options: Any) -> Served:
    worker = Worker("shop")
    worker.tool(**options)(function)
    return worker._served[options.get("name") or function.__name__]


class Tools(unittest.TestCase):
    """What a decorator makes of a function."""

    def test_hints_become_the_schema_and_the_docstring_the_description(self) -> None:
        def pay(to: str, cents: int, cx: Context, kind: Literal["a", "b"] = "a") -> None:
            """Pays."""

        tool = served(pay)
        self.assertEqual(
            tool.manifest(),
            {
                "name": "pay",
                "description": "Pays.",
                "effect": "at_most_once",
                "input_schema": {
                    "type": "object",
                    "properties": {
                        "to": {"type": "string"},
                        "cents": {"type": "integer"},
                        "kind": {"enum": ["a", "b"], "default": "a"},
                    },
                    "required": ["to", "cents"],
                    "additionalProperties": False,
                },
                "output_schema": {"type": "null"},
            },
        )

    def test_a_function_gets_values_and_its_context(self) -> None:
        def pay(cents: int, cx: Context, times: int = 2) -> list[Any]:
            return [cents * times, cx.idempotency_key, cx.attempt]

        self.assertEqual(served(pay).call({"cents": 3}, context()), '[6, "key", 2]')

    def test_async_functions_are_tools_too(self) -> None:
        async def find(q: str) -> str:
            return q.upper()

        self.assertEqual(served(find, effect="read").call({"q": "ü"}, context()), '"Ü"')

    def test_arguments_that_do_not_fit_are_refused_before_the_function(self) -> None:
        def pay(cents: int) -> None:
            raise AssertionError("it must not be called")

        for arguments in [{}, {"cents": "1"}, {"cents": 1, "more": 1}, [], None, {"cents": True}]:
            with self.subTest(arguments=arguments), self.assertRaises(Refused) as caught:
                served(pay).call(arguments, context())
            self.assertEqual(Failure.of(caught.exception).took_effect, "no")

    def test_a_result_too_large_may_have_acted(self) -> None:
        def flood() -> str:
            return "x" * (2 << 20)

        with self.assertRaises(ValueError) as caught:
            served(flood).call({}, context())
        self.assertEqual(Failure.of(caught.exception).took_effect, "unknown")

    def test_an_idempotent_tool_says_for_how_long(self) -> None:
        def pay() -> None: ...

        with self.assertRaises(ValueError):
            served(pay, effect="idempotent")
        with self.assertRaises(ValueError):
            served(pay, effect="read", key_valid_for="24h")
        tool = served(pay, effect="idempotent", key_valid_for="24h")
        self.assertEqual(tool.manifest()["key_valid_for"], "24h")

    def test_a_name_is_given_once(self) -> None:
        worker = Worker("shop")
        worker.tool(name="a")(lambda: None)
        with self.assertRaises(ValueError):
            worker.tool(name="a")(lambda: None)

    def test_a_step_is_declared_like_a_tool_and_beside_them(self) -> None:
        worker = Worker("risk")
        self.assertEqual(worker.manifest(), {"tools": []})

        @worker.step(effect="idempotent", key_valid_for="24h", name="score_v2")
        def score(order: str, cx: Context) -> int:
            """Scores."""
            return len(order)

        worker.tool(effect="read", name="look")(lambda: None)
        manifest = worker.manifest()
        [step], [tool] = manifest["steps"], manifest["tools"]
        self.assertEqual((step["name"], tool["name"]), ("score_v2", "look"))
        self.assertEqual(step["input_schema"]["required"], ["order"])
        self.assertEqual((step["key_valid_for"], step["description"]), ("24h", "Scores."))
        with self.assertRaises(ValueError):
            worker.tool(name="score_v2")(lambda: None)

    def test_an_argument_without_a_hint_is_refused(self) -> None:
        for function in (lambda q: None, lambda *q: None, lambda **q: None):
            with self.assertRaises(Unsupported):
                served(function, name="a")


class Failures(unittest.TestCase):
    """What a tool raises, as it is sent."""

    def test_each_failure_says_what_it_is(self) -> None:
        table: list[tuple[Exception, bool, str]] = [
            (Refused("no"), False, "no"),
            (Retryable("later"), True, "no"),
            (Unknown("lost"), True, "unknown"),
            (KeyError("a"), False, "unknown"),
        ]
        for error, retryable, took_effect in table:
            with self.subTest(error=error):
                document = Failure.of(error).document()
                self.assertEqual(document["retryable"], retryable)
                self.assertEqual(document["took_effect"], took_effect)

    def test_a_wait_and_a_word_are_sent_along(self) -> None:
        document = Failure.of(Retryable("later", code="LIMIT", retry_after=1.5)).document()
        self.assertEqual((document["code"], document["retry_after_ms"]), ("LIMIT", 1500))

    def test_a_message_is_a_sentence(self) -> None:
        self.assertEqual(len(str(Failure.of(Refused("x" * 9999)).document()["message"])), 1000)


class Contexts(unittest.TestCase):
    """The time a call has."""

    def test_a_call_is_cancelled_by_word_and_by_deadline(self) -> None:
        now = [0.0]
        cx = Context(idempotency_key="k", attempt=1, left=5.0, run_id="r", clock=lambda: now[0])
        self.assertEqual((cx.deadline, cx.cancelled()), (5.0, False))
        now[0] = 6.0
        self.assertEqual((cx.deadline, cx.cancelled()), (0.0, True))
        told = context()
        told.cancel()
        self.assertTrue(told.wait_cancelled(60.0))


if __name__ == "__main__":
    unittest.main()
