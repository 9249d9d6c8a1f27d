CREATE TABLE schema_version (
    version    INTEGER PRIMARY KEY,
    what       TEXT NOT NULL,
    applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) STRICT;

-- The journal. Numbers count up from 1 without a gap.
CREATE TABLE record (
    number   INTEGER PRIMARY KEY,
    kind     TEXT NOT NULL,
    subject  TEXT,             -- the order it is about: epoch-strategy-number
    status   TEXT,             -- that order's status after it
    body     TEXT NOT NULL,    -- compact JSON
    checksum INTEGER NOT NULL  -- CRC-32 of the other columns
) STRICT;
-- Each index costs a commit some 7 µs, so an intent, for which an order waits, is in none: it is
-- found from the order's next record, which follows it closely. The rest are partial.
CREATE INDEX record_order ON record (subject)
    WHERE subject IS NOT NULL AND kind <> 'order_intended';
CREATE INDEX record_fill ON record (number) WHERE kind = 'order_filled';
CREATE INDEX record_external_fill ON record (number) WHERE kind = 'external_fill';
CREATE INDEX record_equity ON record (number) WHERE kind = 'equity_sampled';
CREATE INDEX record_trading_state ON record (number) WHERE kind = 'trading_state_changed';

-- What follows from the records, written in the same transaction as they.
CREATE TABLE instrument (
    number INTEGER PRIMARY KEY,
    symbol TEXT NOT NULL UNIQUE,
    base   TEXT NOT NULL,
    quote  TEXT NOT NULL
) STRICT;
CREATE TABLE strategy (
    number INTEGER PRIMARY KEY,
    name   TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE position (
    strategy   INTEGER NOT NULL,
    instrument INTEGER NOT NULL,
    quantity   TEXT NOT NULL,
    cost       TEXT NOT NULL,
    realised   TEXT NOT NULL,
    fees       TEXT NOT NULL,
    PRIMARY KEY (strategy, instrument)
) STRICT, WITHOUT ROWID;

-- The ledger as it was after record `number`: a start goes on from the newest.
CREATE TABLE ledger_snapshot (
    number   INTEGER PRIMARY KEY,
    version  INTEGER NOT NULL,
    body     TEXT NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;

-- Read-only views, the documented way to query a journal, also while the engine runs. The newest
-- come quickest: ORDER BY record DESC LIMIT n.
-- Money and quantities are exact decimals in text; times are nanoseconds since 1970 UTC.

CREATE VIEW intents AS
SELECT r.number                                             AS record,
       r.subject                                            AS order_id,
       r.body ->> '$.client_order_id'                       AS client_order_id,
       s.name                                               AS strategy,
       i.symbol                                             AS symbol,
       r.body ->> '$.new.side'                              AS side,
       r.body ->> '$.new.kind.type'                         AS type,
       r.body ->> '$.new.kind.time_in_force'                AS time_in_force,
       r.body ->> '$.new.kind.price'                        AS price,
       r.body ->> '$.new.kind.stop_price'                   AS stop_price,
       r.body ->> '$.new.quantity.base'                     AS quantity,
       r.body ->> '$.new.quantity.quote'                    AS quote_quantity,
       r.body ->> '$.new.role'                              AS role,
       r.body ->> '$.cause.cause'                           AS cause,
       r.body ->  '$.cause.event'                           AS cause_event,
       r.body ->> '$.correlation'                           AS correlation,
       r.body ->> '$.caused_at'                             AS caused_at_ns,
       r.body ->> '$.approved_at'                           AS approved_at_ns
FROM record AS r
JOIN strategy AS s ON s.number = r.body ->> '$.strategy'
JOIN instrument AS i ON i.number = r.body ->> '$.new.instrument'
WHERE r.kind = 'order_intended';

CREATE VIEW fills AS
SELECT r.number                                             AS record,
       r.subject                                            AS order_id,
       s.name                                               AS strategy,
       i.symbol                                             AS symbol,
       r.body ->> '$.event.fill.side'                       AS side,
       r.body ->> '$.event.fill.price'                      AS price,
       r.body ->> '$.event.fill.quantity'                   AS quantity,
       r.body ->> '$.event.fill.fee'                        AS fee,
       r.body ->> '$.event.fill.fee_asset'                  AS fee_asset,
       r.body ->> '$.event.fill.liquidity'                  AS liquidity,
       r.body ->> '$.event.fill.key.trade'                  AS trade_id,
       r.body ->> '$.event.fill.key.venue_order'            AS venue_order_id,
       r.body ->> '$.event.fill.event_at'                   AS event_at_ns,
       r.body ->> '$.event.received_at'                     AS received_at_ns
FROM record AS r
JOIN strategy AS s ON s.number = r.body ->> '$.strategy'
JOIN instrument AS i ON i.number = r.body ->> '$.event.fill.key.instrument'
WHERE r.kind = 'order_filled';

-- Manual trades on the account: nobody's.
CREATE VIEW external_fills AS
SELECT r.number                                             AS record,
       i.symbol                                             AS symbol,
       r.body ->> '$.fill.side'                             AS side,
       r.body ->> '$.fill.price'                            AS price,
       r.body ->> '$.fill.quantity'                         AS quantity,
       r.body ->> '$.fill.fee'                              AS fee,
       r.body ->> '$.fill.fee_asset'                        AS fee_asset,
       r.body ->> '$.fill.liquidity'                        AS liquidity,
       r.body ->> '$.fill.key.trade'                        AS trade_id,
       r.body ->> '$.fill.key.venue_order'                  AS venue_order_id,
       r.body ->> '$.fill.event_at'                         AS event_at_ns
FROM record AS r
JOIN instrument AS i ON i.number = r.body ->> '$.fill.key.instrument'
WHERE r.kind = 'external_fill';

-- `executed` adds up quantities exactly: they have eight decimals, so they are summed as
-- integers of 10⁻⁸.
CREATE VIEW orders AS
SELECT intents.record, order_id, client_order_id, strategy, symbol, side, type, time_in_force,
       price, stop_price, quantity, quote_quantity, role,
       coalesce((SELECT r.status FROM record AS r
                 WHERE r.subject = intents.order_id AND r.kind <> 'order_intended'
                   AND r.status IS NOT NULL
                 ORDER BY r.number DESC LIMIT 1), 'intended')
                                                            AS status,
       (SELECT printf('%d.%08d', units / 100000000, units % 100000000)
        FROM (SELECT coalesce(sum(CAST(replace(r.body ->> '$.event.fill.quantity', '.', '')
                                       AS INTEGER)), 0) AS units
              FROM record AS r
              WHERE r.subject = intents.order_id AND r.kind <> 'order_intended'
                AND r.kind = 'order_filled'))
                                                            AS executed,
       (SELECT max(r.body ->> '$.event.venue_order') FROM record AS r
        WHERE r.subject = intents.order_id AND r.kind <> 'order_intended'
          AND r.kind = 'order_accepted')
                                                            AS venue_order_id,
       correlation, caused_at_ns, approved_at_ns
FROM intents;

CREATE VIEW positions AS
SELECT s.name AS strategy, i.symbol AS symbol, p.quantity, p.cost, p.realised, p.fees,
       i.base, i.quote
FROM position AS p
JOIN strategy AS s ON s.number = p.strategy
JOIN instrument AS i ON i.number = p.instrument;

-- `strategy` is NULL for the whole engine.
CREATE VIEW equity AS
SELECT r.number                                             AS record,
       s.name                                               AS strategy,
       r.body ->> '$.equity'                                AS equity,
       r.body ->> '$.capital'                               AS capital,
       r.body ->> '$.at'                                    AS at_ns
FROM record AS r
LEFT JOIN strategy AS s ON s.number = r.body ->> '$.strategy'
WHERE r.kind = 'equity_sampled';

CREATE VIEW trading_states AS
SELECT r.number                                             AS record,
       r.body ->> '$.state'                                 AS state,
       r.body ->> '$.reason'                                AS reason,
       r.body ->> '$.at'                                    AS at_ns
FROM record AS r
WHERE r.kind = 'trading_state_changed';
