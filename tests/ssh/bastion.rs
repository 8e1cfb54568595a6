//! Hosts behind a bastion.

use crate::*;

#[tokio::test]
async fn all_hosts_behind_it_share_one_connection() {
    let bastion = SshServer::new().forwards().start();
    let hosts = [0; 8].map(|_| SshServer::new().shell("/nowhere").start());
    let operator = Operator::trusting(&hosts);
    let pin = bastion.known_hosts_line().replace("127.0.0.1", "localhost");
    fs::write(operator.known_hosts(), fs::read_to_string(operator.known_hosts()).unwrap() + &pin).unwrap();
    let client = Arc::new(operator.client());
    let mut tasks = tokio::task::JoinSet::new();
    for host in &hosts {
        let (client, target) = (Arc::clone(&client), behind(&bastion, target(host)));
        tasks.spawn(async move {
            let connection = client.open(&target).await.unwrap();
            finish(connection.start("echo hello", nothing()).await.unwrap()).await.0
        });
    }
    assert!(tasks.join_all().await.iter().all(|out| out == b"hello\n"));
    assert_eq!((bastion.connections(), bastion.logins().len()), (1, 1));
    assert_eq!(bastion.forwarded().len(), 8);
    assert!(bastion.commands().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn much_traffic_both_ways_does_not_lock_it_up() {
    let bastion = SshServer::new().forwards().start();
    let host = SshServer::new().shell("/nowhere").start();
    let operator = Operator::trusting([&host]);
    let pin = bastion.known_hosts_line().replace("127.0.0.1", "localhost");
    fs::write(operator.known_hosts(), fs::read_to_string(operator.known_hosts()).unwrap() + &pin).unwrap();
    let connection = operator.client().open(&behind(&bastion, target(&host))).await.unwrap();
    let size = 24 << 20;
    let (one, two) = tokio::join!(
        async { finish(connection.start("cat", Secret::new(vec![1; size])).await.unwrap()).await },
        async { finish(connection.start("cat", Secret::new(vec![2; size])).await.unwrap()).await },
    );
    assert_eq!((one.0.len(), two.0.len()), (size, size));
}

#[tokio::test]
async fn its_host_key_is_checked_too() {
    let bastion = SshServer::new().forwards().start();
    let host = SshServer::new().start();
    let operator = Operator::trusting([&host]);
    let reason = operator.refused(&behind(&bastion, target(&host))).await;
    let Reason::BastionFailed(inner) = reason else { panic!("{reason:?}") };
    assert!(matches!(inner.reason, Reason::HostKeyUnknown { .. }));
    assert!(bastion.logins().is_empty());
    assert_eq!(host.connections(), 0);
}

#[tokio::test]
async fn the_host_key_behind_it_is_checked_and_shown() {
    let bastion = SshServer::new().forwards().start();
    let host = SshServer::new().start();
    let operator = Operator::new();
    fs::write(operator.known_hosts(), bastion.known_hosts_line().replace("127.0.0.1", "localhost")).unwrap();
    let target = behind(&bastion, target(&host));
    assert!(matches!(operator.refused(&target).await, Reason::HostKeyUnknown { .. }));
    let key = operator.client().offered_host_key(&target).await.unwrap();
    assert_eq!(key.fingerprint(), host.fingerprint());
    assert!(host.logins().is_empty());
}

#[tokio::test]
async fn one_that_does_not_forward_says_why() {
    let bastion = SshServer::new().start();
    let host = SshServer::new().start();
    let operator = Operator::new();
    fs::write(operator.known_hosts(), bastion.known_hosts_line().replace("127.0.0.1", "localhost")).unwrap();
    let refused = |cause: &str| Reason::BastionRefused { bastion: "localhost".to_owned(), cause: cause.to_owned() };
    let target = behind(&bastion, target(&host));
    let prohibited = refused("it forbids forwarding (AllowTcpForwarding, PermitOpen)");
    assert_eq!(operator.refused(&target).await, prohibited);
    bastion.changes(SshServer::forwards);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let unreachable = refused("it cannot connect to that address and port");
    assert_eq!(operator.refused(&Target { port: free, ..target }).await, unreachable);
}

#[tokio::test]
async fn one_that_died_is_connected_to_again() {
    let bastion = SshServer::new().forwards().start();
    let host = SshServer::new().start();
    let operator = Operator::trusting([&host]);
    let pin = bastion.known_hosts_line().replace("127.0.0.1", "localhost");
    fs::write(operator.known_hosts(), fs::read_to_string(operator.known_hosts()).unwrap() + &pin).unwrap();
    let client = operator.client();
    let target = behind(&bastion, target(&host));
    let first = client.open(&target).await.unwrap();
    bastion.cut_connections();
    let outcome = match first.start("true", nothing()).await {
        Ok(running) => running.wait().await,
        Err(error) => Outcome::Lost { cause: error.to_string() },
    };
    assert!(matches!(outcome, Outcome::Lost { .. }));
    assert!(client.open(&target).await.is_ok());
    assert_eq!(bastion.connections(), 2);
}

#[tokio::test]
async fn a_dead_one_is_tried_once_for_all_hosts_that_wait() {
    let bastion = SshServer::new().forwards().silent().start();
    let host = SshServer::new().start();
    let mut operator = Operator::trusting([&host]);
    operator.patience.handshake = Duration::from_millis(100);
    let client = operator.client();
    let target = behind(&bastion, target(&host));
    let (one, two, three) = tokio::join!(client.open(&target), client.open(&target), client.open(&target));
    for outcome in [one, two, three] {
        assert!(matches!(outcome.unwrap_err().reason, Reason::BastionFailed(_)));
    }
    assert_eq!(bastion.connections(), 1);
}
