//! Hosts that cannot be reached, or do not answer.

use crate::*;

#[tokio::test]
async fn a_refused_port() {
    let host = SshServer::new().start();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let target = Target { port: free, ..target(&host) };
    assert_eq!(Operator::new().refused(&target).await, Reason::PortRefused);
}

#[tokio::test]
async fn a_host_that_never_says_a_word() {
    let host = SshServer::new().silent().start();
    let mut operator = Operator::trusting([&host]);
    operator.patience.handshake = Duration::from_millis(50);
    let reason = operator.refused(&target(&host)).await;
    assert_eq!(reason, Reason::TimedOut { awaited: "the SSH handshake", after: Duration::from_millis(50) });
}

#[tokio::test]
async fn a_host_that_never_answers_the_login() {
    let host = SshServer::new().silent_login().start();
    let mut operator = Operator::trusting([&host]);
    operator.patience.login = Duration::from_millis(50);
    let reason = operator.refused(&target(&host)).await;
    assert_eq!(reason, Reason::TimedOut { awaited: "the login", after: Duration::from_millis(50) });
}

#[tokio::test]
async fn something_that_is_not_ssh() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let host = SshServer::new().start();
    let target = Target { port, ..target(&host) };
    let web = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    };
    let operator = Operator::new();
    let (reason, ()) = tokio::join!(operator.refused(&target), web);
    assert!(matches!(reason, Reason::Handshake { .. }), "{reason:?}");
}

#[tokio::test]
async fn a_connection_that_timed_out_is_hung_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = SshServer::new().start();
    let target = Target { port: listener.local_addr().unwrap().port(), ..target(&host) };
    let mut operator = Operator::new();
    operator.patience.handshake = Duration::from_millis(50);
    // It begins the handshake, and then stops.
    let half_way = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"SSH-2.0-half\r\n").await.unwrap();
        let mut said = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut said).await.unwrap();
        assert!(said.starts_with(b"SSH-2.0-forge_"));
    };
    let (reason, ()) = tokio::join!(operator.refused(&target), half_way);
    assert_eq!(reason, Reason::TimedOut { awaited: "the SSH handshake", after: Duration::from_millis(50) });
}
