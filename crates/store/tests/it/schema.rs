//! P6 on every table there is, whoever adds one later.

use tokio_postgres::Transaction;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use crate::rig::Rig;

/// Tables that are nobody's, and why.
const NOBODYS: [(&str, &str); 7] = [
    ("__diesel_schema_migrations", "names of migrations"),
    (
        "application_budgets",
        "counts of requests in the application's own name; the app role has no right to it",
    ),
    ("rounds", "when what one process does for all was begun; the app role has no right to it"),
    ("inbox", "ids of messages; the app role can neither read nor remove them"),
    ("sealed_keys", "keys of the installation; the app role has no right to it"),
    (
        "users",
        "people, who may belong to several tenants; its policy shows a tenant its own, tested beside them",
    ),
    ("webhook_acceptances", "counts of what gateways took; the app role has no right to it"),
];

/// What a column with a rule of its own may hold.
const ALLOWED: [(&str, &str, &str); 8] = [
    ("pms_writeback_drops", "outcome", "'not_wanted'"),
    ("alert_deliveries", "news", "'raised'"),
    ("call_identities", "proof", "'phone'"),
    ("memberships", "role", "'owner'"),
    ("pms_appointment_types", "minutes", "30"),
    ("pms_writebacks", "operation", "'book_appointment'"),
    ("slot_holds", "kind", "'chair'"),
    ("slot_holds", "ends_at", "now() + interval '1 hour'"),
];

/// Foreign keys without an index of their own, and why.
const UNINDEXED: [(&str, &str, &str); 1] = [(
    "slot_holds",
    "connection_id",
    "only holds in force are looked for, by the exclusion constraint's index; connections are never deleted",
)];

async fn tables(rig: &Rig) -> Vec<String> {
    let rows = rig
        .owner
        .query(
            "SELECT table_name::text FROM information_schema.tables
             WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1",
            &[],
        )
        .await
        .unwrap();
    rows.iter()
        .map(|row| row.get(0))
        .filter(|name: &String| !NOBODYS.iter().any(|(n, _)| n == name))
        .collect()
}

fn owner_column(table: &str) -> &'static str {
    if table == "tenants" { "id" } else { "tenant_id" }
}

/// An INSERT of the smallest row of `table` that belongs to `tenant`.
async fn insert_of(rig: &Rig, table: &str, tenant: Uuid) -> String {
    let columns = rig
        .owner
        .query(
            "SELECT column_name::text, data_type::text FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name = $1 AND is_nullable = 'NO'
               AND column_default IS NULL AND is_identity = 'NO' ORDER BY ordinal_position",
            &[&table],
        )
        .await
        .unwrap();
    let mut names = vec![owner_column(table).to_owned()];
    let mut values = vec![format!("'{tenant}'")];
    for column in columns {
        let (name, kind): (String, String) = (column.get(0), column.get(1));
        if name == owner_column(table) {
            continue;
        }
        let allowed = ALLOWED.iter().find(|(t, c, _)| *t == table && *c == name);
        values.push(match (allowed, kind.as_str()) {
            (Some((_, _, value)), _) => (*value).to_owned(),
            (None, "uuid") => "gen_random_uuid()".into(),
            (None, "text") => "gen_random_uuid()::text".into(),
            (None, "bytea") => "'\\x00'".into(),
            (None, "jsonb") => "'{}'".into(),
            (None, "timestamp with time zone") => "now()".into(),
            (None, "integer" | "bigint" | "double precision") => "1".into(),
            (None, other) => panic!("say in this test how to fill {table}.{name} of type {other}"),
        });
        names.push(name);
    }
    format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), values.join(", "))
}

async fn may(tx: &Transaction<'_>, table: &str, what: &str) -> bool {
    let sql = "SELECT has_table_privilege('switchboard_app', $1, $2)";
    tx.query_one(sql, &[&table, &what]).await.unwrap().get(0)
}

async fn become_tenant(tx: &Transaction<'_>, tenant: &str) {
    tx.execute("SELECT set_config('app.tenant_id', $1, true)", &[&tenant]).await.unwrap();
}

async fn visible(tx: &Transaction<'_>, table: &str) -> i64 {
    tx.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await.unwrap().get(0)
}

/// Fails unless the database refuses `sql` for want of a right.
async fn refused(tx: &mut Transaction<'_>, sql: &str) {
    let inner = tx.transaction().await.unwrap();
    let error = inner.batch_execute(sql).await.expect_err(sql);
    assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{sql}: {error:?}");
    inner.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_every_table_hides_a_tenants_rows_from_every_other_tenant() {
    let mut rig = Rig::new().await;
    let (mine, theirs) = (Uuid::now_v7(), Uuid::now_v7());
    let names = tables(&rig).await;
    assert!(names.len() > 15, "the list of tables is not what it was: {names:?}");
    for table in &names {
        let (of_mine, of_theirs) = (insert_of(&rig, table, mine).await, insert_of(&rig, table, theirs).await);
        let key = owner_column(table);
        let mut tx = rig.owner.transaction().await.unwrap();
        // The rows need no neighbours for this.
        tx.batch_execute("SET LOCAL session_replication_role = replica").await.unwrap();
        tx.batch_execute(&of_mine).await.unwrap_or_else(|error| panic!("{of_mine}: {error:?}"));
        let (select, update, delete) = (
            may(&tx, table, "SELECT").await,
            may(&tx, table, "UPDATE").await,
            may(&tx, table, "DELETE").await,
        );
        tx.batch_execute("SET LOCAL ROLE switchboard_app").await.unwrap();
        for nobody_and_another in ["", theirs.to_string().as_str()] {
            become_tenant(&tx, nobody_and_another).await;
            assert!(!select || visible(&tx, table).await == 0, "{table} shows another tenant's row");
            if update && select {
                let touched = tx.execute(&format!("UPDATE {table} SET {key} = {key}"), &[]).await.unwrap();
                assert_eq!(touched, 0, "{table}: another tenant's row was changed");
            }
            if delete {
                let touched = tx.execute(&format!("DELETE FROM {table}"), &[]).await.unwrap();
                assert_eq!(touched, 0, "{table}: another tenant's row was removed");
            }
            refused(&mut tx, &of_mine).await;
        }
        become_tenant(&tx, &mine.to_string()).await;
        assert!(!select || visible(&tx, table).await == 1, "{table} hides a tenant's own row");
        refused(&mut tx, &of_theirs).await;
        if update && select {
            refused(&mut tx, &format!("UPDATE {table} SET {key} = '{theirs}'")).await;
        }
        tx.rollback().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_every_table_is_guarded_even_from_its_owner_and_granted_to_the_two_roles_alone() {
    let rig = Rig::new().await;
    for table in tables(&rig).await {
        let row = rig
            .owner
            .query_one(
                "SELECT relrowsecurity AND relforcerowsecurity,
                        EXISTS (SELECT FROM pg_policies WHERE tablename = relname AND roles = '{switchboard_app}')
                 FROM pg_class WHERE relname = $1 AND relnamespace = 'public'::regnamespace",
                &[&table],
            )
            .await
            .unwrap();
        assert!(row.get::<_, bool>(0), "{table} has no row-level security, or not for its owner");
        assert!(row.get::<_, bool>(1), "{table} has no policy for the app role");
    }
    let others = rig
        .number(
            "SELECT count(*) FROM information_schema.role_table_grants
             WHERE table_schema = 'public'
               AND grantee NOT IN ('switchboard_app', 'switchboard_machinery', current_user)",
        )
        .await;
    assert_eq!(others, 0, "somebody else has rights on a table");
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_reference_to_a_tenants_row_names_the_tenant() {
    // Row-level security does not look at references: without the tenant in the key one tenant could
    // hold another's chairs.
    let rig = Rig::new().await;
    let rows = rig
        .owner
        .query(
            "SELECT k.conrelid::regclass::text, k.conname::text FROM pg_constraint k
             WHERE k.contype = 'f' AND k.confrelid NOT IN ('tenants'::regclass, 'users'::regclass)
               AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = k.conrelid
                   AND a.attnum = ANY (k.conkey) AND a.attname = 'tenant_id')",
            &[],
        )
        .await
        .unwrap();
    let loose: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert!(loose.is_empty(), "{loose:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_no_service_may_change_or_remove_an_audit_record() {
    let rig = Rig::new().await;
    for role in ["switchboard_app", "switchboard_machinery"] {
        for table in ["audit_log", "audit_anchors"] {
            for right in ["UPDATE", "DELETE", "TRUNCATE"] {
                let sql = format!("SELECT has_table_privilege('{role}', '{table}', '{right}')");
                let may: bool = rig.owner.query_one(&sql, &[]).await.unwrap().get(0);
                assert!(!may, "{role} may {right} {table}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_foreign_key_has_an_index_or_a_reason() {
    let rig = Rig::new().await;
    // Of a pair with the tenant it is the other column that tells rows apart.
    let rows = rig
        .owner
        .query(
            "WITH keys AS (
                 SELECT k.conrelid, k.conrelid::regclass::text AS name, a.attname::text AS col, a.attnum
                 FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
                 WHERE k.contype = 'f' AND (cardinality(k.conkey) = 1 OR a.attname <> 'tenant_id'))
             SELECT name, col FROM keys WHERE NOT EXISTS (
                 SELECT FROM pg_index i WHERE i.indrelid = keys.conrelid
                   AND (i.indkey[0] = keys.attnum OR (i.indkey[1] = keys.attnum AND i.indkey[0] = (
                       SELECT attnum FROM pg_attribute t
                       WHERE t.attrelid = keys.conrelid AND t.attname = 'tenant_id')))
                   AND coalesce(pg_get_expr(i.indpred, i.indrelid), '(' || col || ' IS NOT NULL)')
                       = '(' || col || ' IS NOT NULL)')
             GROUP BY name, col",
            &[],
        )
        .await
        .unwrap();
    let bare: Vec<(String, String)> = rows
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .filter(|(table, column): &(String, String)| {
            !UNINDEXED.iter().any(|(t, c, _)| t == table && c == column)
        })
        .collect();
    assert!(bare.is_empty(), "{bare:?}");
}
