//! Events and the three ways to show them.
