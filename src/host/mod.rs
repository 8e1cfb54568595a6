//! What a machine is asked and told: resources, facts, batches.

mod before;
pub mod facts;
pub mod frames;
pub mod guard;
pub mod lock;
pub(crate) mod parts;
pub mod remote;
pub mod resource;
pub mod script;

pub use facts::Observed;
pub use guard::Guard;
pub use remote::{Fleet, Remote};
pub use resource::{Difference, Resource};
pub use script::{Script, quote};
