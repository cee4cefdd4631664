-- The first schema. Times are milliseconds since the Unix epoch; users, conversations and seqs are as in store/base.py.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value NOT NULL
) WITHOUT ROWID;

-- Append-only but for edits and erasures, so that a commit of many conversations writes few pages of it.
-- message_id and target are 16-byte blobs where they are UUIDs, text otherwise (records.key).
CREATE TABLE event (
    id           INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    kind         INTEGER NOT NULL,
    deleted      INTEGER NOT NULL,
    sender       INTEGER NOT NULL,
    timestamp_ms INTEGER NOT NULL,
    digest       INTEGER NOT NULL,
    crc          INTEGER NOT NULL,
    message_id   NOT NULL,
    target,
    body         BLOB NOT NULL
);
CREATE UNIQUE INDEX event_message_id ON event (message_id);
CREATE INDEX event_target ON event (target) WHERE target IS NOT NULL;

-- Where the events of a conversation are. An index of the same columns would be touched at a page per event where
-- many conversations talk; so new events enter the small `recent` and move to `place` some thousands at a time, sorted.
-- Every event is in exactly one of the two. kind, sender and deleted are copies, for counts without reading events.
CREATE TABLE place (
    conversation INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    id           INTEGER NOT NULL,
    kind         INTEGER NOT NULL,
    sender       INTEGER NOT NULL,
    deleted      INTEGER NOT NULL,
    PRIMARY KEY (conversation, seq)
) WITHOUT ROWID;
CREATE TABLE recent (
    conversation INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    id           INTEGER NOT NULL,
    kind         INTEGER NOT NULL,
    sender       INTEGER NOT NULL,
    deleted      INTEGER NOT NULL,
    PRIMARY KEY (conversation, seq)
) WITHOUT ROWID;

-- Who is mentioned in a message of somebody else that counts as unread and is not deleted.
CREATE TABLE mention (
    user         INTEGER NOT NULL,
    conversation INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    PRIMARY KEY (conversation, user, seq)
) WITHOUT ROWID;
CREATE INDEX mention_of_event ON mention (conversation, seq);

CREATE TABLE cursor (
    conversation INTEGER NOT NULL,
    user         INTEGER NOT NULL,
    device       TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    at_ms        INTEGER NOT NULL,
    PRIMARY KEY (conversation, user, device)
) WITHOUT ROWID;

CREATE TABLE read_mark (
    conversation INTEGER NOT NULL,
    user         INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    at_ms        INTEGER NOT NULL,
    PRIMARY KEY (conversation, user)
) WITHOUT ROWID;

CREATE TABLE user (
    id            INTEGER PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    display_name  TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    roles         TEXT NOT NULL,
    created_ms    INTEGER NOT NULL,
    disabled      INTEGER NOT NULL
);

CREATE TABLE device (
    id           TEXT PRIMARY KEY,
    user         INTEGER NOT NULL,
    name         TEXT NOT NULL,
    token_hash   BLOB NOT NULL,
    created_ms   INTEGER NOT NULL,
    last_seen_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE conversation (
    id         INTEGER PRIMARY KEY,
    kind       TEXT NOT NULL,
    key        TEXT NOT NULL,
    title      TEXT NOT NULL,
    topic      TEXT NOT NULL,
    visibility TEXT NOT NULL,
    history    TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    UNIQUE (kind, key)
);

CREATE TABLE member (
    conversation INTEGER NOT NULL,
    user         INTEGER NOT NULL,
    role         TEXT NOT NULL,
    since_seq    INTEGER NOT NULL,
    until_seq    INTEGER,
    muted        INTEGER NOT NULL,
    PRIMARY KEY (conversation, user)
) WITHOUT ROWID;

CREATE TABLE invite (
    code_hash  BLOB PRIMARY KEY,
    created_by INTEGER NOT NULL,
    group_id   INTEGER,
    uses_left  INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE invitation (
    conversation INTEGER NOT NULL,
    user         INTEGER NOT NULL,
    invited_by   INTEGER NOT NULL,
    created_ms   INTEGER NOT NULL,
    PRIMARY KEY (conversation, user)
) WITHOUT ROWID;

CREATE TABLE audit (
    id     INTEGER PRIMARY KEY,
    at_ms  INTEGER NOT NULL,
    actor  INTEGER NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL
);

-- Conversations that are dropped while something of them is still in `event` (erased in slices) or in the search index,
-- which holds nothing of them beyond the event last_id.
CREATE TABLE doomed (
    conversation INTEGER PRIMARY KEY,
    last_id      INTEGER NOT NULL,
    erased       INTEGER NOT NULL
);
