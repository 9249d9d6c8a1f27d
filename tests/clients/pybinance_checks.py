"""python-binance against the exchange's own record."""

import asyncio
import contextlib
from decimal import Decimal

from binance import AsyncClient, BinanceSocketManager
from binance.base_client import BaseClient
from binance.exceptions import BinanceAPIException
from binance.ws.depthcache import DepthCacheManager

from harness import OTHER, SYMBOL, Checks, at_rest, fields, levels, same, until

CHECKS = Checks()


@contextlib.asynccontextmanager
async def connect(record):
    """A client that talks to loopback: its addresses are attributes of its classes."""
    BaseClient.API_URL = f"{record.ready['rest_url']}/api"
    BaseClient.WS_API_URL = record.ready["ws_api_url"]
    BinanceSocketManager.STREAM_URL = f"{record.ready['ws_url']}/"
    client = await AsyncClient.create(record.key, record.secret)
    try:
        yield client
    finally:
        await client.close_connection()


async def refused(call, status, code, message):
    """The call fails with exactly this status, code and text."""
    try:
        answer = await call
    except BinanceAPIException as error:
        same("refusal", (error.status_code, error.code, error.message), (status, code, message))
        return
    raise AssertionError(f"not refused: {answer}")


async def received(socket, count, wanted=lambda message: True):
    """The next messages of a socket that are wanted."""
    messages = []
    while len(messages) < count:
        message = await socket.recv()
        assert message.get("e") != "error", message
        if wanted(message):
            messages.append(message)
    return messages


# --- the market ---------------------------------------------------------------------------------


@CHECKS.of_market
async def create_ping_time(client, record):
    same("ping", await client.ping(), {})
    before = (await record.get("time"))["serverTime"]
    at = (await client.get_server_time())["serverTime"]
    after = (await record.get("time"))["serverTime"]
    assert before <= at <= after, f"{at} is not between {before} and {after}"
    assert abs(client.timestamp_offset) < 1_000, client.timestamp_offset


@CHECKS.of_market
async def public_rest(client, record):
    info, row = await at_rest(record, "exchangeInfo", client.get_exchange_info,
                              lambda body: body["symbols"])
    same("symbols", info["symbols"], row["symbols"])
    same("limits", info["rateLimits"], row["rateLimits"])
    symbol = await client.get_symbol_info(SYMBOL)
    same("symbol", symbol, next(row for row in info["symbols"] if row["symbol"] == SYMBOL))
    one = {"symbol": SYMBOL}
    quiet = [
        ("depth", lambda: client.get_order_book(symbol=SYMBOL, limit=50), {**one, "limit": 50}),
        ("trades", lambda: client.get_recent_trades(symbol=SYMBOL, limit=20),
         {**one, "limit": 20}),
        ("historicalTrades", lambda: client.get_historical_trades(symbol=SYMBOL, limit=20),
         {**one, "limit": 20}),
        ("aggTrades", lambda: client.get_aggregate_trades(symbol=SYMBOL, limit=20),
         {**one, "limit": 20}),
        ("klines", lambda: client.get_klines(symbol=SYMBOL, interval="1m", limit=5),
         {**one, "interval": "1m", "limit": 5}),
        ("ticker/price", lambda: client.get_symbol_ticker(symbol=SYMBOL), one),
        ("ticker/bookTicker", lambda: client.get_orderbook_ticker(symbol=SYMBOL), one),
        ("ticker/price", client.get_all_tickers, {}),
    ]
    for path, ask, params in quiet:
        answer, row = await at_rest(record, path, ask, **params)
        same(path, answer, row)

    def but_for_time(row):
        return {name: value for name, value in row.items() if not name.endswith("Time")}

    answer, row = await at_rest(record, "ticker/24hr", lambda: client.get_ticker(symbol=SYMBOL),
                                but_for_time, symbol=SYMBOL)
    same("ticker/24hr", but_for_time(answer), but_for_time(row))
    answer, row = await at_rest(record, "avgPrice", lambda: client.get_avg_price(symbol=SYMBOL),
                                symbol=SYMBOL)
    same("avgPrice", answer, row)
    await refused(client.get_order_book(symbol="NOSUCH"), 400, -1121, "Invalid symbol.")


@CHECKS.of_market
async def historical_klines_paging(client, record):
    now = (await record.get("time"))["serverTime"]
    # More than one answer holds: 1000 at most.
    end = now - 120_000
    start = (end // 1_000 - 2_500) * 1_000
    rows = await client.get_historical_klines(SYMBOL, "1s", start, end)
    times = [row[0] for row in rows]
    same("each second once", times, list(range(start, end // 1_000 * 1_000 + 1, 1_000)))
    wanted, at = [], start
    while at <= end:
        page = await record.get("klines", symbol=SYMBOL, interval="1s", startTime=at, endTime=end,
                                limit=1000)
        wanted += page
        at = page[-1][0] + 1_000
    same("klines", rows, wanted)
    generated = [row async for row in
                 await client.get_historical_klines_generator(SYMBOL, "5m", now - 7_200_000, end)]
    same("generated", generated,
         await record.get("klines", symbol=SYMBOL, interval="5m", startTime=now - 7_200_000,
                          endTime=end))


@CHECKS.of_market
async def trade_socket(client, record):
    async with BinanceSocketManager(client).trade_socket(SYMBOL) as socket:
        messages = await received(socket, 5)
    ids = [message["t"] for message in messages]
    same("none left out", ids, list(range(ids[0], ids[0] + 5)))
    rows = await record.get("historicalTrades", symbol=SYMBOL, fromId=ids[0], limit=5)
    for message, row in zip(messages, rows, strict=True):
        fields("trade", message, {
            "e": "trade", "s": SYMBOL, "t": row["id"], "p": row["price"], "q": row["qty"],
            "T": row["time"], "m": row["isBuyerMaker"], "M": True,
        })
        assert message["E"] >= message["T"], message


@CHECKS.of_market
async def kline_socket(client, record):
    async with BinanceSocketManager(client).kline_socket(SYMBOL, "1s") as socket:
        messages = await received(socket, 3, lambda message: message["k"]["x"])
    for message in messages:
        kline = message["k"]
        (row,) = await record.get("klines", symbol=SYMBOL, interval="1s", startTime=kline["t"],
                                  endTime=kline["T"])
        same("kline", [kline[key] for key in "tohlcvTqnVQ"], row[:11])
        fields("kline", message, {"e": "kline", "s": SYMBOL})
        fields("kline", kline, {"s": SYMBOL, "i": "1s"})
    times = [message["k"]["t"] for message in messages]
    same("one a second", times, [times[0] + 1_000 * at for at in range(3)])


@CHECKS.of_market
async def symbol_book_ticker_socket(client, record):
    async with BinanceSocketManager(client).symbol_book_ticker_socket(SYMBOL) as socket:
        latest = {}

        async def met():
            (message,) = await received(socket, 1)
            latest[message["u"]] = message
            row = await record.get("depth", symbol=SYMBOL, limit=1)
            message = latest.get(row["lastUpdateId"])
            return (message, row) if message else None

        for _ in range(3):
            message, row = await until(met)
            same("bid", [message["b"], message["B"]], row["bids"][0])
            same("ask", [message["a"], message["A"]], row["asks"][0])
            same("symbol", message["s"], SYMBOL)
        same("order", list(latest), sorted(latest))


@CHECKS.of_market
async def multiplex_socket(client, record):
    names = [f"{symbol.lower()}@{kind}" for symbol in (SYMBOL, OTHER)
             for kind in ("trade", "bookTicker", "kline_1s", "depth@100ms")]
    seen, trades = {}, {}
    async with BinanceSocketManager(client).multiplex_socket(names) as socket:
        while set(seen) != set(names) or len(trades) < 4:
            message = await socket.recv()
            same("wrapped", sorted(message), ["data", "stream"])
            name, event = message["stream"], message["data"]
            seen[name] = event
            same("symbol", event["s"], name.split("@")[0].upper())
            if name.endswith("@trade"):
                trades[event["s"], event["t"]] = event
    for (symbol, number), event in trades.items():
        (row,) = await record.get("historicalTrades", symbol=symbol, fromId=number, limit=1)
        same("trade", (event["t"], event["p"], event["q"]), (row["id"], row["price"], row["qty"]))


@CHECKS.of_market
async def depth_socket_continuity(client, record):
    async with BinanceSocketManager(client).depth_socket(SYMBOL, interval=100) as socket:
        messages = await received(socket, 20)
    for before, after in zip(messages, messages[1:]):
        same("continues", after["U"], before["u"] + 1)
        assert after["E"] - before["E"] >= 90, "faster than 100 ms"
    for message in messages:
        same("kind", (message["e"], message["s"]), ("depthUpdate", SYMBOL))
        assert message["U"] <= message["u"] and message["b"] + message["a"], message


@CHECKS.of_market
async def depth_cache_manager_vs_rest(client, record):
    # The book in the record, by what can be compared: the cache knows no update number.
    taken = []

    async def snapshots():
        while True:
            row = await record.get("depth", symbol=SYMBOL, limit=100)
            taken.append((levels(row["bids"])[:20], levels(row["asks"])[:20]))
            await asyncio.sleep(0.05)

    asking = asyncio.create_task(snapshots())
    try:
        manager = DepthCacheManager(client, SYMBOL, limit=1000, ws_interval=100, conv_type=Decimal)
        async with manager:
            equal, states = 0, []
            while equal < 5:
                cache = await manager.recv()
                bids = [(price, quantity) for price, quantity in cache.get_bids()]
                asks = [(price, quantity) for price, quantity in cache.get_asks()]
                assert bids[0][0] < asks[0][0], f"crossed: {bids[0]} {asks[0]}"
                states.append((bids[:20], asks[:20]))
                equal = sum(state in taken for state in states)
                assert len(states) < 300, f"only {equal} of {len(states)} states are in the record"
    finally:
        asking.cancel()


# --- the account --------------------------------------------------------------------------------


@CHECKS.of_account
async def orders_limit_market_cancel_query(client, record):
    price = str(await record.price(SYMBOL, "0.98"))
    order = await client.order_limit_buy(symbol=SYMBOL, quantity="0.01000", price=price)
    row = await record.order(SYMBOL, order["orderId"])
    for name in ("symbol", "orderId", "clientOrderId", "price", "origQty", "executedQty",
                 "status", "timeInForce", "type", "side", "workingTime"):
        same(name, order[name], row[name])
    same("query", await client.get_order(symbol=SYMBOL, orderId=order["orderId"]), row)
    same("by name", await client.get_order(
        symbol=SYMBOL, origClientOrderId=order["clientOrderId"]), row)
    same("open", await client.get_open_orders(symbol=SYMBOL), await record.open_orders(SYMBOL))
    same("test order", await client.create_test_order(
        symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.01", price=price),
        {})
    canceled = await client.cancel_order(symbol=SYMBOL, orderId=order["orderId"])
    fields("canceled", canceled, {"status": "CANCELED", "orderId": order["orderId"],
                                  "origClientOrderId": order["clientOrderId"]})
    same("open", await client.get_open_orders(symbol=SYMBOL), [])
    before = await record.balances()
    bought = await client.order_market_buy(symbol=SYMBOL, quantity="0.01")
    fields("bought", bought, {"status": "FILLED", "type": "MARKET", "price": "0.00000000",
                              "executedQty": "0.01000000"})
    trades = await record.trades_of(SYMBOL, bought["orderId"])
    for fill, trade in zip(bought["fills"], trades, strict=True):
        fields("fill", fill, {
            "price": trade["price"], "qty": trade["qty"], "commission": trade["commission"],
            "commissionAsset": trade["commissionAsset"], "tradeId": trade["id"],
        })
    spent = sum(Decimal(trade["quoteQty"]) for trade in trades)
    same("spent", Decimal(bought["cummulativeQuoteQty"]), spent)
    after = await record.balances()
    same("paid", before["USDT"][0] - after["USDT"][0], spent)
    same("my trades", await client.get_my_trades(symbol=SYMBOL, orderId=bought["orderId"]), trades)
    asset = await client.get_asset_balance(asset="BTC")
    same("balance", (Decimal(asset["free"]), Decimal(asset["locked"])), after["BTC"])
    sold = await client.order_market_sell(symbol=SYMBOL, quantity="0.01")
    same("sold", (sold["side"], sold["status"]), ("SELL", "FILLED"))
    orders = await client.get_all_orders(symbol=SYMBOL, orderId=order["orderId"])
    same("all", orders, await record.mine("allOrders", symbol=SYMBOL, orderId=order["orderId"]))
    same("their numbers", [one["orderId"] for one in orders][-3:],
         [order["orderId"], bought["orderId"], sold["orderId"]])


@CHECKS.of_account
async def stop_loss_limit(client, record):
    stop, price = [str(await record.price(SYMBOL, factor)) for factor in ("0.98", "0.975")]
    order = await client.create_order(
        symbol=SYMBOL, side="SELL", type="STOP_LOSS_LIMIT", timeInForce="GTC", quantity="0.01",
        price=price, stopPrice=stop)
    same("ACK by default", sorted(order), ["clientOrderId", "orderId", "orderListId", "symbol",
                                           "transactTime"])
    row = await client.get_order(symbol=SYMBOL, orderId=order["orderId"])
    same("record", row, await record.order(SYMBOL, order["orderId"]))
    fields("stop", row, {"type": "STOP_LOSS_LIMIT", "status": "NEW", "workingTime": -1})
    same("prices", (Decimal(row["stopPrice"]), Decimal(row["price"])),
         (Decimal(stop), Decimal(price)))
    canceled = await client.cancel_order(symbol=SYMBOL, orderId=order["orderId"])
    same("canceled", (canceled["status"], Decimal(canceled["stopPrice"])),
         ("CANCELED", Decimal(stop)))


@CHECKS.of_account
async def oco_order(client, record):
    above, stop, below = [str(await record.price(SYMBOL, factor))
                          for factor in ("1.02", "0.98", "0.975")]
    order = await client.create_oco_order(
        symbol=SYMBOL, side="SELL", quantity="0.01", aboveType="LIMIT_MAKER", abovePrice=above,
        belowType="STOP_LOSS_LIMIT", belowStopPrice=stop, belowPrice=below,
        belowTimeInForce="GTC")
    fields("list", order, {"contingencyType": "OCO", "listStatusType": "EXEC_STARTED",
                           "listOrderStatus": "EXECUTING", "symbol": SYMBOL})
    same("legs", len(order["orders"]), 2)
    kinds = {}
    for report in order["orderReports"]:
        row = await record.order(SYMBOL, report["orderId"])
        same("list of the leg", row["orderListId"], order["orderListId"])
        same("report", (report["type"], report["status"]), (row["type"], row["status"]))
        kinds[row["type"]] = row
    same("kinds", sorted(kinds), ["LIMIT_MAKER", "STOP_LOSS_LIMIT"])
    same("above", Decimal(kinds["LIMIT_MAKER"]["price"]), Decimal(above))
    same("below", Decimal(kinds["STOP_LOSS_LIMIT"]["stopPrice"]), Decimal(stop))
    found = await client.v3_get_order_list(orderListId=order["orderListId"])
    same("query", found, await record.mine("orderList", orderListId=order["orderListId"]))
    # One leg's cancel is the whole list's.
    leg = kinds["LIMIT_MAKER"]["orderId"]
    await client.cancel_order(symbol=SYMBOL, orderId=leg)
    for row in kinds.values():
        same("leg", (await record.order(SYMBOL, row["orderId"]))["status"], "CANCELED")
    found = await client.v3_get_order_list(orderListId=order["orderListId"])
    same("done", (found["listStatusType"], found["listOrderStatus"]), ("ALL_DONE", "ALL_DONE"))
    await refused(
        client.create_oco_order(
            symbol=SYMBOL, side="SELL", quantity="0.01", aboveType="LIMIT_MAKER", abovePrice=stop,
            belowType="STOP_LOSS_LIMIT", belowStopPrice=above, belowPrice=below,
            belowTimeInForce="GTC"),
        400, -2010, "The relationship of the prices for the orders is not correct.")


@CHECKS.of_account
async def error_codes(client, record):
    price = str(await record.price(SYMBOL, "0.98"))
    _, ask = await record.best(SYMBOL)
    limit = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
             "quantity": "0.01", "price": price}
    before = await record.balances()
    cases = [
        ({**limit, "symbol": "NOSUCH"}, -1121, "Invalid symbol."),
        ({**limit, "side": "HOLD"}, -1117, "Invalid side."),
        ({**limit, "type": "MAYBE"}, -1116, "Invalid orderType."),
        ({**limit, "timeInForce": "LATER"}, -1115, "Invalid timeInForce."),
        ({**limit, "quantity": "0.000001"}, -1013, "Filter failure: LOT_SIZE"),
        ({**limit, "price": f"{float(price):.2f}7"}, -1013, "Filter failure: PRICE_FILTER"),
        ({**limit, "price": "1.00"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        ({**limit, "quantity": "0.00001"}, -1013, "Filter failure: NOTIONAL"),
        ({**limit, "quantity": "0.0100000001"}, -1111,
         "Parameter 'quantity' has too much precision."),
        ({**limit, "quantity": "100"}, -2010,
         "Account has insufficient balance for requested action."),
        ({**limit, "type": "LIMIT_MAKER", "timeInForce": None, "price": str(ask * 2)}, -2010,
         "Order would immediately match and take."),
        ({**limit, "type": "STOP_LOSS_LIMIT", "stopPrice": price}, -2010,
         "Order would trigger immediately."),
    ]
    for params, code, message in cases:
        given = {name: value for name, value in params.items() if value is not None}
        await refused(client.create_order(**given), 400, code, message)
    await refused(client.get_order(symbol=SYMBOL, orderId=987654321), 400, -2013,
                  "Order does not exist.")
    await refused(client.cancel_order(symbol=SYMBOL, orderId=987654321), 400, -2011,
                  "Unknown order sent.")
    order = await client.create_order(newClientOrderId="twice", **limit)
    await refused(client.create_order(newClientOrderId="twice", **limit), 400, -2010,
                  "Duplicate order sent.")
    await client.cancel_order(symbol=SYMBOL, orderId=order["orderId"])
    same("balances", await record.balances(), before)
    stranger = await AsyncClient.create(record.key, "x" * 64)
    try:
        await refused(stranger.get_account(), 400, -1022,
                      "Signature for this request is not valid.")
        stranger.API_SECRET = record.secret
        stranger.timestamp_offset = -60_000
        await refused(stranger.get_account(), 400, -1021,
                      "Timestamp for this request is outside of the recvWindow.")
    finally:
        await stranger.close_connection()


@CHECKS.of_account
async def user_socket_execution_reports(client, record):
    events = []

    async def listen(socket):
        while True:
            events.append(await socket.recv())

    def reports(order_id):
        return [event for event in events
                if event["e"] == "executionReport" and event["i"] == order_id]

    async def told(order_id, count):
        async def attempt():
            return reports(order_id) if len(reports(order_id)) >= count else None

        return await until(attempt, 0.02)

    async with BinanceSocketManager(client).user_socket() as socket:
        listening = asyncio.create_task(listen(socket))
        try:
            price = str(await record.price(SYMBOL, "0.98"))
            order = await client.order_limit_buy(symbol=SYMBOL, quantity="0.01", price=price)
            await client.cancel_order(symbol=SYMBOL, orderId=order["orderId"])
            new, canceled = await told(order["orderId"], 2)
            fields("new", new, {"x": "NEW", "X": "NEW", "c": order["clientOrderId"], "C": "",
                                "s": SYMBOL, "S": "BUY", "o": "LIMIT", "f": "GTC", "r": "NONE",
                                "t": -1, "N": None, "n": "0", "g": -1, "w": True, "m": False})
            same("price", Decimal(new["p"]), Decimal(price))
            fields("canceled", canceled, {"x": "CANCELED", "X": "CANCELED",
                                          "C": order["clientOrderId"]})
            bought = await client.order_market_buy(symbol=SYMBOL, quantity="0.02")
            trades = await record.trades_of(SYMBOL, bought["orderId"])
            first, *rest = await told(bought["orderId"], 1 + len(trades))
            same("first", (first["x"], first["X"]), ("NEW", "NEW"))
            filled = Decimal(0)
            for event, trade in zip(rest, trades, strict=True):
                filled += Decimal(trade["qty"])
                done = filled == Decimal("0.02")
                fields("trade", event, {
                    "x": "TRADE", "X": "FILLED" if done else "PARTIALLY_FILLED",
                    "t": trade["id"], "l": trade["qty"], "L": trade["price"],
                    "n": trade["commission"], "N": trade["commissionAsset"],
                    "Y": trade["quoteQty"], "T": trade["time"], "m": False, "w": False,
                })
                same("filled", Decimal(event["z"]), filled)
            balances = await record.balances()

            async def booked():
                account = [event for event in events if event["e"] == "outboundAccountPosition"]
                last = account[-1] if account else {"B": []}
                rows = {row["a"]: (Decimal(row["f"]), Decimal(row["l"])) for row in last["B"]}
                return rows if rows.get("BTC") == balances["BTC"] else None

            rows = await until(booked, 0.02)
            same("USDT", rows["USDT"], balances["USDT"])
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


@CHECKS.of_account
async def ws_api_order(client, record):
    price = str(await record.price(SYMBOL, "0.98"))
    order = await client.ws_create_order(symbol=SYMBOL, side="BUY", type="LIMIT",
                                         timeInForce="GTC", quantity="0.01", price=price)
    row = await record.order(SYMBOL, order["orderId"])
    for name in ("clientOrderId", "price", "origQty", "status", "type", "side"):
        same(name, order[name], row[name])
    same("status", await client.ws_get_order(symbol=SYMBOL, orderId=order["orderId"]), row)
    canceled = await client.ws_cancel_order(symbol=SYMBOL, orderId=order["orderId"])
    same("canceled", canceled["status"], "CANCELED")
    same("record", (await record.order(SYMBOL, order["orderId"]))["status"], "CANCELED")
    bought = await client.ws_order_market_buy(symbol=SYMBOL, quantity="0.01")
    trades = await record.trades_of(SYMBOL, bought["orderId"])
    same("trades", [fill["tradeId"] for fill in bought["fills"]], [row["id"] for row in trades])
    account = await client.ws_get_account()
    same("account", account["balances"], (await record.mine("account"))["balances"])
    book = await client.ws_get_order_book(symbol=SYMBOL, limit=5)
    same("book", (len(book["bids"]), len(book["asks"])), (5, 5))
    await refused(client.ws_cancel_order(symbol=SYMBOL, orderId=order["orderId"]), 400, -2011,
                  "Unknown order sent.")
