-- Which of two versions is the newer one, as the source tells (`crossdock_core::version::Order`, as its text): what is
-- older than the head is late. Of what was stored before, nothing is known.

-- Numbered like the others, but never the head, and without a parent.
ALTER TABLE versions ADD COLUMN late INTEGER NOT NULL DEFAULT 0;
ALTER TABLE versions ADD COLUMN source_order TEXT;

-- The highest number of the object's versions; NULL while that is the head.
ALTER TABLE objects ADD COLUMN last INTEGER;
-- The newest that the source is known to have had: the head's, or a newer one that came with nothing new.
ALTER TABLE objects ADD COLUMN source_order TEXT;
