"""How checks are named, run and judged."""

import asyncio
import time
import traceback
from decimal import Decimal

SYMBOL = "BTCUSDT"
OTHER = "ETHUSDT"


class Checks:
    """The checks of one client, in the order in which they stand in its file.

    Those of the market run beside those of the account; within each of the two, one after another.
    """

    def __init__(self):
        self.market = []
        self.account = []

    def of_market(self, check):
        """Registers a check that leaves the account alone."""
        self.market.append(check)
        return check

    def of_account(self, check):
        """Registers a check that trades."""
        self.account.append(check)
        return check


async def run(checks, client, record, only, limit_s):
    """Runs the checks, prints a line for each, and returns the names of those that failed."""
    failed = []

    async def lane(lane_checks, before_each=None):
        for check in lane_checks:
            name = check.__name__
            if only and name not in only:
                continue
            begun = time.monotonic()
            try:
                if before_each:
                    await before_each(SYMBOL)
                await asyncio.wait_for(check(client, record), limit_s)
                verdict, why = "ok", ""
            except (Exception, asyncio.CancelledError) as error:
                verdict = "FAILED"
                why = "".join(traceback.format_exception(error))
                if isinstance(error, asyncio.TimeoutError):
                    why = f"not done in {limit_s} s\n{why}"
                failed.append(name)
            print(f"{verdict} {name} {time.monotonic() - begun:.2f}s", flush=True)
            if why:
                print(why, flush=True)

    await asyncio.gather(lane(checks.market), lane(checks.account, record.cancel_everything))
    return failed


def money(value):
    """A client's number as the decimal that it stands for; a float by its shortest text."""
    assert value is not None, "a number is missing"
    return Decimal(repr(value) if isinstance(value, float) else str(value))


def same(what, got, wanted):
    """Both are equal, as numbers if either is one of money."""
    if isinstance(wanted, Decimal):
        got = money(got)
    assert got == wanted, f"{what}: the client says {got!r}, the exchange {wanted!r}"


def fields(what, got, wanted):
    """Each of the named values is the wanted one."""
    for name, value in wanted.items():
        same(f"{what} {name}", got[name], value)


async def refused(call, kind, *texts):
    """The call raises an error of that kind with all of these texts in it."""
    try:
        answer = await call
    except kind as error:
        for text in texts:
            assert text in f"{error!r} {error}", f"no {text!r} in {error!r}"
        return error
    raise AssertionError(f"not refused: {answer}")


async def until(attempt, pause_s=0.0, limit_s=30.0):
    """The first answer of `attempt` that is not None: for what moves between two questions."""
    begun = time.monotonic()
    while True:
        answer = await attempt()
        if answer is not None:
            return answer
        assert time.monotonic() - begun < limit_s, f"{attempt.__qualname__}: never in {limit_s} s"
        await asyncio.sleep(pause_s)


async def at_rest(record, path, ask, same_moment=None, **params):
    """A client's answer with the record's, when the record is the same before and after it."""
    key = same_moment or (lambda body: body)

    async def attempt():
        before = await record.get(path, **params)
        answer = await ask()
        after = await record.get(path, **params)
        return (answer, after) if key(before) == key(after) else None

    return await until(attempt)


def levels(side):
    """Price levels as decimals."""
    return [(money(level[0]), money(level[1])) for level in side]
