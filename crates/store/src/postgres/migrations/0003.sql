-- When a sink last let the store forget by itself: one row.
CREATE TABLE retained (
    one boolean PRIMARY KEY CHECK (one),
    at timestamptz NOT NULL
);
