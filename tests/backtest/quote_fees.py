"""ema_cross 10/30 on every trade, long or flat, filled whole at the last price. Knows nothing of ours."""
import csv, json, sys
from decimal import Decimal as D, getcontext

getcontext().prec = 50
cash, coins, fees, orders, fast, slow, size = D(100000), D(0), D(0), [], None, None, D("0.01")
for n, row in enumerate(csv.DictReader(open(sys.argv[1])), 1):
    price, value = D(row["price"]), float(row["price"])
    fast = value if fast is None else fast + 2 / 11 * (value - fast)
    slow = value if slow is None else slow + 2 / 31 * (value - slow)
    side = "" if n < 30 else "BUY" if fast > slow and not coins else "SELL" if fast < slow and coins else ""
    if side:
        fee = price * size * D("0.001")
        cash, fees = cash - fee + (price * size) * (1 if side == "SELL" else -1), fees + fee
        coins = size if side == "BUY" else D(0)
        orders.append([int(row["id"]), side, str(price), str(size)])
plain = lambda number: format(number.normalize(), "f")
print(json.dumps({"orders": orders, "fees": plain(fees), "equity_end": plain(cash + coins * price)}))
