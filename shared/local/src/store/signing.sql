-- Schema version 4: what deliveries are signed with.

-- Made once with the store, or when a store from before is first opened, and never changed.
CREATE TABLE signing_key (
    key BLOB NOT NULL CHECK (length(key) = 32)
) STRICT;

-- Endpoints whose secrets were rotated: which generation signs, and until when the one before it does too.
CREATE TABLE generations (
    endpoint       TEXT    PRIMARY KEY,
    newest         INTEGER NOT NULL,
    previous_until INTEGER
) STRICT, WITHOUT ROWID;
