-- Schema version 2: what expiry needs to know (`gc.rs`).

-- When the message was stored; unlike its pending mark's, this time stays.
ALTER TABLE messages ADD COLUMN stored_at INTEGER NOT NULL DEFAULT 0;
UPDATE messages SET stored_at = CAST(unixepoch(body ->> '$.created_at', 'subsec') * 1000000 AS INTEGER)
WHERE json_valid(body) AND unixepoch(body ->> '$.created_at') IS NOT NULL;

-- Which entries still need a message: those that name it, and those that carry a copy of it (dead letters, and further
-- rounds). A body need not be JSON.
CREATE INDEX entries_by_message ON entries (message) WHERE message IS NOT NULL;
CREATE INDEX entries_by_copy ON entries (
    CASE WHEN json_valid(body) THEN unhex(body ->> '$.message.message_id', '-') END
) WHERE body IS NOT NULL;
