-- The audit log becomes a chain (store/chain.py): what stands in it already is chained as it stands. audit_link is given
-- by migration.py. The newest line is noted in meta, so that a cut-off end is found.
CREATE TABLE audit_chain (
    id     INTEGER PRIMARY KEY,
    at_ms  INTEGER NOT NULL,
    actor  INTEGER NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL,
    hash   BLOB NOT NULL
);
INSERT INTO audit_chain (id, at_ms, actor, action, detail, hash)
WITH RECURSIVE chain (id, at_ms, actor, action, detail, hash) AS (
    SELECT 0, 0, 0, '', '', zeroblob(32)
    UNION ALL
    SELECT a.id, a.at_ms, a.actor, a.action, a.detail,
           audit_link(chain.hash, a.id, a.at_ms, a.actor, a.action, a.detail)
      FROM chain JOIN audit a ON a.id = (SELECT min(id) FROM audit WHERE id > chain.id)
)
SELECT * FROM chain WHERE id > 0;
DROP TABLE audit;
ALTER TABLE audit_chain RENAME TO audit;
INSERT INTO meta (key, value) VALUES (
    'audit_head',
    coalesce(
        (SELECT id || ':' || lower(hex(hash)) FROM audit ORDER BY id DESC LIMIT 1), '0:' || lower(hex(zeroblob(32)))
    )
);
