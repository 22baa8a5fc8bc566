-- Nodes, and the queue of their runs. What is signed or sealed is stored as it came.

-- A node is an account without a vault. SQLite can't take "not null" from a column, so the table is made anew; what refers to
-- its rows is checked at the end of the transaction, when they are back.
PRAGMA defer_foreign_keys = ON;
CREATE TEMP TABLE accounts_before AS SELECT principal, handle, vault, created_ms FROM main.accounts;
DROP TABLE main.accounts;
CREATE TABLE main.accounts (
    principal  BLOB PRIMARY KEY CHECK (length(principal) = 16),
    handle     TEXT NOT NULL UNIQUE,
    vault      BLOB UNIQUE CHECK (length(vault) = 32),
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO main.accounts (principal, handle, vault, created_ms)
    SELECT principal, handle, vault, created_ms FROM temp.accounts_before;
DROP TABLE temp.accounts_before;

-- Good once; kept as SHA-256 only. `bundle`: the one that was registered with it.
CREATE TABLE node_tokens (
    hash       BLOB PRIMARY KEY CHECK (length(hash) = 32),
    drawn_by   BLOB NOT NULL REFERENCES accounts (principal),
    expires_ms INTEGER NOT NULL,
    bundle     BLOB CHECK (length(bundle) = 32)
) STRICT;
CREATE INDEX node_tokens_of ON node_tokens (drawn_by);

CREATE TABLE nodes (
    principal   BLOB PRIMARY KEY REFERENCES accounts (principal),
    enrolled_by BLOB NOT NULL REFERENCES accounts (principal),
    seen_ms     INTEGER,
    card        BLOB,
    ended_ms    INTEGER
) STRICT;
CREATE INDEX nodes_of ON nodes (enrolled_by);

-- Which node does (last_seq null) or did (last_seq: the last entry that it may read) work where. An index of what the log says.
-- `served`: its turn; the space that has waited longest has the smallest.
CREATE TABLE space_nodes (
    space    BLOB NOT NULL REFERENCES spaces (id),
    node     BLOB NOT NULL REFERENCES nodes (principal),
    scope    INTEGER NOT NULL CHECK (scope IN (0, 1)),
    until_ms INTEGER NOT NULL,
    last_seq INTEGER,
    served   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (space, node)
) STRICT, WITHOUT ROWID;
CREATE INDEX spaces_of_node ON space_nodes (node) WHERE last_seq IS NULL;

-- `due_ms`: when the state changes by itself: a lease runs out, or the time to begin is over.
-- `heard`: whether the node was heard of in the newest attempt.
CREATE TABLE runs (
    id         INTEGER PRIMARY KEY,
    space      BLOB NOT NULL REFERENCES spaces (id),
    run        BLOB NOT NULL CHECK (length(run) = 16),
    seq        INTEGER NOT NULL CHECK (seq > 0),
    node       BLOB NOT NULL REFERENCES nodes (principal),
    capsule    BLOB CHECK (length(capsule) = 32),
    until_ms   INTEGER NOT NULL,
    attempts   INTEGER NOT NULL CHECK (attempts > 0),
    state      TEXT NOT NULL CHECK (state IN
        ('queued', 'running', 'ended', 'adopted', 'refused', 'lost', 'withdrawn', 'expired')),
    attempt    INTEGER NOT NULL DEFAULT 0 CHECK (attempt BETWEEN 0 AND attempts),
    heard      INTEGER NOT NULL DEFAULT 0 CHECK (heard IN (0, 1)),
    queued_ms  INTEGER NOT NULL,
    started_ms INTEGER,
    ended_ms   INTEGER,
    refused    TEXT,
    due_ms     INTEGER,
    UNIQUE (space, run),
    UNIQUE (space, seq),
    CHECK (due_ms IS NOT NULL OR state NOT IN ('queued', 'running'))
) STRICT;
CREATE INDEX runs_waiting ON runs (node, space, seq) WHERE state = 'queued';
CREATE INDEX runs_leased ON runs (node, space) WHERE state = 'running';
CREATE INDEX runs_due ON runs (due_ms) WHERE due_ms IS NOT NULL;

-- One of each author for a run; the run's entry names the one that counts by its hash.
CREATE TABLE capsules (
    space     BLOB NOT NULL REFERENCES spaces (id),
    run       BLOB NOT NULL CHECK (length(run) = 16),
    author    BLOB NOT NULL REFERENCES accounts (principal),
    hash      BLOB NOT NULL CHECK (length(hash) = 32),
    sealed    BLOB NOT NULL,
    stored_ms INTEGER NOT NULL,
    PRIMARY KEY (space, run, author)
) STRICT;
CREATE INDEX capsules_since ON capsules (stored_ms);

CREATE TABLE run_boxes (
    run     INTEGER NOT NULL REFERENCES runs (id),
    attempt INTEGER NOT NULL CHECK (attempt > 0),
    stream  TEXT NOT NULL CHECK (stream IN ('log', 'metrics')),
    n       INTEGER NOT NULL CHECK (n >= 0),
    sealed  BLOB NOT NULL,
    PRIMARY KEY (run, attempt, stream, n)
) STRICT;

CREATE TABLE run_results (
    run        INTEGER NOT NULL REFERENCES runs (id),
    attempt    INTEGER NOT NULL CHECK (attempt > 0),
    sealed     BLOB NOT NULL,
    broken_off INTEGER NOT NULL CHECK (broken_off IN (0, 1)),
    came_ms    INTEGER NOT NULL,
    PRIMARY KEY (run, attempt)
) STRICT;

-- What was said of a run stays as it was said.
CREATE TRIGGER run_boxes_stay BEFORE UPDATE ON run_boxes BEGIN SELECT RAISE(ABORT, 'boxes are never changed'); END;
CREATE TRIGGER run_results_stay BEFORE UPDATE ON run_results BEGIN SELECT RAISE(ABORT, 'results are never changed'); END;

-- Bytes of capsules, boxes and results: they count in the quota.
ALTER TABLE spaces ADD COLUMN run_bytes INTEGER NOT NULL DEFAULT 0 CHECK (run_bytes >= 0);
-- Packs that a result may name stay until then, although no entry names them.
ALTER TABLE packs ADD COLUMN held_until_ms INTEGER;

PRAGMA user_version = 3;
