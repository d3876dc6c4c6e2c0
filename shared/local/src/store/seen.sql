-- Events of webhooks that have been taken in (contract §6).
CREATE TABLE seen (
    -- SHA-256 of the webhook's id and the event's.
    event BLOB NOT NULL PRIMARY KEY,
    -- Microseconds since 1970. When it was taken in; it goes when a message of that time may go.
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX seen_by_time ON seen (at);
