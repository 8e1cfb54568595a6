//! The only user of russh: connections, host keys, logins, and what is counted on the wire.
