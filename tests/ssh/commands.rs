//! Commands: input, output, outcomes, counters, and how many run at once.

use crate::*;

#[tokio::test]
async fn input_goes_in_and_both_outputs_come_out_apart() {
    let host = SshServer::new().shell("/nowhere").start();
    let connection = Operator::trusting([&host]).open(&host).await.unwrap();
    let running = connection.start("cat; echo oops >&2; exit 3", Secret::new("swordfish")).await.unwrap();
    let (out, err, outcome) = finish(running).await;
    assert_eq!((out.as_slice(), err.as_slice(), outcome), (&b"swordfish"[..], &b"oops\n"[..], Outcome::Exited(3)));
    assert_eq!(host.input_of("cat"), b"swordfish");
}

#[tokio::test]
async fn every_byte_and_round_trip_is_counted() {
    let host = SshServer::new()
        .answer(|_, input| Reply { stdout: input, stderr: b"abc".to_vec(), status: 0, ..Reply::default() })
        .start();
    let connection = Operator::trusting([&host]).open(&host).await.unwrap();
    assert_eq!(connection.traffic(), Traffic::default());
    for _ in 0..2 {
        finish(connection.start("12345678", Secret::new(vec![b'x'; 100_000])).await.unwrap()).await;
    }
    let expected = Traffic { round_trips: 2, commands: 2, bytes_sent: 200_016, bytes_received: 200_006 };
    assert_eq!(connection.traffic(), expected);
}

#[tokio::test]
async fn a_signal_is_not_an_exit_status() {
    let host = SshServer::new().shell("/nowhere").start();
    let connection = Operator::trusting([&host]).open(&host).await.unwrap();
    let running = connection.start("kill -TERM $$", nothing()).await.unwrap();
    assert_eq!(running.wait().await, Outcome::Signalled("TERM".to_owned()));
}

#[tokio::test]
async fn input_stays_open_until_it_is_closed() {
    let host = SshServer::new().shell("/nowhere").start();
    let connection = Operator::trusting([&host]).open(&host).await.unwrap();
    let mut lock = connection.start("echo held; cat; echo released", nothing()).await.unwrap();
    assert!(lock.next().await == Some(Chunk::Out(b"held\n".to_vec())));
    // Another command comes and goes meanwhile.
    assert_eq!(connection.start("true", nothing()).await.unwrap().wait().await, Outcome::Exited(0));
    lock.close_input();
    assert!(lock.next().await == Some(Chunk::Out(b"released\n".to_vec())));
    assert_eq!(lock.wait().await, Outcome::Exited(0));
}

#[tokio::test]
async fn dropping_a_command_ends_its_input() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let host = SshServer::new().shell("/nowhere").start();
    let connection = Operator::trusting([&host]).open(&host).await.unwrap();
    let running = connection.start(&format!("cat; echo gone > {}", pipe.display()), nothing()).await.unwrap();
    drop(running);
    assert_eq!(tokio::task::spawn_blocking(move || fs::read(pipe)).await.unwrap().unwrap(), b"gone\n");
}

#[tokio::test]
async fn a_command_that_does_not_read_its_input_still_ends() {
    let host = SshServer::new().shell("/nowhere").start();
    let connection = Operator::trusting([&host]).open(&host).await.unwrap();
    let running = connection.start("exit 7", Secret::new(vec![0; 8 << 20])).await.unwrap();
    assert_eq!(running.wait().await, Outcome::Exited(7));
}

#[tokio::test]
async fn output_that_nobody_takes_does_not_stall_the_others() {
    let host = SshServer::new().shell("/nowhere").start();
    let connection = Operator::trusting([&host]).open(&host).await.unwrap();
    let loud = connection.start("head -c 33554432 /dev/zero", nothing()).await.unwrap();
    for _ in 0..20 {
        assert_eq!(connection.start("true", nothing()).await.unwrap().wait().await, Outcome::Exited(0));
    }
    let (out, _, outcome) = finish(loud).await;
    assert_eq!((out.len(), outcome), (32 << 20, Outcome::Exited(0)));
}

#[tokio::test]
async fn endless_output_that_nobody_takes_is_given_up() {
    let host = SshServer::new().shell("/nowhere").start();
    let connection = Operator::trusting([&host]).open(&host).await.unwrap();
    let running = connection.start("exec cat /dev/zero", nothing()).await.unwrap();
    let cause = "more than 64 MiB of output waited to be read".to_owned();
    // Its task tells how it ended while all the output still waits.
    let waiting = connection.traffic().bytes_received;
    assert!(waiting <= 65 << 20);
    while connection.traffic().bytes_received < 64 << 20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(running.wait().await, Outcome::Lost { cause });
    assert_eq!(connection.start("true", nothing()).await.unwrap().wait().await, Outcome::Exited(0));
}

#[tokio::test]
async fn five_run_at_once_and_the_sixth_waits() {
    let host = SshServer::new().shell("/nowhere").max_sessions(5).start();
    let connection = Operator::trusting([&host]).open(&host).await.unwrap();
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(connection.start("cat", nothing()).await.unwrap());
    }
    let sixth = connection.start("true", nothing());
    let (sixth, ()) = tokio::join!(sixth, async {
        tokio::task::yield_now().await;
        assert_eq!(connection.traffic().round_trips, 5, "the sixth was not even asked for");
        assert_eq!(held.remove(0).wait().await, Outcome::Exited(0));
    });
    assert_eq!(sixth.unwrap().wait().await, Outcome::Exited(0));
    assert_eq!(connection.traffic().round_trips, 6);
}

#[tokio::test]
async fn dropped_commands_that_run_on_give_their_places_back() {
    let host = SshServer::new().shell("/nowhere").start();
    let connection = Operator::trusting([&host]).open(&host).await.unwrap();
    for _ in 0..5 {
        drop(connection.start("exec tail -f /dev/null", nothing()).await.unwrap());
    }
    let sixth = tokio::time::timeout(Duration::from_secs(30), connection.start("true", nothing()));
    assert_eq!(sixth.await.unwrap().unwrap().wait().await, Outcome::Exited(0));
}

#[tokio::test]
async fn an_abandoned_start_leaves_no_channel_behind() {
    let host = SshServer::new().shell("/nowhere").max_sessions(5).start();
    let connection = Operator::trusting([&host]).open(&host).await.unwrap();
    for _ in 0..10 {
        tokio::select! {
            biased;
            running = connection.start("cat", nothing()) => drop(running),
            () = tokio::task::yield_now() => {}
        }
    }
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(connection.start("cat", nothing()).await.unwrap());
    }
    for running in held {
        assert_eq!(running.wait().await, Outcome::Exited(0));
    }
}

#[tokio::test]
async fn a_refused_channel_is_asked_for_again() {
    let host = SshServer::new().refuses_channels(2).start();
    let connection = Operator::trusting([&host]).open(&host).await.unwrap();
    assert_eq!(connection.start("true", nothing()).await.unwrap().wait().await, Outcome::Exited(0));
    let expected = Traffic { round_trips: 3, commands: 1, bytes_sent: 4, bytes_received: 0 };
    assert_eq!(connection.traffic(), expected);
    assert_eq!(host.commands(), ["true"]);
}

#[tokio::test]
async fn channels_that_are_always_refused_are_an_error() {
    let host = SshServer::new().max_sessions(0).start();
    let mut operator = Operator::trusting([&host]);
    operator.patience.channel = Duration::from_millis(100);
    let connection = operator.open(&host).await.unwrap();
    let error = connection.start("true", nothing()).await.unwrap_err();
    assert_eq!(error, ChannelError::NoChannel { host: "w1".to_owned(), cause: "ConnectFailed".to_owned() });
    assert_eq!(connection.traffic().commands, 0);
}

#[tokio::test]
async fn a_host_that_runs_no_commands_says_so() {
    let host = SshServer::new().refuses_commands().start();
    let connection = Operator::trusting([&host]).open(&host).await.unwrap();
    let error = connection.start("true", nothing()).await.unwrap_err();
    assert_eq!(error, ChannelError::NoCommands { host: "w1".to_owned() });
}
