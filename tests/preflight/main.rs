//! Preflight: what hosts are asked, and what is made of their answers.

#![allow(clippy::unwrap_used, unreachable_pub)]

mod belonging;
mod falco;
mod fixture;
mod machines;
mod network;
mod packages;
mod shell;
mod sshd_config;
mod way_in;
