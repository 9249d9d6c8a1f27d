-- Up to this record everything is in the archive, but for the records of orders that worked then;
-- and what all of them add up to. One row, or none.
CREATE TABLE archived (
    number   INTEGER PRIMARY KEY,
    version  INTEGER NOT NULL,
    body     TEXT NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
