//! The cipher suites of every TLS server of the control plane and of the kubelet (CIS 1.2.29, 4.2.12).
//!
//! Only TLS 1.2 suites can be chosen; Go picks those of 1.3 itself. At least one `AES_128_GCM` has to stay, or Go's HTTP/2
//! servers refuse to start. The ChaCha suites are written without `_SHA256`, an alias that Kubernetes still accepts and the
//! only spelling that kube-bench knows for the kubelet.

/// For `tls-cipher-suites` and `tlsCipherSuites`.
pub(super) const KUBERNETES: [&str; 6] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
];

/// The same suites under Go's names, which is what etcd wants.
pub(super) const ETCD: [&str; 6] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];
