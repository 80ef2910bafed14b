use testbed::Vhost;

#[cfg(test)]
async fn exists(name: &str) -> bool {
    let api = std::env::var("SWITCHBOARD_TEST_RABBITMQ_API").unwrap();
    let answer = reqwest::get(format!("{api}/api/vhosts/{name}")).await.unwrap();
    answer.status().is_success()
}

#[tokio::test]
async fn a_virtual_host_exists_until_it_is_dropped() {
    let vhost = Vhost::fresh().await.unwrap();
    let name = vhost.name().to_owned();
    assert!(vhost.url().ends_with(&format!("/{name}")));
    assert!(exists(&name).await);
    assert_eq!(vhost.subscriptions("any").await.unwrap(), 0);
    drop(vhost);
    assert!(!exists(&name).await);
}
