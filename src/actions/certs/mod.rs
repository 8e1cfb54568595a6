//! `forge certs`: the cluster's certificates.

mod list;
mod renew;

pub use list::list;
pub use renew::renew;
