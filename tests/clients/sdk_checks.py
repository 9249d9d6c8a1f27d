"""binance-sdk-spot, the venue's own client, whose models are made from the venue's own description.

Its answers are compared whole: what a model does not take, or takes as something else, shows. A
model that does not fit is only a warning to the client; here it fails the check.
"""

import asyncio
import contextlib
import logging
from decimal import Decimal
from pathlib import Path

from binance_common import errors
from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_common.constants import TimeUnit
from binance_sdk_spot.spot import Spot
from pydantic import BaseModel

from harness import SYMBOL, Checks, at_rest, fields, levels, same, until

CHECKS = Checks()
TIMEOUT_MS = 10_000


# The models of session.* lack what each answer of the WebSocket API carries, and that of a cancelled
# list what the venue's documents show in it.
UNDESCRIBED = {"rateLimits", "selfTradePreventionMode"}


class Complaints(logging.Handler):
    """What the client warns of: models that do not fit."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())


COMPLAINTS = Complaints()
logging.getLogger().addHandler(COMPLAINTS)


class Client:
    """The client's three parts on loopback."""

    def __init__(self, record, **changes):
        ready = record.ready
        keys = {"api_key": record.key, "api_secret": record.secret, **changes}
        self.rest = Spot(config_rest_api=ConfigurationRestAPI(
            base_path=ready["rest_url"], timeout=TIMEOUT_MS, retries=0, **keys)).rest_api
        self.micros = Spot(config_rest_api=ConfigurationRestAPI(
            base_path=ready["rest_url"], timeout=TIMEOUT_MS, retries=0,
            time_unit=TimeUnit.MICROSECOND.value, **keys)).rest_api
        self.streams_url = f"{ready['ws_url']}/stream"
        self.ws_api_url = ready["ws_api_url"]
        self.keys = keys

    async def ask(self, method, *args, part=None, **params):
        """The response of a REST method, which must fit its model."""
        return await asyncio.to_thread(getattr(part or self.rest, method), *args, **params)

    async def data(self, method, *args, part=None, **params):
        """The same as plain JSON."""
        return plain((await self.ask(method, *args, part=part, **params)).data())

    @contextlib.asynccontextmanager
    async def streams(self):
        """A connection for market streams."""
        streams = Spot(config_ws_streams=ConfigurationWebSocketStreams(
            stream_url=self.streams_url)).websocket_streams
        async with connected(streams):
            yield streams

    @contextlib.asynccontextmanager
    async def ws_api(self, **keys):
        """A connection to the WebSocket API."""
        api = Spot(config_ws_api=ConfigurationWebSocketAPI(
            stream_url=self.ws_api_url, timeout=TIMEOUT_MS, **(keys or self.keys))).websocket_api
        async with connected(api):
            yield api


@contextlib.asynccontextmanager
async def connected(part):
    """A websocket of the client, open."""
    await part.create_connection()
    try:
        yield part
    finally:
        await part.close_connection(close_session=True)


@contextlib.asynccontextmanager
async def connect(record):
    """The client."""
    yield Client(record)


def checked(register):
    """A check at whose end the client must not have complained."""
    def wrap(check):
        async def whole(client, record):
            await check(client, record)
            texts, COMPLAINTS.texts = COMPLAINTS.texts, []
            assert not texts, f"the client complains: {texts}"

        whole.__name__ = check.__name__
        whole.__qualname__ = check.__name__
        return register(whole)

    return wrap


market = checked(CHECKS.of_market)
account = checked(CHECKS.of_account)


def plain(model):
    """A model as JSON, with nothing in it that the model does not know."""
    if isinstance(model, list):
        return [plain(item) for item in model]
    if not isinstance(model, BaseModel):
        return model
    instance = getattr(model, "actual_instance", None)
    if instance is not None:
        return plain(instance)
    unknown = set(getattr(model, "additional_properties", None) or {}) - UNDESCRIBED
    assert not unknown, f"{type(model).__name__} does not know {unknown}"
    return {
        field.alias or name: plain(getattr(model, name))
        for name, field in type(model).model_fields.items()
        if name != "additional_properties" and getattr(model, name) is not None
    }


def only(body, *names):
    """Some of a body's fields."""
    return {name: body[name] for name in names}


async def refused(call, kind, code, message):
    """The call fails with exactly this error."""
    try:
        answer = await call
    except errors.ClientError as error:
        same("kind", type(error), kind)
        same("refusal", (error.status_code, error.error_message), (code, message))
        COMPLAINTS.texts.clear()
        return error
    except errors.Error as error:
        same("kind", type(error), kind)
        same("refusal", (error.status_code, error.error_message), (code, message))
        return error
    raise AssertionError(f"not refused: {answer.data()}")


# --- the market ---------------------------------------------------------------------------------


@market
async def rest_public_models(client, record):
    same("ping", (await client.ask("ping")).status, 200)
    before = (await record.get("time"))["serverTime"]
    at = (await client.ask("time")).data().server_time
    assert before <= at <= (await record.get("time"))["serverTime"], at
    info = (await client.ask("exchange_info", symbol=SYMBOL)).data()
    row = (await record.get("exchangeInfo", symbol=SYMBOL))["symbols"][0]
    symbol = info.symbols[0]
    same("symbol", (symbol.symbol, symbol.status, symbol.base_asset, symbol.quote_asset),
         (row["symbol"], row["status"], row["baseAsset"], row["quoteAsset"]))
    same("types", symbol.order_types, row["orderTypes"])
    same("filters", [plain(one) for one in symbol.filters], row["filters"])
    same("limits", [plain(one) for one in info.rate_limits],
         (await record.get("exchangeInfo"))["rateLimits"])
    one = {"symbol": SYMBOL}
    few = {**one, "limit": 20}
    minutes = {**one, "interval": "1m", "limit": 5}
    four_hours = {**one, "windowSize": "4h"}

    def but_for_time(body):
        if not isinstance(body, dict):
            return body
        return {name: value for name, value in body.items()
                if name not in ("openTime", "closeTime")}

    for method, path, asked, params in [
        ("depth", "depth", few, few),
        ("get_trades", "trades", few, few),
        ("historical_trades", "historicalTrades", few, few),
        ("agg_trades", "aggTrades", few, few),
        ("klines", "klines", minutes, minutes),
        ("ui_klines", "uiKlines", minutes, minutes),
        ("avg_price", "avgPrice", one, one),
        ("ticker_price", "ticker/price", one, one),
        ("ticker_price", "ticker/price", {}, {}),
        ("ticker_book_ticker", "ticker/bookTicker", one, one),
        ("ticker24hr", "ticker/24hr", one, one),
        ("ticker24hr", "ticker/24hr", {**one, "type": "MINI"}, {**one, "type": "MINI"}),
        ("ticker", "ticker", {**one, "window_size": "4h"}, four_hours),
        ("ticker_trading_day", "ticker/tradingDay", one, one),
    ]:
        body, row = await at_rest(record, path, lambda: client.data(method, **asked),
                                  but_for_time, **params)
        same(path, but_for_time(body), but_for_time(row))


@market
async def rest_time_unit_microsecond(client, record):
    before = (await record.get("time"))["serverTime"]
    at = (await client.ask("time", part=client.micros)).data().server_time
    after = (await record.get("time"))["serverTime"]
    assert before <= at // 1_000 <= after and at > 10**15, f"{before} {at} {after}"
    trades = await client.data("get_trades", part=client.micros, symbol=SYMBOL, limit=10)
    rows = await record.get("historicalTrades", symbol=SYMBOL, fromId=trades[0]["id"], limit=10)
    same("trades", [(row["id"], row["time"] // 1_000) for row in trades],
         [(row["id"], row["time"]) for row in rows])
    now = after // 60_000 * 60_000
    klines = await client.data("klines", part=client.micros, symbol=SYMBOL, interval="1m",
                               start_time=now - 180_000, end_time=now - 1)
    rows = await record.get("klines", symbol=SYMBOL, interval="1m", startTime=now - 180_000,
                            endTime=now - 1)
    same("klines", [(row[0], row[6]) for row in klines],
         [(row[0] * 1_000, row[6] * 1_000 + 999) for row in rows])


@market
async def rest_rate_limit_headers(client, record):
    def used(response):
        (limit,) = [one for one in response.rate_limits if one.rateLimitType == "REQUEST_WEIGHT"]
        same("interval", (limit.interval, limit.intervalNum), ("MINUTE", 1))
        return limit.count

    async def attempt():
        before = await record.ask("GET", "/api/v3/ping")
        response = await client.ask("depth", symbol=SYMBOL, limit=1000)
        after = await record.ask("GET", "/api/v3/ping")
        low, high = [int(one.headers["x-mbx-used-weight-1m"]) for one in (before, after)]
        # The other lane asks as well, and a minute may begin in between.
        return (low, used(response), high) if low < high else None

    low, count, high = await until(attempt)
    assert low + 50 <= count < high, f"a book of 1000 levels weighs 50: {low} {count} {high}"
    limits = (await client.ask("exchange_info", symbol=SYMBOL)).data().rate_limits
    same("limits", [(one.rate_limit_type, one.interval, one.interval_num) for one in limits],
         [("REQUEST_WEIGHT", "MINUTE", 1), ("ORDERS", "SECOND", 10), ("ORDERS", "DAY", 1),
          ("RAW_REQUESTS", "MINUTE", 5)])


async def listen(streams, method, count, wanted=None, **params):
    """The next events of a stream, as the client hands them over."""
    events = []
    handle = await getattr(streams, method)(**params)
    handle.on("message", events.append)

    async def enough():
        kept = [event for event in events if wanted is None or wanted(event)]
        return kept[:count] if len(kept) >= count else None

    kept = await until(enough, 0.02, 50)
    await handle.unsubscribe()
    return [plain(event) for event in kept]


@market
async def stream_trade(client, record):
    async with client.streams() as streams:
        events = await listen(streams, "trade", 4, symbol=SYMBOL.lower())
    rows = await record.get("historicalTrades", symbol=SYMBOL, fromId=events[0]["t"], limit=4)
    for event, row in zip(events, rows, strict=True):
        same("names", sorted(event), sorted("eEstpqTmM"))
        fields("trade", event, {"e": "trade", "s": SYMBOL, "t": row["id"], "p": row["price"],
                                "q": row["qty"], "T": row["time"], "m": row["isBuyerMaker"]})


@market
async def stream_agg_trade(client, record):
    async with client.streams() as streams:
        events = await listen(streams, "agg_trade", 4, symbol=SYMBOL.lower())
    rows = await record.get("aggTrades", symbol=SYMBOL, fromId=events[0]["a"], limit=4)
    for event, row in zip(events, rows, strict=True):
        same("names", sorted(event), sorted("eEsapqflTmM"))
        fields("aggregate trade", event, {"e": "aggTrade", "s": SYMBOL, **row})


@market
async def stream_book_ticker(client, record):
    events = {}
    async with client.streams() as streams:
        handle = await streams.book_ticker(symbol=SYMBOL.lower())
        handle.on("message", lambda event: events.__setitem__(event.u, plain(event)))

        async def met():
            row = await record.get("depth", symbol=SYMBOL, limit=1)
            event = events.get(row["lastUpdateId"])
            return (event, row) if event else None

        for _ in range(3):
            event, row = await until(met, 0.02)
            same("best", ([event["b"], event["B"]], [event["a"], event["A"]]),
                 (row["bids"][0], row["asks"][0]))
            same("names", sorted(event), sorted("usbBaA"))


@market
async def stream_kline_1m(client, record):
    async with client.streams() as streams:
        events = await listen(streams, "kline", 2, symbol=SYMBOL.lower(), interval="1m")
    kline = events[-1]["k"]
    same("names", sorted(kline), sorted("tTsifLohlcvnxqVQB"))
    fields("kline", kline, {"s": SYMBOL, "i": "1m", "T": kline["t"] + 59_999, "B": "0"})
    (row,) = await record.get("klines", symbol=SYMBOL, interval="1m", startTime=kline["t"],
                              endTime=kline["T"])
    same("open", (kline["t"], kline["o"]), (row[0], row[1]))
    assert kline["n"] <= row[8], "the record went on meanwhile, never back"
    # Of the trades that it counts it is the sum.
    trades = await record.get("historicalTrades", symbol=SYMBOL, fromId=kline["f"],
                              limit=min(1000, kline["n"]))
    if kline["n"] <= 1000:
        same("its last trade", (trades[-1]["id"], trades[-1]["price"]), (kline["L"], kline["c"]))
        same("volume", Decimal(kline["v"]), sum(Decimal(trade["qty"]) for trade in trades))
        same("high", Decimal(kline["h"]), max(Decimal(trade["price"]) for trade in trades))
        same("low", Decimal(kline["l"]), min(Decimal(trade["price"]) for trade in trades))
        same("quote", Decimal(kline["q"]), sum(Decimal(trade["quoteQty"]) for trade in trades))


@market
async def stream_diff_book_depth(client, record):
    bids, asks, taken = {}, {}, {}
    async with client.streams() as streams:
        events = []
        handle = await streams.diff_book_depth(symbol=SYMBOL.lower(), update_speed="100ms")
        handle.on("message", lambda event: events.append(plain(event)))

        async def first():
            return events[0] if events else None

        opening = await until(first, 0.02)

        async def snapshot():
            row = await record.get("depth", symbol=SYMBOL, limit=5000)
            return row if row["lastUpdateId"] >= opening["U"] else None

        start = await until(snapshot)
        for side, rows in ((bids, start["bids"]), (asks, start["asks"])):
            side.update((price, quantity) for price, quantity in levels(rows))
        # A book kept by the documented rules is the record's book.
        at, equal, applied = start["lastUpdateId"], 0, 0
        for _ in range(400):
            row = await record.get("depth", symbol=SYMBOL, limit=100)
            taken[row["lastUpdateId"]] = row
            while applied < len(events):
                event = events[applied]
                applied += 1
                if event["u"] <= at:
                    continue
                assert event["U"] <= at + 1, f"a hole between {at} and {event['U']}"
                for side, rows in ((bids, event["b"]), (asks, event["a"])):
                    for price, quantity in levels(rows):
                        side.pop(price, None) if quantity == 0 else side.update({price: quantity})
                at = event["u"]
                if at in taken:
                    row = taken[at]
                    same("bids", sorted(bids.items(), reverse=True)[:100], levels(row["bids"]))
                    same("asks", sorted(asks.items())[:100], levels(row["asks"]))
                    equal += 1
            if equal >= 3:
                return
            await asyncio.sleep(0.05)
    raise AssertionError(f"only {equal} snapshots were met by {applied} events")


@market
async def stream_partial_book_depth(client, record):
    events, taken = {}, {}
    async with client.streams() as streams:
        handle = await streams.partial_book_depth(symbol=SYMBOL.lower(), levels="10",
                                                  update_speed="100ms")
        handle.on("message", lambda event: events.__setitem__(event.last_update_id, plain(event)))

        async def met():
            row = await record.get("depth", symbol=SYMBOL, limit=10)
            taken[row["lastUpdateId"]] = row
            both = set(taken) & set(events)
            return both if len(both) >= 3 else None

        for number in await until(met, 0.03):
            same("book", events[number], taken[number])
    # The slow one, with five levels.
    async with client.streams() as streams:
        (event,) = await listen(streams, "partial_book_depth", 1, symbol=SYMBOL.lower(),
                                levels="5")
    same("levels", (len(event["bids"]), len(event["asks"])), (5, 5))


async def ticker_as_in_rest(client, record, method, key, named):
    """A ticker event that met its REST answer."""
    events = {}
    async with client.streams() as streams:
        handle = await getattr(streams, method)(symbol=SYMBOL.lower())
        handle.on("message", lambda event: events.__setitem__(
            key(plain(event)), plain(event)))

        async def met():
            row = await record.get("ticker/24hr", symbol=SYMBOL)
            wanted = {name: row[field] for name, field in named.items()}
            event = events.get(key(wanted))
            return (event, wanted) if event else None

        event, wanted = await until(met, 0.1)
    fields(method, event, wanted)
    return event


@market
async def stream_mini_ticker(client, record):
    named = {"c": "lastPrice", "o": "openPrice", "h": "highPrice", "l": "lowPrice", "v": "volume",
             "q": "quoteVolume"}
    event = await ticker_as_in_rest(client, record, "mini_ticker",
                                    lambda row: (row["c"], row["v"]), named)
    fields("kind", event, {"e": "24hrMiniTicker", "s": SYMBOL})
    same("names", sorted(event), sorted("eEscohlvq"))


@market
async def stream_ticker(client, record):
    named = {"p": "priceChange", "P": "priceChangePercent", "w": "weightedAvgPrice",
             "x": "prevClosePrice", "c": "lastPrice", "Q": "lastQty", "o": "openPrice",
             "h": "highPrice", "l": "lowPrice", "v": "volume", "q": "quoteVolume", "F": "firstId",
             "L": "lastId", "n": "count"}
    event = await ticker_as_in_rest(client, record, "ticker",
                                    lambda row: (row["F"], row["L"]), named)
    fields("kind", event, {"e": "24hrTicker", "s": SYMBOL})
    same("names", sorted(event), sorted("eEspPwxcQbBaAohlvqOCFLn"))


# --- the account --------------------------------------------------------------------------------


async def limit_buy(client, record, quantity="0.01", factor="0.98", **params):
    """A bid that rests."""
    price = await record.price(SYMBOL, factor)
    return await client.data("new_order", symbol=SYMBOL, side="BUY", type="LIMIT",
                             time_in_force="GTC", quantity=quantity, price=str(price), **params)


@account
async def rest_account_models(client, record):
    same("account", await client.data("get_account"), await record.mine("account"))
    same("held", await client.data("get_account", omit_zero_balances=True),
         await record.mine("account", omitZeroBalances="true"))
    same("commission", await client.data("account_commission", symbol=SYMBOL),
         await record.mine("account/commission", symbol=SYMBOL))
    same("order counts", await client.data("rate_limit_order"),
         await record.mine("rateLimit/order"))
    same("prevented", await client.data("my_prevented_matches", symbol=SYMBOL, order_id=1), [])


@account
async def rest_order_lifecycle(client, record):
    order = await limit_buy(client, record)
    row = await record.order(SYMBOL, order["orderId"])
    shared = ("symbol", "orderId", "orderListId", "clientOrderId", "price", "origQty",
              "executedQty", "cummulativeQuoteQty", "status", "timeInForce", "type", "side",
              "workingTime", "selfTradePreventionMode")
    same("order", only(order, *shared), only(row, *shared))
    same("FULL by default", order["fills"], [])
    same("moment", order["transactTime"], row["time"])
    same("query", await client.data("get_order", symbol=SYMBOL, order_id=order["orderId"]), row)
    same("open", await client.data("get_open_orders", symbol=SYMBOL),
         await record.open_orders(SYMBOL))
    same("tested", await client.data(
        "order_test", symbol=SYMBOL, side="BUY", type="LIMIT", time_in_force="GTC",
        quantity="0.01", price=row["price"]), {})
    canceled = await client.data("delete_order", symbol=SYMBOL, order_id=order["orderId"],
                                 new_client_order_id="the-cancel")
    fields("canceled", canceled, {"status": "CANCELED", "clientOrderId": "the-cancel",
                                  "origClientOrderId": order["clientOrderId"]})
    same("open", await client.data("get_open_orders", symbol=SYMBOL), [])
    for kind, extra in (("ACK", {}), ("RESULT", {"status": "NEW"})):
        placed = await limit_buy(client, record, new_order_resp_type=kind)
        fields(kind, placed, {"symbol": SYMBOL, **extra})
        assert "fills" not in placed and ("status" in placed) == bool(extra), placed
    canceled = await client.data("delete_open_orders", symbol=SYMBOL)
    same("all canceled", [one["status"] for one in canceled], ["CANCELED"] * 2)
    orders = await client.data("all_orders", symbol=SYMBOL, order_id=order["orderId"])
    same("all", orders, await record.mine("allOrders", symbol=SYMBOL, orderId=order["orderId"]))


@account
async def rest_market_and_my_trades(client, record):
    before = await record.balances()
    bought = await client.data("new_order", symbol=SYMBOL, side="BUY", type="MARKET",
                               quote_order_qty=700)
    rows = await record.trades_of(SYMBOL, bought["orderId"])
    same("trades", await client.data("my_trades", symbol=SYMBOL, order_id=bought["orderId"]), rows)
    for fill, row in zip(bought["fills"], rows, strict=True):
        same("fill", fill, {"price": row["price"], "qty": row["qty"], "tradeId": row["id"],
                            **only(row, "commission", "commissionAsset")})
    fields("bought", bought, {"status": "FILLED", "type": "MARKET", "price": "0.00000000",
                              "origQuoteOrderQty": "700.00000000"})
    spent = sum(Decimal(row["quoteQty"]) for row in rows)
    got = sum(Decimal(row["qty"]) for row in rows)
    fees = sum(Decimal(row["commission"]) for row in rows)
    same("asset of the fee", {row["commissionAsset"] for row in rows}, {"BTC"})
    rates = await client.data("account_commission", symbol=SYMBOL)
    rate = Decimal(rates["standardCommission"]["taker"])
    for row in rows:
        same("fee", Decimal(row["commission"]),
             (Decimal(row["qty"]) * rate).quantize(Decimal("1e-8"), "ROUND_DOWN"))
    after = await record.balances()
    same("paid", before["USDT"][0] - after["USDT"][0], spent)
    same("got", after["BTC"][0] - before["BTC"][0], got - fees)
    sold = await client.data("new_order", symbol=SYMBOL, side="SELL", type="MARKET",
                             quantity="0.01", new_order_resp_type="RESULT")
    row = await record.order(SYMBOL, sold["orderId"])
    same("sold", only(sold, "status", "executedQty", "cummulativeQuoteQty"),
         only(row, "status", "executedQty", "cummulativeQuoteQty"))
    latest = await client.data("my_trades", symbol=SYMBOL, from_id=rows[0]["id"])
    same("from an id", latest, await record.mine("myTrades", symbol=SYMBOL, fromId=rows[0]["id"]))


@account
async def rest_oco_and_cancel_list(client, record):
    above, stop, below = [str(await record.price(SYMBOL, factor))
                          for factor in ("1.02", "0.98", "0.975")]
    pair = {"symbol": SYMBOL, "side": "SELL", "quantity": "0.01", "above_type": "LIMIT_MAKER",
            "above_price": above, "below_type": "STOP_LOSS_LIMIT", "below_stop_price": stop,
            "below_price": below, "below_time_in_force": "GTC"}
    placed = await client.data("order_list_oco", **pair, list_client_order_id="my-list")
    fields("list", placed, {"contingencyType": "OCO", "listStatusType": "EXEC_STARTED",
                            "listOrderStatus": "EXECUTING", "listClientOrderId": "my-list"})
    number = placed["orderListId"]
    found = await client.data("get_order_list", order_list_id=number)
    same("query", found, await record.mine("orderList", orderListId=number))
    same("orders", placed["orders"], found["orders"])
    same("open lists", await client.data("open_order_list"), await record.mine("openOrderList"))
    for report in placed["orderReports"]:
        row = await record.order(SYMBOL, report["orderId"])
        shared = set(report) & set(row)
        same("leg", only(report, *shared), only(row, *shared))
    locked = (await record.balances())["BTC"][1]
    same("one leg's worth is locked", locked, Decimal("0.01"))
    canceled = await client.data("delete_order_list", symbol=SYMBOL, order_list_id=number)
    fields("canceled", canceled, {"listStatusType": "ALL_DONE", "listOrderStatus": "ALL_DONE"})
    same("legs", [one["status"] for one in canceled["orderReports"]], ["CANCELED"] * 2)
    same("released", (await record.balances())["BTC"][1], Decimal(0))
    same("open lists", await client.data("open_order_list"), [])
    same("all lists", await client.data("all_order_list", from_id=number),
         await record.mine("allOrderList", fromId=number))
    old = await client.data("order_oco", symbol=SYMBOL, side="SELL", quantity="0.01", price=above,
                            stop_price=stop, stop_limit_price=below, stop_limit_time_in_force="GTC")
    same("the old way", old["contingencyType"], "OCO")


@account
async def rest_amend_and_cancel_replace(client, record):
    order = await limit_buy(client, record, quantity="0.03")
    amended = await client.data("order_amend_keep_priority", symbol=SYMBOL,
                                order_id=order["orderId"], new_qty="0.02")
    row = await record.order(SYMBOL, order["orderId"])
    same("amended", (amended["amendedOrder"]["qty"], row["origQty"]), ("0.02000000",) * 2)
    same("its name", amended["amendedOrder"]["clientOrderId"], row["clientOrderId"])
    same("history", await client.data("order_amendments", symbol=SYMBOL,
                                      order_id=order["orderId"]),
         await record.mine("order/amendments", symbol=SYMBOL, orderId=order["orderId"]))
    replace = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC",
               "cancel_replace_mode": "STOP_ON_FAILURE", "cancel_order_id": order["orderId"],
               "quantity": "0.01", "price": str(await record.price(SYMBOL, "0.97"))}
    replaced = await client.data("order_cancel_replace", **replace)
    fields("replaced", replaced, {"cancelResult": "SUCCESS", "newOrderResult": "SUCCESS"})
    same("old", (await record.order(SYMBOL, order["orderId"]))["status"], "CANCELED")
    new = await record.order(SYMBOL, replaced["newOrderResponse"]["orderId"])
    same("new", (new["status"], Decimal(new["price"])), ("NEW", Decimal(replace["price"])))
    await refused(client.ask("order_cancel_replace", **replace), errors.BadRequestError, -2022,
                  "Order cancel-replace failed.")
    await client.data("delete_open_orders", symbol=SYMBOL)


@account
async def rest_errors(client, record):
    bad = errors.BadRequestError
    price = str(await record.price(SYMBOL, "0.98"))
    order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC",
             "quantity": "0.01", "price": price}
    for method, params, code, message in [
        ("depth", {"symbol": "NOSUCH"}, -1121, "Invalid symbol."),
        ("klines", {"symbol": SYMBOL, "interval": "7m"}, -1120, "Invalid interval."),
        ("get_order", {"symbol": SYMBOL, "order_id": 987654321}, -2013, "Order does not exist."),
        ("delete_order", {"symbol": SYMBOL, "order_id": 987654321}, -2011, "Unknown order sent."),
        ("delete_open_orders", {"symbol": SYMBOL}, -2011, "Unknown order sent."),
        ("new_order", {**order, "quantity": "100"}, -2010,
         "Account has insufficient balance for requested action."),
        ("new_order", {**order, "quantity": "0.00001"}, -1013, "Filter failure: NOTIONAL"),
        ("new_order", {**order, "quantity": "0.000015"}, -1013, "Filter failure: LOT_SIZE"),
        ("new_order", {**order, "price": "57000.001"}, -1013, "Filter failure: PRICE_FILTER"),
    ]:
        await refused(client.ask(method, **params), bad, code, message)
    strangers = Client(record, api_secret="x" * 64)
    await refused(strangers.ask("get_account"), bad, -1022,
                  "Signature for this request is not valid.")
    unknown = Client(record, api_key="y" * 64)
    await refused(unknown.ask("get_account"), errors.UnauthorizedError, -2015,
                  "Invalid API-key, IP, or permissions for action.")


def result(response):
    """The result of a WebSocket API answer, which must be none of an error."""
    data = response.data()
    assert not isinstance(data, dict), f"refused: {data}"
    body = plain(data)
    same("status", body["status"], 200)
    return body["result"]


def error(response):
    """The error of a WebSocket API answer."""
    data = response.data()
    assert isinstance(data, dict) and "error" in data, f"not refused: {data}"
    COMPLAINTS.texts.clear()
    return data["error"]["code"], data["error"]["msg"]


@account
async def wsapi_public_and_account(client, record):
    async with client.ws_api() as api:
        same("ping", result(await api.ping()), {})
        before = (await record.get("time"))["serverTime"]
        at = result(await api.time())["serverTime"]
        assert before <= at <= (await record.get("time"))["serverTime"], at
        one = {"symbol": SYMBOL}
        for method, path, params in [
            ("depth", "depth", {**one, "limit": 20}),
            ("trades_recent", "trades", {**one, "limit": 20}),
            ("trades_aggregate", "aggTrades", {**one, "limit": 20}),
            ("klines", "klines", {**one, "interval": "1m", "limit": 5}),
            ("avg_price", "avgPrice", one),
            ("ticker_price", "ticker/price", one),
            ("ticker_book", "ticker/bookTicker", one),
        ]:
            async def ask():
                return result(await getattr(api, method)(**params))

            body, row = await at_rest(record, path, ask, **params)
            same(method, body, row)
        response = await api.account_status()
        same("account", result(response), await record.mine("account"))
        weight = [one for one in response.rate_limits if one.rateLimitType == "REQUEST_WEIGHT"][0]
        same("limit", (weight.interval, weight.limit), ("MINUTE", 6000))
        assert weight.count >= 20, weight
        same("commission", result(await api.account_commission(symbol=SYMBOL)),
             await record.mine("account/commission", symbol=SYMBOL))
        same("refused", error(await api.depth(symbol="NOSUCH")), (-1121, "Invalid symbol."))
    async with client.ws_api(api_key=record.key, api_secret="x" * 64) as api:
        same("refused", error(await api.account_status()),
             (-1022, "Signature for this request is not valid."))


async def place_and_cancel(api, record):
    """An order placed, queried and cancelled over a connection; returns it from the record."""
    price = float(await record.price(SYMBOL, "0.98"))
    placed = result(await api.order_place(symbol=SYMBOL, side="BUY", type="LIMIT",
                                          time_in_force="GTC", quantity=0.01, price=price))
    row = await record.order(SYMBOL, placed["orderId"])
    shared = set(placed) & set(row)
    same("placed", only(placed, *shared), only(row, *shared))
    same("status", result(await api.order_status(symbol=SYMBOL, order_id=placed["orderId"])), row)
    same("open", result(await api.open_orders_status(symbol=SYMBOL)),
         await record.open_orders(SYMBOL))
    canceled = result(await api.order_cancel(symbol=SYMBOL, order_id=placed["orderId"]))
    same("canceled", canceled["status"], "CANCELED")
    return await record.order(SYMBOL, placed["orderId"])


@account
async def wsapi_order_place_cancel(client, record):
    async with client.ws_api() as api:
        row = await place_and_cancel(api, record)
        same("record", row["status"], "CANCELED")
        bought = result(await api.order_place(symbol=SYMBOL, side="BUY", type="MARKET",
                                              quantity=0.01))
        rows = await record.trades_of(SYMBOL, bought["orderId"])
        same("fills", [fill["tradeId"] for fill in bought["fills"]], [row["id"] for row in rows])
        same("trades", result(await api.my_trades(symbol=SYMBOL, order_id=bought["orderId"])),
             rows)
        same("unknown", error(await api.order_cancel(symbol=SYMBOL, order_id=row["orderId"])),
             (-2011, "Unknown order sent."))
        same("too much", error(await api.order_place(
            symbol=SYMBOL, side="SELL", type="MARKET", quantity=100.0)),
            (-2010, "Account has insufficient balance for requested action."))


async def buy_in_parts(client, record):
    """Buys a little over what the best ask holds. The market moves meanwhile: now and then
    the ask has grown, and the order is filled at once. Then another one is sent."""
    for _ in range(20):
        book = await record.get("depth", symbol=SYMBOL, limit=2)
        quantity = Decimal(book["asks"][0][1]) + Decimal("0.002")
        bought = await client.data("new_order", symbol=SYMBOL, side="BUY", type="MARKET",
                                   quantity=str(quantity))
        rows = await record.trades_of(SYMBOL, bought["orderId"])
        if len(rows) > 1:
            return bought, quantity, rows
    raise AssertionError("nothing was filled in parts")


async def events_of_trading(client, record, api, stream):
    """User data events of an order that rests and of one that takes, against the record."""
    events = []
    stream.on("message", lambda event: events.append(
        (type(event.actual_instance).__name__, plain(event))))

    def reports(number):
        return [event for kind, event in events
                if kind == "ExecutionReport" and event["i"] == number]

    rested = await place_and_cancel(api, record)
    bought, quantity, rows = await buy_in_parts(client, record)
    balances = await record.balances()

    async def told():
        positions = [event for kind, event in events if kind == "OutboundAccountPosition"]
        last = {row["a"]: (Decimal(row["f"]), Decimal(row["l"]))
                for row in (positions[-1]["B"] if positions else [])}
        there = len(reports(bought["orderId"])) > len(rows)
        return last if there and last.get("BTC") == balances["BTC"] else None

    last = await until(told, 0.02)
    same("USDT", last["USDT"], balances["USDT"])
    new, canceled = reports(rested["orderId"])
    fields("new", new, {"x": "NEW", "X": "NEW", "c": rested["clientOrderId"], "q": "0.01000000",
                        "p": rested["price"], "S": "BUY", "o": "LIMIT"})
    fields("canceled", canceled, {"x": "CANCELED", "X": "CANCELED",
                                  "C": rested["clientOrderId"]})
    filled = Decimal(0)
    for event, row in zip(reports(bought["orderId"])[1:], rows, strict=True):
        filled += Decimal(row["qty"])
        fields("trade", event, {
            "x": "TRADE", "X": "FILLED" if filled == quantity else "PARTIALLY_FILLED",
            "t": row["id"], "l": row["qty"], "L": row["price"], "n": row["commission"],
            "N": row["commissionAsset"], "T": row["time"]})
        same("filled", Decimal(event["z"]), filled)


@account
async def wsapi_user_data_stream_signature(client, record):
    async with client.ws_api() as api:
        subscribed = await api.user_data_stream_subscribe_signature()
        same("subscription", subscribed.response.data().result.subscription_id, 0)
        await events_of_trading(client, record, api, subscribed.stream)
        listed = result(await api.session_subscriptions())
        same("listed", listed, [{"subscriptionId": 0}])
        same("again", error_of(await caught(api.user_data_stream_subscribe_signature())), -2035)
        await api.user_data_stream_unsubscribe(subscription_id=0)
        same("listed", result(await api.session_subscriptions()), [])
    COMPLAINTS.texts.clear()


async def caught(call):
    """What a call that must fail fails with."""
    try:
        await call
    except ValueError as error:
        return error
    raise AssertionError("not refused")


def error_of(failure):
    """The code in what the client raises when it can't subscribe."""
    return failure.args[0]["error"]["code"]


@account
async def wsapi_session_logon_ed25519(client, record):
    key = {"api_key": record.ready["ed25519_api_key"],
           "private_key": Path(record.ready["ed25519_private_key_file"]).read_text("utf-8")}
    async with client.ws_api(**key) as api:
        before = result(await api.session_status())
        same("before", (before["apiKey"] if "apiKey" in before else None), None)
        session = result(await api.session_logon())
        same("session", session["apiKey"], key["api_key"])
        assert session["connectedSince"] <= session["authorizedSince"] <= session["serverTime"]
        same("status", result(await api.session_status())["apiKey"], key["api_key"])
        subscribed = await api.user_data_stream_subscribe()
        # It is the same account as the other key's.
        await events_of_trading(client, record, api, subscribed.stream)
        same("account", result(await api.account_status())["balances"],
             (await record.mine("account"))["balances"])
        await api.session_logout()
        after = result(await api.session_status())
        same("after", (after["apiKey"] if "apiKey" in after else None), None)
    async with client.ws_api() as api:
        code, _ = error(await api.session_logon())
        assert code == -4056, f"HMAC keys can't log on: {code}"
