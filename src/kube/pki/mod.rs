//! The certificates of a node: where they are, who keeps them, who uses them, and what is wrong with them.

mod judge;
mod node;
mod places;
pub mod rotation;
mod sans;

pub use judge::{Due, Wanted, broken, days_left, due, ended_authority, is_broken, notes, stale};
pub use node::{File, Node, read};
pub use places::{Component, Keeper, PLACES, Place};
pub use sans::api_server_sans;

/// Seconds of a day.
const DAY: i64 = 86_400;
