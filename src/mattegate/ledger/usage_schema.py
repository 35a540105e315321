"""``usage.db``: the usage book, the counters of limits, and what is still to be told to billing.

Rows of ``usage`` are never deleted. ``holds_key`` is 1 while a row owns its idempotency key: not released, and not
found to be older than a day; SQLite lets no index know what time it is, so whoever finds such a row clears it.
"""

from __future__ import annotations

from typing import Final

USAGE: Final = (
    (
        """CREATE TABLE usage (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            request_id TEXT NOT NULL,
            identity TEXT NOT NULL,
            key_id TEXT NOT NULL,
            kind TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('reserved', 'settled', 'released')),
            units INTEGER NOT NULL,
            at REAL NOT NULL,
            lease_until REAL,
            ended_at REAL,
            images INTEGER NOT NULL DEFAULT 0,
            pixels INTEGER NOT NULL DEFAULT 0,
            bytes_in INTEGER NOT NULL DEFAULT 0,
            bytes_out INTEGER NOT NULL DEFAULT 0,
            model TEXT NOT NULL DEFAULT '',
            ms REAL NOT NULL DEFAULT 0,
            idempotency_key TEXT NOT NULL DEFAULT '',
            holds_key INTEGER NOT NULL DEFAULT 0,
            fingerprint TEXT NOT NULL DEFAULT '',
            replays INTEGER NOT NULL DEFAULT 0,
            note TEXT NOT NULL DEFAULT '',
            credits INTEGER NOT NULL DEFAULT 0,
            taken TEXT NOT NULL DEFAULT '[]',
            UNIQUE (request_id, identity, kind)
        ) STRICT""",
        "CREATE UNIQUE INDEX usage_keys ON usage (identity, idempotency_key) WHERE holds_key = 1",
        "CREATE INDEX usage_leases ON usage (lease_until) WHERE state = 'reserved'",
        "CREATE INDEX usage_aborts ON usage (identity, ended_at) WHERE note = 'aborted'",
        "CREATE INDEX usage_identities ON usage (identity, at)",
        "CREATE INDEX usage_times ON usage (at)",
        "CREATE TRIGGER usage_stays BEFORE DELETE ON usage BEGIN SELECT RAISE(ABORT, 'usage rows stay'); END",
        # A request that got a delivered answer again; its own row, because it has its own request id.
        """CREATE TABLE replays (
            request_id TEXT PRIMARY KEY,
            usage INTEGER NOT NULL REFERENCES usage (seq),
            number INTEGER NOT NULL,
            state TEXT NOT NULL,
            at REAL NOT NULL
        ) STRICT, WITHOUT ROWID""",
        # window: microseconds of its start, 0 for rates and balances.
        """CREATE TABLE counters (
            subject TEXT NOT NULL,
            name TEXT NOT NULL,
            window INTEGER NOT NULL,
            value INTEGER NOT NULL,
            PRIMARY KEY (subject, name, window)
        ) STRICT, WITHOUT ROWID""",
        # What tokens took, for callers that use the counters without the book.
        """CREATE TABLE takes (
            token TEXT NOT NULL,
            name TEXT NOT NULL,
            window INTEGER NOT NULL,
            cost INTEGER NOT NULL,
            at REAL NOT NULL,
            PRIMARY KEY (token, name)
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX takes_times ON takes (at)",
        # One line for every change that billing must hear of, written in the transaction that makes it.
        """CREATE TABLE outbox (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            usage INTEGER NOT NULL REFERENCES usage (seq),
            event TEXT NOT NULL,
            at REAL NOT NULL
        ) STRICT""",
        "CREATE TABLE outbox_cursors (consumer TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID",
        """CREATE TABLE notices (
            subject TEXT NOT NULL,
            name TEXT NOT NULL,
            window INTEGER NOT NULL,
            share REAL NOT NULL,
            PRIMARY KEY (subject, name, window, share)
        ) STRICT, WITHOUT ROWID""",
    ),
    (
        # Values that were used and must not be used (so often) again; until: when they are refused by their age alone.
        """CREATE TABLE uses (
            subject TEXT NOT NULL,
            value TEXT NOT NULL,
            used INTEGER NOT NULL,
            until REAL NOT NULL,
            PRIMARY KEY (subject, value)
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX uses_until ON uses (until)",
    ),
    (
        "ALTER TABLE uses ADD COLUMN mark REAL NOT NULL DEFAULT 0",
        # The highest mark of each kind that was ever forgotten. It only rises, whatever the clock does.
        "CREATE TABLE forgotten (kind TEXT PRIMARY KEY, mark REAL NOT NULL) STRICT, WITHOUT ROWID",
    ),
)
