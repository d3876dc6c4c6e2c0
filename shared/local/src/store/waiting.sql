-- Of an object that is to be fetched: when it was last named, and why it could not be fetched the last time. Of what was
-- named before this script, neither is known.
ALTER TABLE wanted ADD COLUMN since INTEGER;
ALTER TABLE wanted ADD COLUMN reason TEXT;
