-- How often an object that is to be fetched was refused for its own sake; `failures` counts its source's trouble too.
ALTER TABLE wanted ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;
