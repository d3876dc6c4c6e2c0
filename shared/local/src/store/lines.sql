-- How far an endpoint with `ordered` has come with an object (contract §5). Kept as long as the store: an older version may
-- be sent again at any time.
CREATE TABLE lines (
    endpoint TEXT NOT NULL,
    -- ObjectKey::group.
    object_group BLOB NOT NULL,
    -- Counts the changes of the row.
    revision INTEGER NOT NULL,
    -- JSON.
    body TEXT NOT NULL,
    PRIMARY KEY (endpoint, object_group)
) STRICT, WITHOUT ROWID;

-- The version that a message is about. NULL in what was stored before: whatever is behind such a message does not wait for it.
ALTER TABLE messages ADD COLUMN object_version INTEGER;
CREATE INDEX messages_by_version ON messages (object_group, object_version) WHERE object_group IS NOT NULL;
DROP INDEX messages_by_object;
