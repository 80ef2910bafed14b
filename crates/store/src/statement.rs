//! Statements written out in SQL.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, BoxedSqlQuery, Query, QueryFragment, QueryId, SqlQuery};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Bool, HasSqlType, Nullable, Text, Untyped, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::TenantId;
use uuid::Uuid;

/// A statement written out in SQL that a connection prepares once.
///
/// Diesel's own has PostgreSQL prepare and plan it anew each time: another round trip, and for most statements here
/// more work than to run them.
pub(crate) struct Statement<'f>(BoxedSqlQuery<'f, Pg, SqlQuery>);

/// A statement in SQL, with `$1`, `$2` and so on where values go. Its text comes from the code alone: what differs from
/// run to run is bound, or each run would leave one more prepared statement with the connection.
#[expect(clippy::disallowed_methods, reason = "this is where it is made one that is prepared once")]
pub(crate) fn statement<'f>(sql: impl Into<String>) -> Statement<'f> {
    Statement(diesel::sql_query(sql).into_boxed())
}

impl<'f> Statement<'f> {
    /// The next value.
    pub(crate) fn bind<ST, V>(self, value: V) -> Self
    where
        Pg: HasSqlType<ST>,
        V: ToSql<ST, Pg> + Send + 'f,
        ST: Send + 'f,
    {
        Self(self.0.bind::<ST, V>(value))
    }

    /// What it says of a thing, in the column `is_so`.
    pub(crate) async fn flag(self, conn: &mut AsyncPgConnection) -> QueryResult<bool> {
        Ok(self.get_result::<IsSo>(conn).await?.is_so)
    }

    /// What it counts, in the column `number`.
    pub(crate) async fn number(self, conn: &mut AsyncPgConnection) -> QueryResult<i64> {
        Ok(self.get_result::<Number>(conn).await?.number)
    }

    /// The first that it finds, in the column `word`, which may be empty.
    pub(crate) async fn word(self, conn: &mut AsyncPgConnection) -> QueryResult<Option<Option<String>>> {
        Ok(self.get_result::<Word>(conn).await.optional()?.map(|row| row.word))
    }

    /// What it finds, in the column `id`.
    pub(crate) async fn ids(self, conn: &mut AsyncPgConnection) -> QueryResult<Vec<Uuid>> {
        Ok(self.load::<Id>(conn).await?.into_iter().map(|row| row.id).collect())
    }

    /// What it finds, in the columns `tenant_id` and `id`.
    pub(crate) async fn of_tenants(self, conn: &mut AsyncPgConnection) -> QueryResult<Vec<(TenantId, Uuid)>> {
        let rows = self.load::<OfTenant>(conn).await?.into_iter();
        Ok(rows.map(|row| (TenantId::from_uuid(row.tenant_id), row.id)).collect())
    }
}

#[derive(QueryableByName)]
struct IsSo {
    #[diesel(sql_type = Bool)]
    is_so: bool,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct Word {
    #[diesel(sql_type = Nullable<Text>)]
    word: Option<String>,
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

#[derive(QueryableByName)]
struct OfTenant {
    #[diesel(sql_type = SqlUuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

impl QueryFragment<Pg> for Statement<'_> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}

impl QueryId for Statement<'_> {
    type QueryId = ();

    // It is known again by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Statement<'_> {
    type SqlType = Untyped;
}
