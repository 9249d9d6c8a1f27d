"""As quote_fees.py, but buys pay their fee in coins, and only whole steps of coins can be sold."""
import csv, json, sys
from decimal import Decimal as D, getcontext

getcontext().prec = 50
cash, coins, fees, orders, fast, slow = D(100000), D(0), D(0), [], None, None
size, step, rate = D("0.01"), D("0.0001"), D("0.001")
for n, row in enumerate(csv.DictReader(open(sys.argv[1])), 1):
    price, value = D(row["price"]), float(row["price"])
    fast = value if fast is None else fast + 2 / 11 * (value - fast)
    slow = value if slow is None else slow + 2 / 31 * (value - slow)
    whole = coins // step * step
    if n >= 30 and fast > slow and not whole:
        cash, coins, fees = cash - price * size, coins + size - size * rate, fees + size * rate * price
        orders.append([int(row["id"]), "BUY", str(price), str(size)])
    elif n >= 30 and fast < slow and whole:
        cash, coins, fees = cash + price * whole * (1 - rate), coins - whole, fees + price * whole * rate
        orders.append([int(row["id"]), "SELL", str(price), str(whole)])
plain = lambda number: format(number.normalize(), "f")
print(json.dumps({"orders": orders, "fees": plain(fees), "equity_end": plain(cash + coins * price)}))
