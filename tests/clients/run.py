"""Checks the simulated exchange with one client: `run.py ccxt|pybinance|sdk READY [CHECK…]`.

READY is a file with the line that `tickwright exchange` prints when it is ready.
"""

import asyncio
import importlib
import json
import pathlib
import sys

import harness
from record import Record

LIMIT_S = 60.0


async def main(family, ready, only):
    """Connects the client, runs its checks and says how many passed."""
    module = importlib.import_module(f"{family}_checks")
    record = Record(json.loads(pathlib.Path(ready).read_text(encoding="utf-8")))
    async with module.connect(record) as client:
        failed = await harness.run(module.CHECKS, client, record, only, LIMIT_S)
    total = len(only) or len(module.CHECKS.market) + len(module.CHECKS.account)
    print(f"{family}: {total - len(failed)} of {total} passed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in ("ccxt", "pybinance", "sdk"):
        sys.exit(__doc__)
    sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:])))
