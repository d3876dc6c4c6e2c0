-- What is switched off by hand: `hub`, or `webhook/` and its id.
CREATE TABLE switches (
    switch TEXT PRIMARY KEY,
    -- Microseconds since 1970.
    since  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
