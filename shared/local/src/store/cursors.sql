-- Jobs that go through the store page by page (`jobs.rs`).

CREATE TABLE jobs (
    job         TEXT    PRIMARY KEY,
    lease_owner TEXT    NOT NULL,
    lease_until INTEGER NOT NULL,
    -- How far it has come, in words of its own; NULL at its beginning.
    mark        TEXT
) STRICT, WITHOUT ROWID;
