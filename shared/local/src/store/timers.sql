-- What waits for a time that no queue's delay can hold (`timers.rs`): the entries of deliveries that an answer put off.
CREATE TABLE timers (
    message    BLOB    NOT NULL CHECK (length(message) = 16),
    route      TEXT    NOT NULL,
    round      INTEGER NOT NULL,
    endpoint   TEXT    NOT NULL,
    due        INTEGER NOT NULL,
    -- Somebody is about to send it, and nobody else takes it before; 0: nobody is.
    held_until INTEGER NOT NULL DEFAULT 0,
    -- The entry's.
    body       TEXT    NOT NULL,
    PRIMARY KEY (message, route, round)
) STRICT, WITHOUT ROWID;
CREATE INDEX timers_by_due ON timers (due);
