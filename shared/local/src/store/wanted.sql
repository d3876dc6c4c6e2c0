-- Objects that thin events have named, and that are yet to be fetched from their source.
CREATE TABLE wanted (
    source     TEXT    NOT NULL,
    collection TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    -- Another each time it is wanted.
    mark       BLOB    NOT NULL CHECK (length(mark) = 16),
    due        INTEGER NOT NULL,
    failures   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (source, collection, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX wanted_by_due ON wanted (source, collection, due);
