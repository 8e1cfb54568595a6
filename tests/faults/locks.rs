//! One run at a time: the second is told who holds the lock, and the lock goes with its holder.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::fake_host::{FakeHost, Machine};
use crate::operator::Operator;

/// A machine with a real shell, whose sudo runs everything with a `/run` and a `/usr/local/sbin` of its own. While it is
/// asked how many processors it has, it says so to `asked` and waits for `answer`.
fn real_shell(folder: &Path) -> Machine {
    for name in ["run", "sbin", "bin"] {
        fs::create_dir(folder.join(name)).unwrap();
    }
    for fifo in ["asked", "answer"] {
        assert!(Command::new("mkfifo").arg(folder.join(fifo)).status().unwrap().success());
    }
    let program = |path: &str, text: String| {
        fs::write(folder.join(path), format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(folder.join(path), fs::Permissions::from_mode(0o755)).unwrap();
    };
    let here = folder.display();
    program("sbin/systemctl", "exit 0".to_owned());
    program("sbin/nproc", format!("echo asked >{here}/asked; cat {here}/answer"));
    program(
        "bin/sudo",
        format!(
            "shift\nexec unshare --mount sh -c 'mount --bind {here}/sbin /usr/local/sbin && mount --bind {here}/run /run \
             && exec \"$@\"' sh \"$@\""
        ),
    );
    FakeHost::cp1().with_a_real_shell(&folder.join("bin"))
}

#[test]
fn a_second_run_is_told_who_holds_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let cp1 = real_shell(folder.path());
    let operator = Operator::trusting(&[&cp1]).user("ops");
    let first = operator.begins(&["up", "--yes"]);
    // Blocks until the first run has the lock and asks.
    assert_eq!(fs::read_to_string(folder.path().join("asked")).unwrap(), "asked\n");

    let second = operator.forge(&["up", "--yes"]);
    let holder = fs::read_to_string(folder.path().join("run/forge/holder")).unwrap();
    let holder = holder.lines().next().unwrap();
    assert!(holder.contains(&format!("process {}, since ", first.id())), "{holder}");
    assert_eq!(
        second.errors(),
        format!(
            "exit 7\nerror: cp1 is locked by another run\n  cause: {holder}\n  next:  wait until that run has ended; the lock \
             goes with its connection, within two minutes when its machine is gone"
        )
    );

    fs::write(folder.path().join("answer"), "2\n").unwrap();
    let first = operator.ends(first);
    assert_ne!(first.code, Some(7), "{}", first.stderr);
    let third = operator.begins(&["up", "--yes"]);
    assert_eq!(fs::read_to_string(folder.path().join("asked")).unwrap(), "asked\n", "the lock is free again");
    fs::write(folder.path().join("answer"), "2\n").unwrap();
    assert_ne!(operator.ends(third).code, Some(7));
}

#[test]
fn a_run_that_is_killed_leaves_no_lock_behind() {
    let folder = tempfile::tempdir().unwrap();
    let cp1 = real_shell(folder.path());
    let operator = Operator::trusting(&[&cp1]).user("ops");
    let mut first = operator.begins(&["up", "--yes"]);
    assert_eq!(fs::read_to_string(folder.path().join("asked")).unwrap(), "asked\n");
    fs::write(folder.path().join("answer"), "2\n").unwrap();
    first.kill().unwrap();
    first.wait().unwrap();
    // Comes back as soon as the machine has noticed.
    let lock = folder.path().join("run/forge/lock");
    assert!(Command::new("flock").args(["-w", "60"]).arg(lock).arg("true").status().unwrap().success());
    let second = operator.begins(&["up", "--yes"]);
    assert_eq!(fs::read_to_string(folder.path().join("asked")).unwrap(), "asked\n");
    fs::write(folder.path().join("answer"), "2\n").unwrap();
    let second = operator.ends(second);
    assert_ne!(second.code, Some(7), "{}", second.stderr);
}

/// Takes the host's lock as a run does that `process` began, until the returned file is dropped.
fn held_by(folder: &Path, process: &str) -> fs::File {
    let forge = folder.join("run/forge");
    fs::create_dir_all(&forge).unwrap();
    fs::write(forge.join("holder"), format!("forge up by ops on desk\n{process}\n0123456789abcdef\n")).unwrap();
    let lock = fs::File::create(forge.join("lock")).unwrap();
    lock.lock().unwrap();
    lock
}

#[test]
fn a_run_that_has_ended_and_whose_host_has_not_noticed_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let cp1 = real_shell(folder.path());
    let operator = Operator::trusting(&[&cp1]).user("ops");
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let mut ended = Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    let lock = held_by(folder.path(), &format!("{} {} 1", boot.trim(), ended.id()));
    let mut forge = operator.begins(&["up", "--yes"]);
    let mut stderr = BufReader::new(forge.stderr.take().unwrap());
    let mut said = String::new();
    stderr.read_line(&mut said).unwrap();
    assert_eq!(said, "cp1: waiting for the lock of a run that has ended: forge up by ops on desk\n");
    drop(lock);
    assert_eq!(fs::read_to_string(folder.path().join("asked")).unwrap(), "asked\n", "it goes on");
    fs::write(folder.path().join("answer"), "2\n").unwrap();
    assert_ne!(operator.ends(forge).code, Some(7));
}

#[test]
fn a_run_of_another_machine_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let cp1 = real_shell(folder.path());
    let _lock = held_by(folder.path(), "another-boot 4711 99");
    let outcome = Operator::trusting(&[&cp1]).user("ops").forge(&["up", "--yes"]);
    assert!(
        outcome.errors().starts_with("exit 7\nerror: cp1 is locked by another run\n  cause: forge up by ops on desk\n")
    );
}
