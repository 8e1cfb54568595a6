//! A connection that dies: what was running is lost, not failed.

use crate::*;

fn is_lost(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Lost { .. })
}

#[tokio::test]
async fn a_connection_cut_during_a_command_is_lost_not_failed() {
    let host = SshServer::new().shell("/nowhere").start();
    let connection = Operator::trusting([&host]).open(&host).await.unwrap();
    let mut running = connection.start("echo begun; cat", nothing()).await.unwrap();
    assert!(running.next().await.is_some());
    host.cut_connections();
    let outcome = running.wait().await;
    assert_eq!(outcome, Outcome::Lost { cause: "the host closed the connection".to_owned() });
    assert!(connection.is_lost());
    let error = connection.start("true", nothing()).await.unwrap_err();
    let cause = "the host closed the connection".to_owned();
    assert_eq!(error, ChannelError::Lost { host: "w1".to_owned(), cause });
    assert_eq!(host.commands(), ["echo begun; cat"]);
}

#[tokio::test]
async fn a_connection_cut_when_a_command_begins_is_lost() {
    let host = SshServer::new().cuts_at("reboot").start();
    let connection = Operator::trusting([&host]).open(&host).await.unwrap();
    match connection.start("reboot", nothing()).await {
        Ok(running) => assert!(is_lost(&running.wait().await)),
        Err(error) => assert!(matches!(error, ChannelError::Lost { .. })),
    }
}

#[tokio::test]
async fn a_channel_without_a_status_is_lost_and_the_connection_lives() {
    let host = SshServer::new().no_status_for("odd").start();
    let connection = Operator::trusting([&host]).open(&host).await.unwrap();
    let outcome = connection.start("odd", nothing()).await.unwrap().wait().await;
    let cause = "the host closed the channel without an exit status".to_owned();
    assert_eq!(outcome, Outcome::Lost { cause });
    assert_eq!(connection.start("true", nothing()).await.unwrap().wait().await, Outcome::Exited(0));
}

#[tokio::test]
async fn a_status_whose_output_may_be_cut_off_proves_nothing() {
    let host = SshServer::new().hangs_up_after_status_of("report").start();
    let connection = Operator::trusting([&host]).open(&host).await.unwrap();
    let outcome = connection.start("report", nothing()).await.unwrap().wait().await;
    assert_eq!(outcome, Outcome::Lost { cause: "the host hung up: bye".to_owned() });
}

#[tokio::test]
async fn closing_a_connection_loses_what_runs_on_it() {
    let host = SshServer::new().shell("/nowhere").start();
    let connection = Operator::trusting([&host]).open(&host).await.unwrap();
    let running = connection.start("cat", nothing()).await.unwrap();
    connection.close().await;
    assert!(is_lost(&running.wait().await));
}
