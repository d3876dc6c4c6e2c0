-- Schema version 3: which message was the first of its kind on a route (`once_per`, contract §4).

CREATE TABLE claims (
    route TEXT NOT NULL,
    -- SHA-256 of the named values.
    tuple BLOB NOT NULL,
    -- The message's id.
    message BLOB NOT NULL,
    -- Microseconds since 1970. From then on the row means nothing and may go.
    until INTEGER NOT NULL,
    PRIMARY KEY (route, tuple)
) STRICT, WITHOUT ROWID;

CREATE INDEX claims_by_end ON claims (until);
