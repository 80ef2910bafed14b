-- Writes crates/store/src/schema.rs from the database it runs in: Diesel's table! for each table with a primary key,
-- joinable! for each plain foreign key to one, all in alphabetical order. Partitions are part of their parent.
WITH tables AS (
    SELECT c.oid, c.relname::text AS name, i.indkey::int2[] AS key
    FROM pg_class c
    JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND c.relname NOT LIKE '\_\_diesel%'
),
types AS (
    SELECT oid, CASE typname
        WHEN 'bool' THEN 'Bool' WHEN 'bpchar' THEN 'Bpchar' WHEN 'bytea' THEN 'Binary' WHEN 'date' THEN 'Date'
        WHEN 'float4' THEN 'Float' WHEN 'float8' THEN 'Double' WHEN 'inet' THEN 'Inet' WHEN 'int2' THEN 'SmallInt'
        WHEN 'int4' THEN 'Integer' WHEN 'int8' THEN 'BigInt' WHEN 'int4range' THEN 'Int4range' WHEN 'int8range' THEN 'Int8range'
        WHEN 'interval' THEN 'Interval' WHEN 'json' THEN 'Json' WHEN 'jsonb' THEN 'Jsonb' WHEN 'numeric' THEN 'Numeric'
        WHEN 'text' THEN 'Text' WHEN 'time' THEN 'Time' WHEN 'timestamp' THEN 'Timestamp' WHEN 'timestamptz' THEN 'Timestamptz'
        WHEN 'tstzrange' THEN 'Tstzrange' WHEN 'uuid' THEN 'Uuid' WHEN 'varchar' THEN 'Varchar'
        -- Not a type of Diesel's: the compiler then names the column's type that nobody has mapped here.
        ELSE 'UnknownType_' || typname END AS diesel
    FROM pg_type
),
columns AS (
    SELECT a.attrelid, a.attnum, a.attname::text AS name,
        CASE WHEN a.attname IN ('as', 'async', 'await', 'box', 'break', 'const', 'continue', 'crate', 'do', 'dyn', 'else', 'enum',
            'extern', 'false', 'final', 'fn', 'for', 'gen', 'if', 'impl', 'in', 'let', 'loop', 'macro', 'match', 'mod', 'move', 'mut',
            'priv', 'pub', 'ref', 'return', 'self', 'static', 'struct', 'super', 'trait', 'true', 'try', 'type', 'typeof', 'unsafe',
            'use', 'virtual', 'where', 'while', 'yield', 'columns', 'table') THEN a.attname || '_' ELSE a.attname::text END AS rust,
        (SELECT CASE WHEN a.attnotnull THEN kind ELSE 'Nullable<' || kind || '>' END
         FROM (SELECT CASE WHEN t.typcategory = 'A' THEN 'Array<' || element.diesel || '>' ELSE types.diesel END AS kind) AS k) AS kind
    FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    JOIN types ON types.oid = t.oid
    LEFT JOIN types element ON element.oid = t.typelem
    WHERE a.attnum > 0 AND NOT a.attisdropped
),
links AS (
    SELECT child.name AS child, parent.name AS parent, k.conkey AS from_columns, col.rust AS via,
        cardinality(k.conkey) = 1 AND cardinality(parent.key) = 1 AND k.confkey <@ parent.key AS plain,
        count(*) OVER (PARTITION BY k.conrelid, k.confrelid) AS together
    FROM pg_constraint k
    JOIN tables child ON child.oid = k.conrelid
    JOIN tables parent ON parent.oid = k.confrelid
    JOIN columns col ON col.attrelid = k.conrelid AND col.attnum = k.conkey[1]
    WHERE k.contype = 'f' AND k.conrelid <> k.confrelid
),
lines (part, place, line) AS (
    SELECT 0, '', '// @generated from migrations/ by scripts/generate-schema. Do not edit.'
    UNION ALL
    SELECT 1, t.name, format(E'\ndiesel::table! {\n    %s (%s) {\n%s\n    }\n}', t.name,
        (SELECT string_agg(c.rust, ', ' ORDER BY k.position)
         FROM unnest(t.key) WITH ORDINALITY AS k (attnum, position) JOIN columns c ON c.attrelid = t.oid AND c.attnum = k.attnum),
        (SELECT string_agg(CASE WHEN c.rust <> c.name THEN format(E'        #[sql_name = "%s"]\n', c.name) ELSE '' END
            || format('        %s -> %s,', c.rust, c.kind), E'\n' ORDER BY c.attnum) FROM columns c WHERE c.attrelid = t.oid))
    FROM tables t
    UNION ALL
    SELECT 2, '', '' WHERE EXISTS (SELECT FROM links WHERE plain AND together = 1)
    UNION ALL
    SELECT 3, child || ' ' || parent, format('diesel::joinable!(%s -> %s (%s));', child, parent, via) FROM links WHERE plain AND together = 1
    UNION ALL
    SELECT 4, '', format(E'\ndiesel::allow_tables_to_appear_in_same_query!(%s,);', string_agg(name, ', ' ORDER BY name COLLATE "C"))
    FROM tables HAVING count(*) > 1
)
SELECT line FROM lines ORDER BY part, place COLLATE "C";
