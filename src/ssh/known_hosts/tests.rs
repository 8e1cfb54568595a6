use super::*;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICS+PBPbV0K9VgmPHbMy3ge5dOQ1yVq5GDzkySjYhGzs";
const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICQ7dDLhBOI9WF9dpPIPzZJp0dL8q9g8cONupaSPI9A9";
const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPLMZkT0r9n0+u+pRozsIEsNZ1O2f1vV\
    IvhEafpWzwaoCPp6JKDhxzwFYN0caSqrABw/BiJrPAmnHO+I497Javw=";
/// `h` and `[h]:2222`, as `ssh-keygen -H` hashed them.
const HASHED: &str = "|1|sVnIROfjTI1x0CM2R9gpePR99nw=|nwVYJXvYXRlS0e0tLYX4njR/hR8=";
const HASHED_PORT: &str = "|1|xBB9XuOVc6yXb/A428O/YOHB4AI=|KYqzzJIWiGfyAjICrY22HAXuCtQ=";

fn key(text: &str) -> HostKey {
    let (kind, base64) = text.split_once(' ').unwrap();
    HostKey::parse(kind, base64).unwrap()
}

fn file(text: &str) -> KnownHosts {
    KnownHosts { path: PathBuf::new(), pins: parse(text) }
}

/// A file on disk with this text.
fn on_disk(text: &str) -> (tempfile::TempDir, KnownHosts) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    fs::write(&path, text).unwrap();
    let known_hosts = KnownHosts::load(&path).unwrap();
    (folder, known_hosts)
}

#[test]
fn the_key_of_h() {
    use Verdict::{Changed, Revoked, Trusted, Unknown};
    let table = [
        ("nothing", String::new(), Unknown),
        ("plain", format!("h {KEY}"), Trusted),
        ("a comment behind the key", format!("h {KEY} root@h # new"), Trusted),
        ("another host", format!("other {KEY}"), Unknown),
        ("another port", format!("[h]:2222 {KEY}"), Unknown),
        ("one of several names", format!("10.0.0.1,h {KEY}"), Trusted),
        ("hashed", format!("{HASHED} {KEY}"), Trusted),
        ("hashed with a port", format!("{HASHED_PORT} {KEY}"), Unknown),
        ("hashed badly", format!("|1|?|? {KEY}"), Unknown),
        ("wildcard", format!("h* {KEY}"), Trusted),
        ("wildcard for one letter", format!("? {KEY}"), Trusted),
        ("wildcard, this host excepted", format!("*,!h {KEY}"), Unknown),
        ("negation only", format!("!other {KEY}"), Unknown),
        ("another key", format!("h {OTHER}"), Changed { line: 1 }),
        ("another key behind comments", format!("# one\n\n# three\nh {OTHER}"), Changed { line: 4 }),
        ("several keys, the second right", format!("h {OTHER}\nh {KEY}"), Trusted),
        ("several keys, none right", format!("x {KEY}\nh {OTHER}\nh {ECDSA}"), Changed { line: 2 }),
        ("a key of another type only", format!("h {ECDSA}"), Changed { line: 1 }),
        ("revoked", format!("@revoked h {KEY}"), Revoked { line: 1 }),
        ("revoked behind being pinned", format!("h {KEY}\n@revoked * {KEY}"), Revoked { line: 2 }),
        ("another key revoked", format!("@revoked h {OTHER}\nh {KEY}"), Trusted),
        ("only another key revoked", format!("@revoked h {OTHER}"), Unknown),
        ("certificate authority with the same key", format!("@cert-authority h {KEY}"), Unknown),
        ("certificate authority beside the key", format!("@cert-authority h {OTHER}\nh {KEY}"), Trusted),
        ("unknown marker", format!("@trusted h {KEY}"), Unknown),
        ("tabs", format!("h\t{}", KEY.replace(' ', "\t")), Trusted),
        ("spaces in front", format!("   h   {KEY}"), Trusted),
        ("carriage returns", format!("h {KEY}\r\n"), Trusted),
        ("upper case", format!("H {KEY}"), Trusted),
        ("unknown key type in front", format!("h ssh-quantum AAAA\nh {KEY}"), Trusted),
        ("unknown key type only", "h ssh-quantum AAAA".to_owned(), Unknown),
        ("broken key in front", format!("h ssh-ed25519 AAAA!\nh {KEY}"), Trusted),
        ("SSH 1", "h 1024 35 1234567890".to_owned(), Unknown),
        ("half a line", "h".to_owned(), Unknown),
        ("a comment that looks like a line", format!("#h {OTHER}"), Unknown),
    ];
    for (what, text, expected) in table {
        assert_eq!(file(&text).check("h", 22, &key(KEY)), expected, "{what}");
    }
}

#[test]
fn ports_and_cases_of_the_address_asked_for() {
    let known_hosts =
        file(&format!("[h]:2222 {KEY}\n{HASHED_PORT} {ECDSA}\n[2001:db8::1]:2222 {KEY}\n2001:db8::2 {KEY}"));
    assert_eq!(known_hosts.check("H", 2222, &key(KEY)), Verdict::Trusted);
    assert_eq!(known_hosts.check("H", 2222, &key(ECDSA)), Verdict::Trusted);
    assert_eq!(known_hosts.check("h", 2223, &key(KEY)), Verdict::Unknown);
    assert_eq!(known_hosts.check("2001:db8::1", 2222, &key(KEY)), Verdict::Trusted);
    assert_eq!(known_hosts.check("2001:db8::2", 22, &key(KEY)), Verdict::Trusted);
}

#[test]
fn pinned_types_are_asked_for_and_revoked_ones_are_not() {
    let known_hosts = file(&format!("h {ECDSA}\n@revoked h {KEY}\n@cert-authority h {KEY}"));
    assert_eq!(known_hosts.kinds("h", 22), [key(ECDSA).kind()]);
}

#[test]
fn a_missing_file_pins_nothing_and_is_created_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    let mut known_hosts = KnownHosts::load(&path).unwrap();
    assert_eq!(known_hosts.check("h", 2222, &key(KEY)), Verdict::Unknown);
    known_hosts.append("h", 2222, &key(KEY)).unwrap();
    assert_eq!(known_hosts.check("h", 2222, &key(KEY)), Verdict::Trusted);
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("[h]:2222 {KEY}\n"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_folder_is_no_known_hosts() {
    assert!(KnownHosts::load(tempfile::tempdir().unwrap().path()).is_err());
}

#[test]
fn appending_keeps_what_is_there() {
    let (_folder, mut known_hosts) = on_disk("# ours\nh broken");
    fs::set_permissions(known_hosts.path(), fs::Permissions::from_mode(0o644)).unwrap();
    known_hosts.append("h", 22, &key(KEY)).unwrap();
    assert_eq!(fs::read_to_string(known_hosts.path()).unwrap(), format!("# ours\nh broken\nh {KEY}\n"));
    assert_eq!(fs::metadata(known_hosts.path()).unwrap().permissions().mode() & 0o777, 0o644);
}

#[test]
fn a_link_stays_a_link() {
    let (folder, known_hosts) = on_disk("");
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(known_hosts.path(), &link).unwrap();
    KnownHosts::load(&link).unwrap().append("h", 22, &key(KEY)).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(known_hosts.path()).unwrap(), format!("h {KEY}\n"));
}

#[test]
fn replacing_takes_away_this_host_and_type_only() {
    let before = format!(
        "# ours\nh {OTHER}\nh {ECDSA}\nother {OTHER}\nh,10.0.0.1 {OTHER} comment\n{HASHED} {OTHER}\n@revoked h {OTHER}\n\
         h* {OTHER}\n"
    );
    let after = format!(
        "# ours\nh {ECDSA}\nother {OTHER}\n10.0.0.1 {OTHER} comment\n@revoked h {OTHER}\nh* {OTHER}\nh {KEY}\n"
    );
    let (_folder, mut known_hosts) = on_disk(&before);
    known_hosts.replace("h", 22, &key(KEY)).unwrap();
    assert_eq!(fs::read_to_string(known_hosts.path()).unwrap(), after);
    assert_eq!(known_hosts.check("h", 22, &key(KEY)), Verdict::Trusted);
    assert!(matches!(known_hosts.check("h", 22, &key(OTHER)), Verdict::Revoked { .. }));
}
