-- Objects in answers (docs/adr/0025-objects-in-answers.md).

-- 1: the answer gave objects that are still to be tracked, from what is stored of it in `answer`.
ALTER TABLE deliveries ADD COLUMN untracked INTEGER NOT NULL DEFAULT 0;
