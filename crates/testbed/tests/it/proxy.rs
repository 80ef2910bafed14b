use std::time::{Duration, Instant};

use testbed::{Proxy, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(10);
const A_MOMENT: Duration = Duration::from_millis(100);

/// A server that repeats what it hears, and a proxy in front of it.
#[cfg(test)]
async fn echo_behind_a_proxy() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.into_split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    Proxy::to(&url).await.unwrap()
}

#[cfg(test)]
async fn says_hello(stream: &mut TcpStream) -> bool {
    let mut heard = [0; 5];
    stream.write_all(b"hello").await.is_ok()
        && stream.read_exact(&mut heard).await.is_ok()
        && &heard == b"hello"
}

#[tokio::test]
async fn a_cut_breaks_what_is_open_and_refuses_what_is_new_until_it_heals() {
    let proxy = echo_behind_a_proxy().await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(says_hello(&mut stream).await);
    proxy.cut();
    until(SOON, "the break", || async {
        let mut during = TcpStream::connect(proxy.address()).await.ok()?;
        (!says_hello(&mut during).await).then_some(())
    })
    .await;
    assert_eq!(timeout(SOON, stream.read(&mut [0; 1])).await.unwrap().unwrap_or(0), 0);
    proxy.heal();
    let mut after = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(says_hello(&mut after).await);
}

#[tokio::test]
async fn a_stall_holds_everything_back_and_loses_nothing() {
    let proxy = echo_behind_a_proxy().await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(says_hello(&mut stream).await);
    proxy.stall();
    assert!(timeout(A_MOMENT, says_hello(&mut stream)).await.is_err(), "a stalled wire passed data on");
    proxy.heal();
    let mut heard = [0; 5];
    timeout(SOON, stream.read_exact(&mut heard)).await.unwrap().unwrap();
    assert_eq!(&heard, b"hello");
}

#[tokio::test]
async fn a_delay_is_added_in_both_directions() {
    let proxy = echo_behind_a_proxy().await;
    proxy.delay(A_MOMENT);
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    let started = Instant::now();
    assert!(says_hello(&mut stream).await);
    assert!(started.elapsed() >= A_MOMENT * 2);
}

#[tokio::test]
async fn the_address_through_the_proxy_keeps_user_and_path() {
    let proxy = echo_behind_a_proxy().await;
    let url = proxy.in_front_of("amqp://guest:guest@broker.example:5672/%2f").unwrap();
    assert_eq!(url, format!("amqp://guest:guest@{}/%2f", proxy.address()));
}
