-- From here on, a trace lies in time where its spans begin and where its events are, so that these are looked for on its days alone.
-- Of traces from before, that isn't known.
ALTER TABLE trace ADD COLUMN covers_events boolean NOT NULL DEFAULT false;
