//! Shell that more than one of our scripts needs.

/// Defines `last_words`, which prints the last line of a log on standard input, or a Go program's panic in place of its trace.
macro_rules! last_words {
    () => {
        r#"last_words() {
awk '/^panic: / {panic = $0} NF {last = $0} END {print (panic == "" ? last : panic)}'
}
"#
    };
}

/// Defines `signs_with MANIFEST CERTIFICATE`: the controller manager signs with that certificate. Its file has to hold exactly
/// one (`setCA` in `pkg/controller/certificates/signer/ca_provider.go`), so it is one of its own while two authorities are trusted.
macro_rules! signs_with {
    () => {
        r#"signs_with() { sed -i "s|--cluster-signing-cert-file=.*|--cluster-signing-cert-file=$2|" "$1"; }
"#
    };
}

pub(super) use {last_words, signs_with};
