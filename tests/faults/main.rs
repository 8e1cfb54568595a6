//! What goes wrong, and what a person then reads: the program itself against machines that misbehave.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "test code")]

mod addons;
mod audit;
mod escapes;
mod fake_host;
mod garbled;
mod guarded;
mod host_keys;
mod interrupts;
mod locks;
mod logins;
mod losses;
mod memory;
mod operator;
mod preflight;
mod second_run;
#[path = "../support/mod.rs"]
mod support;
mod whole_run;
