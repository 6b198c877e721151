"""`python -m mainstay_worker manifest MODULE:WORKER` and `… run MODULE:WORKER`."""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import sys

from .client import Rejected
from .worker import Worker


def _worker(named: str) -> Worker:
    module, _, attribute = named.partition(":")
    sys.path.insert(0, os.getcwd())
    found = getattr(importlib.import_module(module), attribute or "worker")
    if not isinstance(found, Worker):
        raise SystemExit(f"{named} is no Worker")
    return found


def main() -> int:
    """Reads the command line and does what it says."""
    parser = argparse.ArgumentParser(prog="python -m mainstay_worker")
    parser.add_argument("command", choices=["manifest", "run"])
    parser.add_argument("worker", metavar="MODULE:WORKER")
    parser.add_argument("--url", help="address of `mainstay worker`; else MAINSTAY_URL")
    given = parser.parse_args()
    worker = _worker(given.worker)
    if given.command == "manifest":
        json.dump(worker.manifest(), sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
        return 0
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        worker.run(given.url)
    except Rejected as error:
        logging.getLogger("mainstay_worker").error("%s", error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
