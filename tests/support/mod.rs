//! What the integration tests share.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "test code; each test crate uses its part of it")]

pub mod ssh_server;
