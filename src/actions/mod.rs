//! What forge does, one file per command, each a table of contents.
