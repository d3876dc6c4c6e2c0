-- The store of one hub, schema version 1. State only: what the hub is stands in its file.
--
-- Times are integers, microseconds since 1970 UTC. Ids are 16-byte blobs, hashes 32-byte blobs. JSON is text and is
-- never looked into by SQL. Rows that carry a body have a rowid and come in the order of their storing, so that a busy
-- hub appends instead of dirtying a page per row; small rows that are only ever looked up by name have none.

-- Made once with the store and never changed.
CREATE TABLE store (
    epoch BLOB NOT NULL CHECK (length(epoch) = 16)
) STRICT;

-- One row per object; `head` is the number of its newest version.
CREATE TABLE objects (
    object     INTEGER PRIMARY KEY,
    source     TEXT    NOT NULL,
    collection TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    head       INTEGER NOT NULL,
    -- The id first, so that the same index finds an id in whichever collection.
    UNIQUE (id, collection, source)
) STRICT;

-- Immutable. What a head is known by (hash, baseline, deleted) is read from its row here and stored nowhere else.
CREATE TABLE versions (
    seq         INTEGER PRIMARY KEY,
    object      INTEGER NOT NULL REFERENCES objects,
    number      INTEGER NOT NULL,
    parent      INTEGER,
    hash        BLOB    NOT NULL,
    baseline    INTEGER NOT NULL,
    deleted     INTEGER NOT NULL,
    stored_at   INTEGER NOT NULL,
    object_type TEXT    NOT NULL,
    body        TEXT    NOT NULL,
    UNIQUE (object, number)
) STRICT;

-- `seq` is the order of storing: oldest first. `object_group` stands for the object a message is about
-- (ObjectKey::group), which need not be stored here.
CREATE TABLE messages (
    seq             INTEGER PRIMARY KEY,
    id              BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    object_group    BLOB,
    -- A JSON array of names; NULL when there are none.
    disabled_routes TEXT,
    body            TEXT NOT NULL
) STRICT;
CREATE INDEX messages_by_object ON messages (object_group) WHERE object_group IS NOT NULL;

-- The pending marks: messages that the bus has not accepted yet.
CREATE TABLE pending (
    message   INTEGER PRIMARY KEY REFERENCES messages,
    stored_at INTEGER NOT NULL
) STRICT;

CREATE TABLE collections (
    source           TEXT    NOT NULL,
    collection       TEXT    NOT NULL,
    lease_owner      TEXT,
    lease_until      INTEGER,
    bookmark         TEXT,
    started_at       INTEGER,
    baseline_done    INTEGER NOT NULL DEFAULT 0,
    baseline_objects INTEGER NOT NULL DEFAULT 0,
    failures         INTEGER NOT NULL DEFAULT 0,
    -- An unsigned number, bit for bit.
    streak           INTEGER NOT NULL DEFAULT 0,
    notified         INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (source, collection)
) STRICT, WITHOUT ROWID;

-- The ledger. The message need not be stored here.
CREATE TABLE deliveries (
    seq             INTEGER PRIMARY KEY,
    message         BLOB    NOT NULL CHECK (length(message) = 16),
    route           TEXT    NOT NULL,
    round           INTEGER NOT NULL,
    endpoint        TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    receives        INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    next_attempt_at INTEGER,
    next_round      INTEGER NOT NULL,
    reason          TEXT,
    -- A JSON array, oldest first.
    attempts        TEXT    NOT NULL,
    -- JSON; NULL when no answer was kept.
    answer          TEXT,
    UNIQUE (message, route, round)
) STRICT;
CREATE INDEX deliveries_by_state ON deliveries (state, endpoint, updated_at);

-- What endpoints' answers wrote back, by name; the value is JSON.
CREATE TABLE parameters (
    endpoint TEXT NOT NULL,
    name     TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (endpoint, name)
) STRICT, WITHOUT ROWID;

-- Endpoints that are paused.
CREATE TABLE paused (
    endpoint TEXT    PRIMARY KEY,
    since    INTEGER NOT NULL,
    reason   TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- The entries of every queue. `queue` is the endpoint's name, with `/dead` behind it for the dead-letter queue.
-- An entry is hidden until `visible_at`. AUTOINCREMENT, because a receipt names `seq`, and the number of a deleted
-- entry must never be given to another one.
CREATE TABLE entries (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    queue         TEXT    NOT NULL,
    visible_at    INTEGER NOT NULL,
    receive_count INTEGER NOT NULL,
    -- Received, and whoever has it has not said yet what is to become of it.
    in_flight     INTEGER NOT NULL DEFAULT 0,
    sent_at       INTEGER NOT NULL,
    -- A JSON object of texts; NULL when there are none.
    attributes    TEXT,
    -- Either the body, or the stored message and the route that it is put together from: a message for many routes is
    -- kept once, and what the bus does for each is a small row.
    body          TEXT,
    message       INTEGER REFERENCES messages,
    route         TEXT,
    CHECK ((body IS NULL) = (message IS NOT NULL AND route IS NOT NULL))
) STRICT;
CREATE INDEX entries_by_visibility ON entries (queue, visible_at);
