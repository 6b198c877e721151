"""The real programs under test: `mainstay worker --listen`, on SQLite, in a folder of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PYTHON = Path(__file__).resolve().parent.parent
TOKEN = "a-token-for-the-test"
LEASE = 3.0

SHOP = f"""
[workers.shop]
token = "secret:shop"
manifest = "worker.json"
lease = "{LEASE:.0f}s"
patience = "20s"

[workers.shop.tools.look_and_die_once]
timeout = "120s"
[workers.shop.tools.act_slowly]
timeout = "120s"
[workers.shop.tools.by_hand]
timeout = "120s"
"""

RISK = f"""
[workers.risk]
token = "secret:risk"
manifest = "worker.json"
lease = "{LEASE:.0f}s"
patience = "20s"

[workers.risk.steps.score]
timeout = "120s"
[workers.risk.steps.charge_card]
timeout = "120s"
"""

SETTLED = ("parked", "completed", "failed", "cancelled", "partial")


def binary() -> str:
    """Returns the stock program, which somebody must have built."""
    return _built("MAINSTAY_BIN", "mainstay", "cargo build -p mainstay-cli")


def order_desk() -> str:
    """Returns the program of which a worker serves two steps."""
    command = "cargo build -p mainstay --example order_desk"
    return _built("MAINSTAY_STEPS_BIN", "examples/order_desk", command)


def _built(variable: str, name: str, command: str) -> str:
    default = PYTHON.parent / "target" / "debug" / name
    path = Path(os.environ.get(variable, default))
    if not path.exists():
        raise RuntimeError(f"{path} is not there: {command}, or set {variable}")
    return str(path)


def wait_for(what: Callable[[], Any], patience: float = 300.0) -> Any:
    """Returns the first answer that is something. Fails only when the machine hangs."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if answer := what():
            return answer
        time.sleep(0.05)
    raise TimeoutError(f"nothing came of {what}")


class Program:
    """`mainstay worker` with its folder."""

    def __init__(
        self,
        program: str | None = None,
        config: str = SHOP,
        served: str = "tests.serving:worker",
    ) -> None:
        """Writes the configuration of a worker and starts a program."""
        self._program, self._served = program or binary(), served
        self._folder = tempfile.TemporaryDirectory(prefix="mainstay-python-")
        self.place = Path(self._folder.name)
        (self.place / "mainstay.toml").write_text(config)
        (self.place / "worker.json").write_bytes(self.python("manifest", served))
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self._env = {**kept, "NO_COLOR": "1"}
        self._env.update(MAINSTAY_SECRET_SHOP=TOKEN, MAINSTAY_SECRET_RISK=TOKEN)
        self.url = ""
        self.start_serving()

    def start_serving(self, address: str = "127.0.0.1:0") -> None:
        """Starts `mainstay worker`, and waits until it listens."""
        self.log: list[str] = []
        self._process = subprocess.Popen(
            [self._program, *self._db(), "worker", "--listen", address],
            cwd=self.place,
            env=self._env,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        self.url = wait_for(self._url)

    def kill_and_restart(self) -> None:
        """Kills `mainstay worker`, and starts another at the same address."""
        self._process.kill()
        self._process.wait()
        self.start_serving(self.url.removeprefix("http://"))

    def _db(self, name: str = "runs.db") -> list[str]:
        return ["--db", f"sqlite://{self.place}/{name}"]

    def _read(self) -> None:
        lines, log = self._process.stderr, self.log
        assert lines is not None
        with lines:
            for line in lines:
                log.append(line)

    def _url(self) -> str | None:
        if self._process.poll() is not None:
            raise RuntimeError("".join(self.log))
        found = re.search(r"come to (http://\S+)", "".join(self.log))
        return found.group(1) if found else None

    def close(self) -> None:
        """Stops the worker and removes the folder."""
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()

    def python(self, *words: str, **env: str) -> bytes:
        """Runs the package's own command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "mainstay_worker", *words],
            cwd=PYTHON,
            env={**os.environ, **env},
            check=True,
            capture_output=True,
        ).stdout

    @contextmanager
    def worker(self, **env: str) -> Iterator[Any]:
        """Starts a Python worker, and ends it by force."""
        given = {
            "MAINSTAY_URL": self.url,
            "MAINSTAY_WORKER_TOKEN": TOKEN,
            "LEDGER": str(self.place / "ledger"),
            "ENOUGH": str(self.place / "enough"),
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "mainstay_worker", "run", self._served],
            cwd=PYTHON,
            env={**os.environ, **given, **env},
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            if process.stderr is not None:
                process.stderr.close()

    def ledger(self, what: str) -> list[list[str]]:
        """Returns a line for each time a tool or a step began: attempt and key."""
        path = self.place / "ledger"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.split()[1:] for line in lines if line.startswith(f"{what} ")]

    def forget(self) -> None:
        """Empties the ledger."""
        for name in ("ledger", "ledger.acts", "enough"):
            (self.place / name).unlink(missing_ok=True)

    def mainstay(self, *words: str, db: str = "runs.db") -> Any:
        """Runs a command and returns its document."""
        done = subprocess.run(
            [self._program, *self._db(db), "--json", *words],
            cwd=self.place,
            env=self._env,
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            return json.loads(done.stdout)
        except ValueError as error:
            raise RuntimeError(f"{words}: {done.returncode} {done.stdout} {done.stderr}") from error

    def job(self, tool: str, *words: str, **args: Any) -> Any:
        """Runs a job of one call."""
        plan = {"goal": "test", "steps": [{"id": "only", "tool": tool, "args": args}]}
        path = self.place / "plan.json"
        path.write_text(json.dumps(plan))
        return self.mainstay("jobs", "run", "--plan", str(path), "--yes", *words)

    def start(self, tool: str, **args: Any) -> str:
        """Starts a job of one call, for the worker to carry out. Returns its run."""
        return self._begun(self.job(f"shop.{tool}", "--detach", **args))

    def start_flow(self, flow: str, **given: str) -> str:
        """Starts a run of a flow, for the worker to carry out. Returns it."""
        pairs = [f"{name}={value}" for name, value in given.items()]
        return self._begun(self.mainstay("run", flow, "--detach", "--input", *pairs))

    def _begun(self, document: Any) -> str:
        if not document.get("run_id"):
            raise RuntimeError(str(document))
        return str(document["run_id"])

    def settled(self, run: str) -> dict[str, Any]:
        """Waits until a run has ended or waits for a person."""

        def look() -> dict[str, Any] | None:
            shown = self.mainstay("runs", "show", run)
            return shown if shown["status"] in SETTLED else None

        found: dict[str, Any] = wait_for(look)
        return found
