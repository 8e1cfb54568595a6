//! Where encrypted objects are: which of etcd's keys belong to which resource, what their values begin with, and how one is
//! written again.

use std::fmt::Write as _;

/// One resource whose objects are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What its keys in etcd begin with.
    pub prefix: String,
    /// `v1`, `apps/v1`.
    pub api_version: String,
    /// `Secret`.
    pub kind: String,
    /// Whether the namespace is part of the key.
    pub namespaced: bool,
}

/// Shell that writes what [`places`] reads into `$FORGE.resources`: every resource that can be listed and patched, then every
/// custom one. An aggregated API that is away keeps kubectl from telling all, but what it serves is not in this etcd.
pub const RESOURCES: &str = "kubectl api-resources --no-headers --verbs=list,patch >\"$FORGE.resources\" || true\n\
    kubectl get customresourcedefinitions -o name >>\"$FORGE.resources\"";

/// The places of `resources` (as an encryption configuration names them: `secrets`, `widgets.example.com`, `*.apps`, `*.`,
/// `*.*`) among those that the API server has. What it has not, it has no objects of.
pub fn places(resources: &[String], discovered: &str) -> Vec<Place> {
    let custom: Vec<&str> = discovered
        .lines()
        .filter_map(|line| line.strip_prefix("customresourcedefinition.apiextensions.k8s.io/"))
        .collect();
    let mut found: Vec<Place> = Vec::new();
    for line in discovered.lines() {
        // NAME SHORTNAMES APIVERSION NAMESPACED KIND, of which the second may be missing.
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, .., version, namespaced, kind] = words[..] else { continue };
        let group = version.rsplit_once('/').map_or("", |(group, _)| group);
        if !resources.iter().any(|resource| names(resource, name, group)) {
            continue;
        }
        let place = Place {
            prefix: prefix(name, group, &custom),
            api_version: version.to_owned(),
            kind: kind.to_owned(),
            namespaced: namespaced == "true",
        };
        // Events are served by two groups and stored once.
        if found.iter().all(|other| other.prefix != place.prefix) {
            found.push(place);
        }
    }
    found
}

/// Whether an element of an encryption configuration means this resource.
fn names(element: &str, name: &str, group: &str) -> bool {
    match element.split_once('.') {
        None => element == name && group.is_empty(),
        Some(("*", "*")) => true,
        Some(("*", wanted)) => wanted == group,
        Some((resource, wanted)) => resource == name && wanted == group,
    }
}

/// Custom resources are stored below their group, those of Kubernetes itself are not; and six have names of their own
/// (`pkg/kubeapiserver/default_storage_factory_builder.go`, `SpecialDefaultResourcePrefixes`).
fn prefix(name: &str, group: &str, custom: &[&str]) -> String {
    let below_group = ["apiextensions.k8s.io", "apiregistration.k8s.io"].contains(&group)
        || custom.contains(&format!("{name}.{group}").as_str());
    let path = match (name, group) {
        _ if below_group => format!("{group}/{name}"),
        ("replicationcontrollers", "") => "controllers".to_owned(),
        ("endpoints", "") => "services/endpoints".to_owned(),
        ("nodes", "") => "minions".to_owned(),
        ("services", "") => "services/specs".to_owned(),
        ("ingresses", "networking.k8s.io") => "ingress".to_owned(),
        _ => name.to_owned(),
    };
    format!("/registry/{path}/")
}

/// The places as [`SCAN`] reads them, one a line.
pub fn table(places: &[Place]) -> String {
    places.iter().fold(String::new(), |mut text, Place { prefix, api_version, kind, namespaced }| {
        let _ = writeln!(text, "{prefix} {api_version} {kind} {namespaced}");
        text
    })
}

/// Shell that defines `scan WANTED PLACES OUTPUT`. It reads everything that etcd holds, a page at a time and of each value
/// no more than what it begins with, and writes into the folder OUTPUT:
///
/// - `left.N` for N below 8, evenly: for each object in PLACES whose value does not begin with WANTED, its identity as JSON;
/// - `keys`: the same by their keys in etcd;
/// - `strangers`: keys elsewhere whose values are encrypted with another key than WANTED;
/// - `counts`: how many objects PLACES hold, and how many keys etcd holds.
///
/// A page of small objects is made larger, up to 6400, since asking costs as much as reading a thousand of them; above 32 MB,
/// which etcd has to hold meanwhile, it is halved.
///
/// An empty WANTED stands for plaintext. `-w fields` prints a value in one line, in which a byte that is not ASCII is
/// escaped, and ends with whether there is more: an answer without it was cut off. An object's contents never leave awk.
pub const SCAN: &str = r#"scan() {
find_etcd
from=/registry/ more=true limit=200; rm -rf "$3"; mkdir "$3"
while [ "$more" = true ]; do
in_etcd get "$from" /registry0 --limit="$limit" -w fields | WANTED=$1 PLACES=$2 FROM=$from FOLDER=$3 LC_ALL=C awk '
FILENAME == ENVIRON["PLACES"] { n++; prefix[n] = $1; api[n] = $2; kind[n] = $3; spaced[n] = $4; next }
{ size += length($0) }
/^"Key" : "/ { key = substr($0, 10, length($0) - 10); last = key; next }
/^"More" : / { more = $3; next }
!/^"Value" : "/ || (key == ENVIRON["FROM"] && key != "/registry/") { next }
{
  value = substr($0, 12, 400); all++
  encrypted = index(value, "k8s:enc:") == 1
  good = ENVIRON["WANTED"] == "" ? !encrypted : index(value, ENVIRON["WANTED"]) == 1
  for (place = n; place > 0; place--) if (index(key, prefix[place]) == 1) break
  if (place) objects++
  if (good) next
  if (!place) { if (encrypted) print key >>(ENVIRON["FOLDER"] "/strangers"); next }
  print key >>(ENVIRON["FOLDER"] "/keys")
  name = substr(key, length(prefix[place]) + 1); space = ""
  if (spaced[place] == "true") { slash = index(name, "/"); space = substr(name, 1, slash - 1); name = substr(name, slash + 1) }
  printf "{\"apiVersion\":\"%s\",\"kind\":\"%s\",\"metadata\":{\"namespace\":\"%s\",\"name\":\"%s\"}}\n", api[place], kind[place], space, name >>(ENVIRON["FOLDER"] "/left." (all % 8))
}
END { print objects + 0, all + 0 >>(ENVIRON["FOLDER"] "/counts"); printf "%s %d\n%s\n", more, size, last }' "$2" - >"$3/next"
{ read -r more size; read -r next; } <"$3/next"
case $more in true | false) ;; *) echo "etcd did not end its answer to what begins at $from"; return 1 ;; esac
[ "$more" != true ] || [ "$next" != "$from" ] || { echo "etcd repeats itself at $from"; return 1; }
if [ "$size" -gt 32000000 ]; then limit=$((limit / 2 + 1)); elif [ "$limit" -lt 4000 ]; then limit=$((limit * 2)); fi
from=$next
done
}"#;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const DISCOVERED: &str = "\
configmaps                          cm           v1                                true         ConfigMap
endpoints                           ep           v1                                true         Endpoints
nodes                               no           v1                                false        Node
secrets                                          v1                                true         Secret
deployments                         deploy       apps/v1                           true         Deployment
events                              ev           v1                                true         Event
events                              ev           events.k8s.io/v1                  true         Event
ingresses                           ing          networking.k8s.io/v1              true         Ingress
widgets                                          example.com/v1                    true         Widget
gateways                                         gateway.networking.k8s.io/v1      true         Gateway
customresourcedefinition.apiextensions.k8s.io/widgets.example.com
customresourcedefinition.apiextensions.k8s.io/gateways.gateway.networking.k8s.io
";

    fn prefixes(resources: &[&str]) -> Vec<String> {
        let resources: Vec<String> = resources.iter().map(|resource| (*resource).to_owned()).collect();
        places(&resources, DISCOVERED).into_iter().map(|place| place.prefix).collect()
    }

    #[test]
    fn every_way_to_name_resources_leads_to_their_keys_in_etcd() {
        assert_eq!(prefixes(&["secrets"]), ["/registry/secrets/"]);
        assert_eq!(
            prefixes(&["secrets", "widgets.example.com", "deployments.apps", "gone.example.com"]),
            ["/registry/secrets/", "/registry/deployments/", "/registry/example.com/widgets/"]
        );
        assert_eq!(
            prefixes(&["*."]),
            [
                "/registry/configmaps/",
                "/registry/services/endpoints/",
                "/registry/minions/",
                "/registry/secrets/",
                "/registry/events/"
            ]
        );
        assert_eq!(prefixes(&["*.networking.k8s.io"]), ["/registry/ingress/"]);
        assert_eq!(prefixes(&["*.*"]).len(), 9);
        assert_eq!(
            table(&places(&["secrets".to_owned(), "nodes".to_owned()], DISCOVERED)),
            "/registry/minions/ v1 Node false\n/registry/secrets/ v1 Secret true\n"
        );
    }

    /// Runs the scan against an etcd of these keys and values, two to a page.
    fn scanned(wanted: &str, values: &[(&str, &str)]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let fields = |values: &[(&str, &str)], more: bool| {
            let pairs: String = values
                .iter()
                .map(|(key, value)| {
                    format!("\"Key\" : \"{key}\"\n\"ModRevision\" : 7\n\"Value\" : \"{value}\"\n\"Lease\" : 0\n")
                })
                .collect();
            format!("\"Revision\" : 9\n{pairs}\"More\" : {more}\n\"Count\" : {}\n", values.len())
        };
        let mut start = 0;
        while start < values.len() {
            let page = &values[start..values.len().min(start + 2)];
            let from = if start == 0 { "/registry/" } else { page[0].0 };
            let more = start + 2 < values.len();
            std::fs::write(folder.path().join(from.replace('/', "_")), fields(page, more)).unwrap();
            start += 1;
            if !more {
                break;
            }
        }
        let places = places(&["secrets".to_owned(), "nodes".to_owned()], DISCOVERED);
        std::fs::write(folder.path().join("places"), table(&places)).unwrap();
        let script = format!(
            "set -eu\nfind_etcd() {{ :; }}\nin_etcd() {{ cat \"$(printf %s \"$2\" | tr / _)\"; }}\n{SCAN}\n\
             scan '{wanted}' places out\nfor file in keys strangers; do echo \"$file:\"; cat out/$file || true; done\n\
             cat out/left.* | sort\n\
             awk '{{objects += $1; all += $2}} END {{print objects, all}}' out/counts"
        );
        let output = Command::new("sh").arg("-c").arg(script).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    const VALUES: &[(&str, &str)] = &[
        ("/registry/apps/x", r"k8s\x00plain"),
        ("/registry/configmaps/a/b", r"k8s:enc:secretbox:v1:key-old:\x01"),
        ("/registry/minions/n1", r"k8s:enc:secretbox:v1:key-old:\x01"),
        ("/registry/secrets/a/new", r"k8s:enc:secretbox:v1:key-new:\xff"),
        ("/registry/secrets/a/newer", r"k8s:enc:secretbox:v1:key-newer:\xff"),
        ("/registry/secrets/a/old", r"k8s:enc:secretbox:v1:key-old:\x01"),
        ("/registry/secrets/b/plain", r"k8s\x00\n\f\n\x02v1"),
    ];

    #[test]
    fn the_scan_names_every_object_that_is_not_under_the_key_and_reads_each_once() {
        assert_eq!(
            scanned("k8s:enc:secretbox:v1:key-new:", VALUES),
            r#"keys:
/registry/minions/n1
/registry/secrets/a/newer
/registry/secrets/a/old
/registry/secrets/b/plain
strangers:
/registry/configmaps/a/b
{"apiVersion":"v1","kind":"Node","metadata":{"namespace":"","name":"n1"}}
{"apiVersion":"v1","kind":"Secret","metadata":{"namespace":"a","name":"newer"}}
{"apiVersion":"v1","kind":"Secret","metadata":{"namespace":"a","name":"old"}}
{"apiVersion":"v1","kind":"Secret","metadata":{"namespace":"b","name":"plain"}}
5 7
"#
        );
    }

    #[test]
    fn an_answer_that_was_cut_off_proves_nothing() {
        let cut = format!(
            "set -eu\nfind_etcd() {{ :; }}\nin_etcd() {{ echo '\"Key\" : \"/registry/a\"'; false; }}\n{SCAN}\n: >places\nscan '' places out"
        );
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new("sh").arg("-c").arg(cut).current_dir(folder.path()).output().unwrap();
        assert!(!output.status.success());
        assert_eq!(output.stdout, b"etcd did not end its answer to what begins at /registry/\n");
    }

    #[test]
    fn for_plaintext_everything_that_is_encrypted_is_left() {
        let said = scanned("", VALUES);
        assert!(said.contains("/registry/secrets/a/new\n") && !said.contains("b/plain\n"), "{said}");
    }
}
