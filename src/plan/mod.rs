//! The step graph and what runs it.
