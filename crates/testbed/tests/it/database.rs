use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use testbed::Database;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

#[cfg(test)]
async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[cfg(test)]
async fn names(like: &str) -> Vec<String> {
    let server = client(&std::env::var("SWITCHBOARD_TEST_DATABASE_URL").unwrap()).await;
    let rows = server.query("SELECT datname FROM pg_database WHERE datname LIKE $1", &[&like]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[cfg(test)]
async fn drop_template(name: &str) {
    let server = client(&std::env::var("SWITCHBOARD_TEST_DATABASE_URL").unwrap()).await;
    server.batch_execute(&format!("DROP DATABASE sb_template_{name}")).await.unwrap();
}

#[tokio::test]
async fn each_test_gets_its_own_copy_of_a_template_that_is_prepared_once() {
    let template = format!("t{}", Uuid::new_v4().simple());
    let prepared = Arc::new(AtomicUsize::new(0));
    let fresh = || {
        let prepared = prepared.clone();
        Database::fresh(&template, async move |url| {
            prepared.fetch_add(1, Ordering::SeqCst);
            let client = client(&url).await;
            client.batch_execute("CREATE TABLE notes (text text)").await?;
            Ok(())
        })
    };
    let (one, two, three) = tokio::join!(fresh(), fresh(), fresh());
    let (one, two, _three) = (one.unwrap(), two.unwrap(), three.unwrap());
    assert_eq!(prepared.load(Ordering::SeqCst), 1);

    client(&one.url()).await.batch_execute("INSERT INTO notes VALUES ('mine')").await.unwrap();
    let seen = client(&two.url()).await.query("SELECT * FROM notes", &[]).await.unwrap();
    assert!(seen.is_empty(), "two tests share a database");
    drop_template(&template).await;
}

#[tokio::test]
async fn a_template_whose_preparation_failed_is_prepared_again() {
    let template = format!("t{}", Uuid::new_v4().simple());
    let failed = Database::fresh(&template, async |_| anyhow::bail!("no such table")).await;
    assert!(format!("{:#}", failed.unwrap_err()).contains("no such table"));
    Database::fresh(&template, async |_| Ok(())).await.unwrap();
    drop_template(&template).await;
}

#[tokio::test]
async fn a_database_is_gone_when_it_is_dropped_even_while_in_use() {
    let database = Database::empty().await.unwrap();
    let name = database.url().rsplit('/').next().unwrap().to_owned();
    let _still_connected = client(&database.url()).await;
    assert_eq!(names(&name).await, [name.as_str()]);
    drop(database);
    assert!(names(&name).await.is_empty());
}
