//! What a machine is asked and told: resources, facts, batches.
