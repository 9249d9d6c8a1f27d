"""The exchange's own record: its REST API, asked and signed with the standard library alone.

What a client says is held against this. Nothing here knows any client.
"""

import asyncio
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from decimal import Decimal


@dataclass
class Answer:
    """An answer as it came: its status, headers (names in lower case) and JSON body."""

    status: int
    headers: dict
    body: object


class Record:
    """Raw requests to the exchange whose `exchange.ready` line is given."""

    def __init__(self, ready):
        self.ready = ready
        self.url = ready["rest_url"]
        self.key = ready["api_key"]
        self.secret = ready["api_secret"]
        self._symbols = {}

    def request(self, method, path, query=""):
        """One request; 4xx and 5xx are answers as well."""
        url = f"{self.url}{path}{'?' if query else ''}{query}"
        request = urllib.request.Request(url, method=method)
        request.add_header("X-MBX-APIKEY", self.key)
        try:
            response = urllib.request.urlopen(request, timeout=10)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, headers, json.loads(response.read() or "null"))

    async def ask(self, method, path, query=""):
        """One request that lets the client under test go on meanwhile."""
        return await asyncio.to_thread(self.request, method, path, query)

    async def get(self, path, **params):
        """The body of a public GET that must succeed."""
        answer = await self.ask("GET", f"/api/v3/{path}", urllib.parse.urlencode(params))
        assert answer.status == 200, f"the record refuses {path} {params}: {answer}"
        return answer.body

    async def sign(self, method, path, **params):
        """The answer to a signed request."""
        params.setdefault("timestamp", int(time.time() * 1000))
        query = urllib.parse.urlencode(params)
        signature = hmac.new(self.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        return await self.ask(method, f"/api/v3/{path}", f"{query}&signature={signature}")

    async def mine(self, path, **params):
        """The body of a signed GET that must succeed."""
        answer = await self.sign("GET", path, **params)
        assert answer.status == 200, f"the record refuses {path} {params}: {answer}"
        return answer.body

    async def order(self, symbol, order_id):
        """An order by its number."""
        return await self.mine("order", symbol=symbol, orderId=order_id)

    async def trades_of(self, symbol, order_id):
        """The trades of an order, oldest first."""
        return await self.mine("myTrades", symbol=symbol, orderId=order_id)

    async def balances(self):
        """Free and locked of each asset."""
        account = await self.mine("account")
        return {
            row["asset"]: (Decimal(row["free"]), Decimal(row["locked"]))
            for row in account["balances"]
        }

    async def open_orders(self, symbol):
        """What rests of ours."""
        return await self.mine("openOrders", symbol=symbol)

    async def best(self, symbol):
        """Best bid and best ask."""
        row = await self.get("ticker/bookTicker", symbol=symbol)
        return Decimal(row["bidPrice"]), Decimal(row["askPrice"])

    async def filters(self, symbol):
        """The filters of a symbol by their type."""
        if symbol not in self._symbols:
            info = await self.get("exchangeInfo", symbol=symbol)
            rows = info["symbols"][0]["filters"]
            self._symbols[symbol] = {row["filterType"]: row for row in rows}
        return self._symbols[symbol]

    async def price(self, symbol, factor):
        """The best bid times `factor`, on the symbol's tick."""
        tick = Decimal((await self.filters(symbol))["PRICE_FILTER"]["tickSize"])
        bid, _ = await self.best(symbol)
        return ((bid * Decimal(factor) / tick).to_integral_value() * tick).normalize()

    async def cancel_everything(self, symbol):
        """Leaves nothing of ours in the book."""
        if await self.open_orders(symbol):
            answer = await self.sign("DELETE", "openOrders", symbol=symbol)
            assert answer.status == 200, answer
