-- Everything the server keeps, but the bytes of packs (they are files). What is signed or sealed is stored as it came.

CREATE TABLE server (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    secret BLOB NOT NULL CHECK (length(secret) = 32)
) STRICT;

CREATE TABLE accounts (
    principal  BLOB PRIMARY KEY CHECK (length(principal) = 16),
    handle     TEXT NOT NULL UNIQUE,
    vault      BLOB NOT NULL UNIQUE CHECK (length(vault) = 32),
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A principal's chain of signed bundles: the primary key is the compare-and-set of a key change.
CREATE TABLE bundles (
    principal BLOB NOT NULL REFERENCES accounts (principal),
    counter   INTEGER NOT NULL CHECK (counter >= 0),
    hash      BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    kdf       BLOB NOT NULL,
    signed    BLOB NOT NULL,
    PRIMARY KEY (principal, counter)
) STRICT;

CREATE TABLE links (
    principal BLOB NOT NULL REFERENCES accounts (principal),
    counter   INTEGER NOT NULL,
    old       BLOB NOT NULL CHECK (length(old) = 32),
    new       BLOB NOT NULL CHECK (length(new) = 32),
    sealed    BLOB NOT NULL,
    PRIMARY KEY (principal, counter)
) STRICT;

CREATE TABLE recovery (
    principal BLOB PRIMARY KEY REFERENCES accounts (principal),
    locator   BLOB NOT NULL UNIQUE CHECK (length(locator) = 16),
    sealed    BLOB NOT NULL
) STRICT;

-- Tokens are kept as SHA-256 only.
CREATE TABLE devices (
    id                 BLOB PRIMARY KEY CHECK (length(id) = 16),
    principal          BLOB NOT NULL REFERENCES accounts (principal),
    created_ms         INTEGER NOT NULL,
    seen_ms            INTEGER NOT NULL,
    refresh            BLOB NOT NULL UNIQUE CHECK (length(refresh) = 32),
    refresh_expires_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX devices_of ON devices (principal);

CREATE TABLE access_tokens (
    hash       BLOB PRIMARY KEY CHECK (length(hash) = 32),
    device     BLOB NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    expires_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX access_tokens_of ON access_tokens (device);

-- Refresh tokens that were used: seeing one again ends its family.
CREATE TABLE spent_tokens (
    hash       BLOB PRIMARY KEY CHECK (length(hash) = 32),
    device     BLOB NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    expires_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX spent_tokens_of ON spent_tokens (device);

CREATE TABLE spaces (
    id        BLOB PRIMARY KEY CHECK (length(id) = 32),
    head_seq  INTEGER NOT NULL,
    head_hash BLOB NOT NULL CHECK (length(head_hash) = 32)
) STRICT;

CREATE TABLE entries (
    space  BLOB NOT NULL REFERENCES spaces (id),
    seq    INTEGER NOT NULL CHECK (seq >= 0),
    hash   BLOB NOT NULL CHECK (length(hash) = 32),
    signed BLOB NOT NULL,
    PRIMARY KEY (space, seq)
) STRICT;

-- Who is in (last_seq null) or was in (last_seq: the entry that ended it). An index of what the log says.
CREATE TABLE members (
    space     BLOB NOT NULL REFERENCES spaces (id),
    principal BLOB NOT NULL REFERENCES accounts (principal),
    role      INTEGER NOT NULL CHECK (role BETWEEN 0 AND 2),
    last_seq  INTEGER,
    PRIMARY KEY (space, principal)
) STRICT, WITHOUT ROWID;
CREATE INDEX spaces_of ON members (principal) WHERE last_seq IS NULL;

-- `blob` names the files; it is drawn anew for every row, so a file that lost its row is never named again.
CREATE TABLE packs (
    id         BLOB PRIMARY KEY CHECK (length(id) = 16),
    space      BLOB NOT NULL REFERENCES spaces (id),
    blob       BLOB NOT NULL UNIQUE CHECK (length(blob) = 16),
    begun_by   BLOB NOT NULL REFERENCES accounts (principal),
    bytes      INTEGER NOT NULL CHECK (bytes > 0),
    complete   INTEGER NOT NULL DEFAULT 0 CHECK (complete IN (0, 1)),
    touched_ms INTEGER NOT NULL,
    named_seq  INTEGER,
    dropped_ms INTEGER
) STRICT;
CREATE INDEX packs_of ON packs (space, named_seq, dropped_ms, bytes);
CREATE INDEX packs_unnamed ON packs (touched_ms) WHERE named_seq IS NULL;
CREATE INDEX packs_dropped ON packs (dropped_ms) WHERE dropped_ms IS NOT NULL;

CREATE TABLE parts (
    pack BLOB NOT NULL REFERENCES packs (id) ON DELETE CASCADE,
    part INTEGER NOT NULL CHECK (part >= 0),
    PRIMARY KEY (pack, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE invitations (
    id         BLOB PRIMARY KEY CHECK (length(id) = 16),
    inviter    BLOB NOT NULL REFERENCES accounts (principal),
    expires_ms INTEGER NOT NULL,
    claimed_by BLOB REFERENCES accounts (principal),
    proof      BLOB
) STRICT;
CREATE INDEX invitations_of ON invitations (inviter);

-- Logs and chains only grow.
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END;
CREATE TRIGGER entries_remain BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'entries are never removed'); END;
CREATE TRIGGER bundles_stay BEFORE UPDATE ON bundles BEGIN SELECT RAISE(ABORT, 'bundles are never changed'); END;
CREATE TRIGGER bundles_remain BEFORE DELETE ON bundles BEGIN SELECT RAISE(ABORT, 'bundles are never removed'); END;

PRAGMA user_version = 1;
