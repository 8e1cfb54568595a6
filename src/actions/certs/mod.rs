//! `forge certs`: the cluster's certificates.

mod list;
mod renew;
mod rotate_ca;

pub use list::list;
pub use renew::renew;
pub use rotate_ca::rotate_ca;
