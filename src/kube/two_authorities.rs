//! What has to be told apart while two authorities are trusted, because their files then hold two certificates.

use super::shell::signs_with;

/// Shell that defines
///
/// - `trust KUBECONFIG CERTIFICATES`: the kubeconfig trusts all that the file holds. kubeadm itself puts only the first one into
///   a kubeconfig (`kubeConfigReadWriter` in `cmd/kubeadm/app/phases/certs/renewal/readwriter.go`).
/// - `signs_with MANIFEST CERTIFICATE`: the controller manager signs with that certificate.
pub const TWO_AUTHORITIES: &str = concat!(
    signs_with!(),
    r#"trust() {
data=$(base64 -w0 <"$2")
rm -f "$1.forge-new"
(umask 077; sed "s|^\( *certificate-authority-data: \).*|\1$data|" "$1" >"$1.forge-new")
grep -q -F -- "$data" "$1.forge-new" || { echo "$1 has no certificate-authority-data"; rm -f "$1.forge-new"; return 1; }
sync "$1.forge-new"
mv -f "$1.forge-new" "$1"
}"#
);
