"""ccxt, with its websocket side, against the exchange's own record."""

import asyncio
import contextlib
import time
from decimal import Decimal

import ccxt.pro as ccxt

from harness import OTHER, SYMBOL, Checks, at_rest, fields, levels, money, refused, same, until

CHECKS = Checks()
PAIR = "BTC/USDT"
OTHER_PAIR = "ETH/USDT"


@contextlib.asynccontextmanager
async def connect(record, **changes):
    """A ccxt exchange that knows spot alone and talks to loopback."""
    exchange = ccxt.binance({
        "apiKey": record.key,
        "secret": record.secret,
        "enableRateLimit": False,
        "options": {
            "defaultType": "spot",
            "fetchMarkets": {"types": ["spot"]},
            "fetchCurrencies": False,
            "fetchMargins": False,
            "warnOnFetchOpenOrdersWithoutSymbol": False,
        },
        **changes,
    })
    for part, version in (("public", "v3"), ("private", "v3"), ("v1", "v1")):
        exchange.urls["api"][part] = f"{record.ready['rest_url']}/api/{version}"
    exchange.urls["api"]["ws"] = {
        "spot": f"{record.ready['ws_url']}/ws",
        "ws-api": {"spot": record.ready["ws_api_url"]},
    }
    try:
        await exchange.load_markets()
        yield exchange
    finally:
        await exchange.close()


def side_of(is_buyer_maker):
    """The side that took."""
    return "sell" if is_buyer_maker else "buy"


def same_trade(trade, row):
    """A public trade and its row."""
    fields(f"trade {row['id']}", trade, {
        "id": str(row["id"]),
        "price": Decimal(row["price"]),
        "amount": Decimal(row["qty"]),
        "timestamp": row["time"],
        "side": side_of(row["isBuyerMaker"]),
        "symbol": PAIR,
    })


def same_candle(candle, row):
    """A candle and its kline."""
    same("open time", candle[0], row[0])
    for at, name in enumerate(("open", "high", "low", "close", "volume"), start=1):
        same(f"{name} of {row[0]}", candle[at], Decimal(row[at]))


STATUS = {
    "NEW": "open",
    "PARTIALLY_FILLED": "open",
    "FILLED": "closed",
    "CANCELED": "canceled",
    "EXPIRED": "expired",
}


async def same_order(record, order):
    """An order as ccxt has it and as the exchange has it, which is returned."""
    row = await record.order(SYMBOL, order["id"])
    executed = Decimal(row["executedQty"])
    fields(f"order {row['orderId']}", order, {
        "id": str(row["orderId"]),
        "clientOrderId": row["clientOrderId"],
        "symbol": PAIR,
        "side": row["side"].lower(),
        "status": STATUS[row["status"]],
        "timeInForce": row["timeInForce"],
        "amount": Decimal(row["origQty"]),
        "filled": executed,
        "remaining": Decimal(row["origQty"]) - executed,
        "cost": Decimal(row["cummulativeQuoteQty"]),
    })
    if row["type"] != "MARKET":
        same("price", order["price"], Decimal(row["price"]))
    if Decimal(row["stopPrice"]):
        same("stop price", order["stopPrice"], Decimal(row["stopPrice"]))
    return row


async def same_fills(record, order_id, trades):
    """ccxt's own trades of an order and those of the exchange."""
    rows = await record.trades_of(SYMBOL, order_id)
    assert rows, f"order {order_id} has no trades"
    trades = sorted(trades, key=lambda trade: int(trade["id"]))
    same("trades", [trade["id"] for trade in trades], [str(row["id"]) for row in rows])
    for trade, row in zip(trades, rows):
        wanted = {
            "order": str(row["orderId"]),
            "price": Decimal(row["price"]),
            "amount": Decimal(row["qty"]),
            "cost": Decimal(row["quoteQty"]),
            "timestamp": row["time"],
            "side": "buy" if row["isBuyer"] else "sell",
            "takerOrMaker": "maker" if row["isMaker"] else "taker",
        }
        # The fills in an order's own answer don't repeat what the order says.
        bare = ("order", "timestamp", "side", "takerOrMaker")
        fields(f"own trade {row['id']}", trade,
               {name: value for name, value in wanted.items()
                if trade[name] is not None or name not in bare or trade["order"]})
        fields("fee", trade["fee"], {
            "cost": Decimal(row["commission"]),
            "currency": row["commissionAsset"],
        })
    return rows


# --- the market ---------------------------------------------------------------------------------


@CHECKS.of_market
async def fetch_time(exchange, record):
    before = (await record.get("time"))["serverTime"]
    at = await exchange.fetch_time()
    after = (await record.get("time"))["serverTime"]
    assert before <= at <= after, f"{at} is not between {before} and {after}"
    assert abs(at - time.time() * 1000) < 1_000, "the exchange at speed 1 has the wall's time"


@CHECKS.of_market
async def load_markets(exchange, record):
    markets = await exchange.load_markets(True)
    info = await record.get("exchangeInfo")
    same("markets", sorted(market["id"] for market in markets.values()),
         sorted(symbol["symbol"] for symbol in info["symbols"]))
    for symbol in info["symbols"]:
        market = markets[f"{symbol['baseAsset']}/{symbol['quoteAsset']}"]
        filters = {row["filterType"]: row for row in symbol["filters"]}
        fields(symbol["symbol"], market, {
            "id": symbol["symbol"],
            "base": symbol["baseAsset"],
            "quote": symbol["quoteAsset"],
            "active": symbol["status"] == "TRADING",
            "spot": True,
            "type": "spot",
            "swap": False,
        })
        price, lot = filters["PRICE_FILTER"], filters["LOT_SIZE"]
        same("tick", market["precision"]["price"], Decimal(price["tickSize"]))
        same("step", market["precision"]["amount"], Decimal(lot["stepSize"]))
        same("base precision", market["precision"]["base"],
             Decimal(1).scaleb(-symbol["baseAssetPrecision"]))
        limits = market["limits"]
        fields("amount", limits["amount"],
               {"min": Decimal(lot["minQty"]), "max": Decimal(lot["maxQty"])})
        fields("price", limits["price"],
               {"min": Decimal(price["minPrice"]), "max": Decimal(price["maxPrice"])})
        notional = filters["NOTIONAL"]
        fields("cost", limits["cost"],
               {"min": Decimal(notional["minNotional"]), "max": Decimal(notional["maxNotional"])})
        same("market order", limits["market"]["max"],
             Decimal(filters["MARKET_LOT_SIZE"]["maxQty"]))


@CHECKS.of_market
async def fetch_order_book(exchange, record):
    for limit in (5, 20, 100):
        book, row = await at_rest(
            record, "depth", lambda: exchange.fetch_order_book(PAIR, limit),
            symbol=SYMBOL, limit=limit)
        same("nonce", book["nonce"], row["lastUpdateId"])
        same("bids", levels(book["bids"]), levels(row["bids"]))
        same("asks", levels(book["asks"]), levels(row["asks"]))
        same("levels", len(book["bids"]), limit)
        assert book["bids"][0][0] < book["asks"][0][0], "a crossed book"


@CHECKS.of_market
async def fetch_trades(exchange, record):
    method = {"fetchTradesMethod": "publicGetTrades"}
    trades = await exchange.fetch_trades(PAIR, limit=100, params=method)
    rows = await record.get("historicalTrades", symbol=SYMBOL, fromId=trades[0]["id"], limit=100)
    same("trades", len(trades), 100)
    for trade, row in zip(trades, rows, strict=True):
        same_trade(trade, row)
        same("cost", trade["cost"], Decimal(row["quoteQty"]))
    # Its usual way: aggregated.
    trades = await exchange.fetch_trades(PAIR, limit=100)
    rows = await record.get("aggTrades", symbol=SYMBOL, fromId=trades[0]["id"], limit=100)
    for trade, row in zip(trades, rows, strict=True):
        same_trade(trade, {"id": row["a"], "price": row["p"], "qty": row["q"], "time": row["T"],
                           "isBuyerMaker": row["m"]})
    # And from a moment on.
    since = trades[50]["timestamp"]
    trades = await exchange.fetch_trades(PAIR, since=since, limit=10)
    rows = await record.get("aggTrades", symbol=SYMBOL, startTime=since, limit=10)
    same("since", [trade["id"] for trade in trades], [str(row["a"]) for row in rows])


@CHECKS.of_market
async def fetch_ohlcv(exchange, record):
    for timeframe, ms in (("1s", 1_000), ("1m", 60_000), ("5m", 300_000), ("1h", 3_600_000)):
        now = await exchange.fetch_time()
        since = (now // ms - 8) * ms
        candles = await exchange.fetch_ohlcv(PAIR, timeframe, since, 7)
        rows = await record.get("klines", symbol=SYMBOL, interval=timeframe, startTime=since,
                                limit=7)
        same("candles", [candle[0] for candle in candles], [since + ms * at for at in range(7)])
        for candle, row in zip(candles, rows, strict=True):
            same_candle(candle, row)
            assert candle[3] <= min(candle[1], candle[4]) <= max(candle[1], candle[4]) <= candle[2]


@CHECKS.of_market
async def fetch_ticker_and_bids_asks(exchange, record):
    def moment(row):
        return row["lastId"], row["bidPrice"], row["bidQty"], row["askPrice"], row["askQty"]

    ticker, row = await at_rest(record, "ticker/24hr", lambda: exchange.fetch_ticker(PAIR),
                                moment, symbol=SYMBOL)
    wanted = {
        "high": "highPrice", "low": "lowPrice", "bid": "bidPrice", "bidVolume": "bidQty",
        "ask": "askPrice", "askVolume": "askQty", "last": "lastPrice",
        "close": "lastPrice",
    }
    fields("ticker", ticker, {name: Decimal(row[key]) for name, key in wanted.items()})
    same("last trade", int(ticker["info"]["lastId"]), row["lastId"])
    same("symbol", ticker["symbol"], PAIR)
    rows, row = await at_rest(record, "ticker/bookTicker",
                              lambda: exchange.fetch_bids_asks([PAIR, OTHER_PAIR]),
                              symbol=SYMBOL)
    same("symbols", sorted(rows), [PAIR, OTHER_PAIR])
    wanted = {"bid": "bidPrice", "bidVolume": "bidQty", "ask": "askPrice", "askVolume": "askQty"}
    fields("best", rows[PAIR], {name: Decimal(row[key]) for name, key in wanted.items()})


async def books_as_watched(exchange, wanted):
    """States of the watched book by update number, until `wanted` has them all."""
    books = {}
    while not wanted(books):
        book = await exchange.watch_order_book(PAIR)
        books[book["nonce"]] = (levels(book["bids"]), levels(book["asks"]))
    return books


@CHECKS.of_market
async def watch_order_book_sequence_checked(exchange, record):
    assert exchange.handle_option("watchOrderBook", "checksum", True), "ccxt checks sequences"
    nonces = []
    while len(nonces) < 30:
        # A hole in the sequence raises ChecksumError here.
        book = await exchange.watch_order_book(PAIR)
        nonces.append(book["nonce"])
        same("order of bids", book["bids"], sorted(book["bids"], reverse=True))
        same("order of asks", book["asks"], sorted(book["asks"]))
        assert book["bids"][0][0] < book["asks"][0][0], f"crossed: {book}"
    same("order of updates", nonces, sorted(set(nonces)))
    now = (await record.get("depth", symbol=SYMBOL, limit=5))["lastUpdateId"]
    assert nonces[-1] <= now, f"an update {nonces[-1]} from the future of {now}"


@CHECKS.of_market
async def watch_order_book_vs_rest(exchange, record):
    taken = []

    async def snapshots():
        while True:
            taken.append(await record.get("depth", symbol=SYMBOL, limit=100))
            await asyncio.sleep(0.05)

    def met(books):
        return [row for row in taken if row["lastUpdateId"] in books]

    asking = asyncio.create_task(snapshots())
    try:
        books = await books_as_watched(exchange, lambda books: len(met(books)) >= 5)
    finally:
        asking.cancel()
    for row in met(books):
        bids, asks = books[row["lastUpdateId"]]
        same("bids", bids[:100], levels(row["bids"]))
        same("asks", asks[:100], levels(row["asks"]))
    await exchange.un_watch_order_book(PAIR)


@CHECKS.of_market
async def watch_trades(exchange, record):
    seen = {}
    while len(seen) < 5:
        for trade in await exchange.watch_trades(PAIR):
            seen[int(trade["id"])] = trade
    rows = await record.get("historicalTrades", symbol=SYMBOL, fromId=min(seen), limit=1000)
    rows = {row["id"]: row for row in rows}
    same("all trades of that time", sorted(seen), list(range(min(seen), max(seen) + 1)))
    for number, trade in seen.items():
        same_trade(trade, rows[number])


@CHECKS.of_market
async def watch_ohlcv(exchange, record):
    candles = {}
    while len(candles) < 4:
        for candle in await exchange.watch_ohlcv(PAIR, "1s"):
            candles[candle[0]] = list(candle)
    closed = sorted(candles)[:-1]
    rows = await record.get("klines", symbol=SYMBOL, interval="1s", startTime=closed[0],
                            endTime=closed[-1])
    same("no second left out", [row[0] for row in rows], closed)
    for row in rows:
        same_candle(candles[row[0]], row)
    minute = (await exchange.watch_ohlcv(PAIR, "1m"))[-1]
    same("minute", minute[0] % 60_000, 0)


@CHECKS.of_market
async def watch_ticker(exchange, record):
    async def full():
        ticker = await exchange.watch_ticker(OTHER_PAIR, {"name": "ticker"})
        row = await record.get("ticker/24hr", symbol=OTHER)
        info, ids = ticker["info"], (row["firstId"], row["lastId"], row["count"])
        return (ticker, row) if (info["F"], info["L"], info["n"]) == ids else None

    async def mini():
        ticker = await exchange.watch_ticker(PAIR)
        row = await record.get("ticker/24hr", symbol=SYMBOL)
        return (ticker, row) if money(ticker["baseVolume"]) == Decimal(row["volume"]) else None

    wanted = {"open": "openPrice", "high": "highPrice", "low": "lowPrice", "last": "lastPrice",
              "close": "lastPrice", "baseVolume": "volume", "quoteVolume": "quoteVolume"}
    ticker, row = await until(mini)
    fields("mini ticker", ticker, {name: Decimal(row[key]) for name, key in wanted.items()})
    same("symbol", ticker["symbol"], PAIR)
    ticker, row = await until(full)
    wanted.update(vwap="weightedAvgPrice", change="priceChange", percentage="priceChangePercent",
                  previousClose="prevClosePrice")
    fields("ticker", ticker, {name: Decimal(row[key]) for name, key in wanted.items()})
    same("symbol", ticker["symbol"], OTHER_PAIR)


@CHECKS.of_market
async def watch_bids_asks(exchange, record):
    async def attempt():
        best = (await exchange.watch_bids_asks([PAIR]))[PAIR]
        row = await record.get("depth", symbol=SYMBOL, limit=1)
        return (best, row) if int(best["info"]["u"]) == row["lastUpdateId"] else None

    for _ in range(3):
        best, row = await until(attempt)
        same("bid", (money(best["bid"]), money(best["bidVolume"])), levels(row["bids"])[0])
        same("ask", (money(best["ask"]), money(best["askVolume"])), levels(row["asks"])[0])


# --- the account --------------------------------------------------------------------------------


async def rest_far(exchange, record, amount=0.01, factor="0.98", **params):
    """A bid that rests."""
    price = float(await record.price(SYMBOL, factor))
    return await exchange.create_order(PAIR, "limit", "buy", amount, price, params)


@CHECKS.of_account
async def fetch_balance(exchange, record):
    order = await rest_far(exchange, record)
    balance = await exchange.fetch_balance()
    account = await record.mine("account")
    rows = await record.balances()
    assert rows["USDT"][1] == Decimal(str(order["price"])) * Decimal("0.01"), rows["USDT"]
    same("assets", sorted(balance["total"]), sorted(rows))
    for asset, (free, locked) in rows.items():
        fields(asset, balance[asset], {"free": free, "used": locked, "total": free + locked})
    same("update time", balance["timestamp"], account["updateTime"])
    await exchange.cancel_order(order["id"], PAIR)


@CHECKS.of_account
async def limit_order_lifecycle(exchange, record):
    free, locked = (await record.balances())["USDT"]
    order = await rest_far(exchange, record)
    row = await same_order(record, order)
    same("type", (row["type"], row["timeInForce"], row["status"]), ("LIMIT", "GTC", "NEW"))
    same("moment", order["timestamp"], row["time"])
    value = Decimal(row["price"]) * Decimal(row["origQty"])
    same("reserved", (await record.balances())["USDT"], (free - value, locked + value))
    found = await exchange.fetch_order(order["id"], PAIR)
    await same_order(record, found)
    by_name = await exchange.fetch_order(None, PAIR, {"clientOrderId": order["clientOrderId"]})
    same("by its own id", by_name["id"], order["id"])
    listed = await exchange.fetch_open_orders(PAIR)
    same("open orders", [one["id"] for one in listed], [order["id"]])
    canceled = await exchange.cancel_order(order["id"], PAIR)
    same("canceled", (canceled["id"], canceled["status"]), (order["id"], "canceled"))
    same("its name", canceled["info"]["origClientOrderId"], order["clientOrderId"])
    found = await exchange.fetch_order(order["id"], PAIR)
    same("status", (await same_order(record, found))["status"], "CANCELED")
    same("open orders", await exchange.fetch_open_orders(PAIR), [])
    same("released", (await record.balances())["USDT"], (free, locked))
    every = {one["id"]: one for one in await exchange.fetch_orders(PAIR)}
    await same_order(record, every[order["id"]])


async def booked(record, before, trades):
    """Balances changed by exactly these trades and their fees."""
    after = await record.balances()
    change = {"BTC": Decimal(0), "USDT": Decimal(0), "BNB": Decimal(0)}
    for row in trades:
        sign = 1 if row["isBuyer"] else -1
        change["BTC"] += sign * Decimal(row["qty"])
        change["USDT"] -= sign * Decimal(row["quoteQty"])
        change[row["commissionAsset"]] -= Decimal(row["commission"])
    for asset, amount in change.items():
        same(f"{asset} booked", after[asset][0] - before[asset][0], amount)


@CHECKS.of_account
async def market_order_and_my_trades(exchange, record):
    before = await record.balances()
    order = await exchange.create_order(PAIR, "market", "buy", 0.02)
    row = await same_order(record, order)
    same("type", (row["type"], row["status"]), ("MARKET", "FILLED"))
    rows = await same_fills(record, order["id"], order["trades"])
    cost = sum(Decimal(row["quoteQty"]) for row in rows)
    same("cost", order["cost"], cost)
    assert abs(money(order["average"]) - cost / Decimal("0.02")) < Decimal("0.01"), order
    same("fee", order["fee"]["cost"], sum(Decimal(row["commission"]) for row in rows))
    mine = await exchange.fetch_my_trades(PAIR, params={"orderId": order["id"]})
    await same_fills(record, order["id"], mine)
    latest = await exchange.fetch_my_trades(PAIR, limit=len(rows))
    same("latest", [trade["id"] for trade in latest], [str(row["id"]) for row in rows])
    await booked(record, before, rows)


@CHECKS.of_account
async def market_sell_and_cost_buy(exchange, record):
    before = await record.balances()
    sold = await exchange.create_market_sell_order(PAIR, 0.01)
    row = await same_order(record, sold)
    same("sold", (row["side"], Decimal(row["executedQty"])), ("SELL", Decimal("0.01")))
    trades = await same_fills(record, sold["id"], sold["trades"])
    bought = await exchange.create_market_buy_order_with_cost(PAIR, 500)
    row = await same_order(record, bought)
    same("cost asked for", Decimal(row["origQuoteOrderQty"]), Decimal(500))
    spent = Decimal(row["cummulativeQuoteQty"])
    step = Decimal((await record.filters(SYMBOL))["LOT_SIZE"]["stepSize"])
    worst = max(Decimal(str(trade["price"])) for trade in bought["trades"])
    assert 500 - step * worst < spent <= 500, f"spent {spent} of 500"
    same("on the step", Decimal(row["executedQty"]) % step, Decimal(0))
    trades += await same_fills(record, bought["id"], bought["trades"])
    await booked(record, before, trades)


@CHECKS.of_account
async def stop_loss_limit_order(exchange, record):
    stop = await record.price(SYMBOL, "0.98")
    price = await record.price(SYMBOL, "0.975")
    order = await exchange.create_order(PAIR, "limit", "sell", 0.01, float(price),
                                        {"stopLossPrice": float(stop)})
    row = await record.order(SYMBOL, order["id"])
    fields("stop", row, {"type": "STOP_LOSS_LIMIT", "status": "NEW", "side": "SELL",
                         "timeInForce": "GTC"})
    same("stop price", Decimal(row["stopPrice"]), stop)
    same("price", Decimal(row["price"]), price)
    found = await exchange.fetch_order(order["id"], PAIR)
    await same_order(record, found)
    same("trigger", found["triggerPrice"], stop)
    above = await record.price(SYMBOL, "1.02")
    profit = await exchange.create_order(PAIR, "limit", "sell", 0.01, float(above),
                                         {"takeProfitPrice": float(above)})
    same("take profit", (await record.order(SYMBOL, profit["id"]))["type"], "TAKE_PROFIT_LIMIT")
    # On the wrong side of the market it would trigger at once.
    await refused(
        exchange.create_order(PAIR, "limit", "sell", 0.01, float(price),
                              {"stopLossPrice": float(above)}),
        ccxt.OrderImmediatelyFillable, "Order would trigger immediately.")
    for one in (order, profit):
        same("canceled", (await exchange.cancel_order(one["id"], PAIR))["status"], "canceled")


@CHECKS.of_account
async def post_only_rejected(exchange, record):
    _, ask = await record.best(SYMBOL)
    await refused(
        exchange.create_order(PAIR, "limit", "buy", 0.01, float(ask * 2), {"postOnly": True}),
        ccxt.OrderImmediatelyFillable, "Order would immediately match and take.")
    order = await rest_far(exchange, record, postOnly=True)
    same("rests", (await same_order(record, order))["type"], "LIMIT_MAKER")
    await exchange.cancel_order(order["id"], PAIR)


@CHECKS.of_account
async def edit_order_cancelReplace(exchange, record):
    order = await rest_far(exchange, record)
    price = await record.price(SYMBOL, "0.97")
    edited = await exchange.edit_order(order["id"], PAIR, "limit", "buy", 0.02, float(price))
    assert edited["id"] != order["id"], "a replaced order has another number"
    row = await same_order(record, edited)
    same("new", (Decimal(row["price"]), Decimal(row["origQty"]), row["status"]),
         (price, Decimal("0.02"), "NEW"))
    same("old", (await record.order(SYMBOL, order["id"]))["status"], "CANCELED")
    await exchange.cancel_order(edited["id"], PAIR)
    await refused(exchange.edit_order(order["id"], PAIR, "limit", "buy", 0.02, float(price)),
                  ccxt.BaseError, "-2022", "Order cancel-replace failed.")
    same("nothing placed", await record.open_orders(SYMBOL), [])


@CHECKS.of_account
async def cancel_all_orders(exchange, record):
    orders = [await rest_far(exchange, record, factor=f"0.9{digit}") for digit in (6, 7, 8)]
    canceled = await exchange.cancel_all_orders(PAIR)
    same("canceled", sorted(one["id"] for one in canceled), sorted(one["id"] for one in orders))
    for one in canceled:
        same("status", one["status"], "canceled")
    same("open", await record.open_orders(SYMBOL), [])
    await refused(exchange.cancel_all_orders(PAIR), ccxt.BaseError, "-2011", "Unknown order sent.")


@CHECKS.of_account
async def err_bad_signature(exchange, record):
    async with connect(record, secret="x" * 64) as stranger:
        await refused(stranger.fetch_balance(), ccxt.AuthenticationError, "-1022",
                      "Signature for this request is not valid.")
        await refused(stranger.create_order(PAIR, "market", "buy", 0.01),
                      ccxt.AuthenticationError, "-1022")
    async with connect(record, apiKey="x" * 64) as stranger:
        await refused(stranger.fetch_balance(), ccxt.AuthenticationError, "-2015",
                      "Invalid API-key, IP, or permissions for action.")


@CHECKS.of_account
async def err_stale_timestamp(exchange, record):
    usual = exchange.nonce
    try:
        exchange.nonce = lambda: exchange.milliseconds() - 70_000
        await refused(exchange.fetch_balance(), ccxt.InvalidNonce, "-1021",
                      "Timestamp for this request is outside of the recvWindow.")
        exchange.nonce = lambda: exchange.milliseconds() + 5_000
        await refused(exchange.fetch_balance(), ccxt.InvalidNonce, "-1021",
                      "Timestamp for this request was 1000ms ahead of the server's time.")
    finally:
        exchange.nonce = usual


@CHECKS.of_account
async def err_unknown_order(exchange, record):
    await refused(exchange.fetch_order("999999999", PAIR), ccxt.OrderNotFound, "-2013",
                  "Order does not exist.")
    await refused(exchange.cancel_order("999999999", PAIR), ccxt.OrderNotFound, "-2011",
                  "Unknown order sent.")


@CHECKS.of_account
async def err_insufficient_funds(exchange, record):
    before = await record.balances()
    price = float(await record.price(SYMBOL, "0.98"))
    for side, call in (
        ("limit", exchange.create_order(PAIR, "limit", "buy", 100, price)),
        ("sell", exchange.create_order(PAIR, "market", "sell", 100)),
    ):
        await refused(call, ccxt.InsufficientFunds,
                      "Account has insufficient balance for requested action.")
        same(f"balances after {side}", await record.balances(), before)


async def gather_orders(exchange, states, done):
    """What is told of orders: number → list of (status, filled)."""
    while not done():
        for order in await exchange.watch_orders(PAIR):
            states.setdefault(order["id"], []).append(dict(order))


async def gather_trades(exchange, trades, done):
    while not done():
        for trade in await exchange.watch_my_trades(PAIR):
            trades[trade["id"]] = trade


@contextlib.asynccontextmanager
async def gathered(exchange):
    """Orders and own trades as they are told, while the body runs."""
    states, trades = {}, {}
    never = lambda: False  # noqa: E731
    tasks = [
        asyncio.create_task(gather_orders(exchange, states, never)),
        asyncio.create_task(gather_trades(exchange, trades, never)),
    ]

    async def subscribed():
        client = exchange.clients.get(exchange.urls["api"]["ws"]["ws-api"]["spot"])
        return client if client and "spot" in client.subscriptions and not any(
            name.startswith("authenticate") for name in client.futures) else None

    try:
        await until(subscribed, 0.05)
        yield states, trades
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def told(condition):
    """Waits until a condition on what was told holds."""
    async def attempt():
        return True if condition() else None

    await until(attempt, 0.02)


async def buy_a_part(exchange, record, states):
    """Buys a part of an order for more than the best ask holds; the rest rests, and is
    canceled. The market moves meanwhile: if all of it or nothing was filled, another is sent.
    It is canceled after its fills were told, since ccxt merges updates that nobody awaited."""
    for _ in range(20):
        book = await record.get("depth", symbol=SYMBOL, limit=1)
        price, there = levels(book["asks"])[0]
        amount = float(there + Decimal("0.05"))
        order = await exchange.create_order(PAIR, "limit", "buy", amount, float(price))
        filled = Decimal((await record.order(SYMBOL, order["id"]))["executedQty"])
        await told(lambda: any(money(one["filled"]) >= filled
                               for one in states.get(order["id"], [])))
        try:
            await exchange.cancel_order(order["id"], PAIR)
        except ccxt.OrderNotFound:
            continue
        if filled > 0:
            return order
    raise AssertionError("no order was filled in part")


@CHECKS.of_account
async def watch_orders_and_my_trades(exchange, record):
    async with gathered(exchange) as (states, trades):
        resting = await rest_far(exchange, record)
        await told(lambda: resting["id"] in states)
        await exchange.cancel_order(resting["id"], PAIR)
        await told(lambda: len(states[resting["id"]]) >= 2)
        same("told", [one["status"] for one in states[resting["id"]]], ["open", "canceled"])
        await same_order(record, states[resting["id"]][-1])
        taken = await exchange.create_order(PAIR, "market", "sell", 0.02)
        ids = [trade["id"] for trade in taken["trades"]]
        await told(lambda: set(ids) <= set(trades) and states[taken["id"]][-1]["filled"] == 0.02)
        await same_order(record, states[taken["id"]][-1])
        await same_fills(record, taken["id"], [trades[number] for number in ids])
        large = await buy_a_part(exchange, record, states)
        await told(lambda: states[large["id"]][-1]["status"] in ("canceled", "closed"))
        await same_order(record, states[large["id"]][-1])
        filled = [money(one["filled"]) for one in states[large["id"]]]
        same("filled only grows", filled, sorted(filled))
        assert "PARTIALLY_FILLED" in [one["info"]["X"] for one in states[large["id"]]], states
        rows = await record.trades_of(SYMBOL, large["id"])
        await told(lambda: all(str(row["id"]) in trades for row in rows))
        await same_fills(record, large["id"], [trades[str(row["id"])] for row in rows])


@CHECKS.of_account
async def watch_balance(exchange, record):
    told_balances = []

    async def watching():
        while True:
            balance = await exchange.watch_balance()
            told_balances.append({asset: dict(balance[asset]) for asset in ("USDT", "BTC")})

    task = asyncio.create_task(watching())
    try:
        await asyncio.sleep(0.5)
        order = await rest_far(exchange, record, amount=0.03)
        free, locked = (await record.balances())["USDT"]
        await told(lambda: told_balances and money(told_balances[-1]["USDT"]["used"]) == locked)
        fields("USDT", told_balances[-1]["USDT"], {"free": free, "used": locked})
        await exchange.cancel_order(order["id"], PAIR)
        await exchange.create_order(PAIR, "market", "buy", 0.01)
        rows = await record.balances()
        await told(lambda: money(told_balances[-1]["BTC"]["free"]) == rows["BTC"][0])
        for asset in ("USDT", "BTC"):
            free, locked = rows[asset]
            fields(asset, told_balances[-1][asset], {"free": free, "used": locked})
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@CHECKS.of_account
async def create_cancel_order_ws(exchange, record):
    price = float(await record.price(SYMBOL, "0.98"))
    order = await exchange.create_order_ws(PAIR, "limit", "buy", 0.01, price)
    await same_order(record, order)
    edited = await exchange.edit_order_ws(order["id"], PAIR, "limit", "buy", 0.02, price)
    same("amount", (await same_order(record, edited))["origQty"], "0.02000000")
    same("old", (await record.order(SYMBOL, order["id"]))["status"], "CANCELED")
    found = await exchange.fetch_order_ws(edited["id"], PAIR)
    await same_order(record, found)
    canceled = await exchange.cancel_order_ws(edited["id"], PAIR)
    same("canceled", (canceled["id"], canceled["status"]), (edited["id"], "canceled"))
    same("record", (await record.order(SYMBOL, edited["id"]))["status"], "CANCELED")
    await refused(exchange.cancel_order_ws(edited["id"], PAIR), ccxt.BaseError, "-2011",
                  "Unknown order sent.")
