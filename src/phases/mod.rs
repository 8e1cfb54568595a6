//! What a host or the cluster should have, one small file per phase: facts in, steps out.
