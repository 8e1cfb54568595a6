//! Certificates as forge shows them. They were made by `tests/fixtures/certificates/make.sh`.

use forge::kube::certificates;

fn file(name: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/fixtures/certificates/{name}.pem", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn a_bundle_is_read_in_order_and_other_blocks_are_skipped() {
    let other = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    let bundle = format!("{}{other}{}", file("apiserver"), file("ca"));
    insta::assert_snapshot!(serde_json::to_string_pretty(&certificates::parse(&bundle).unwrap()).unwrap(), @r#"
    [
      {
        "subject": "CN=kube-apiserver",
        "issuer": "CN=kubernetes",
        "sans": [
          "cp1",
          "api.prod.example",
          "10.0.0.11",
          "fd00::11"
        ],
        "key": "ECDSA P-256",
        "serial": "0c",
        "notBefore": 1795472381,
        "notAfter": 1827008381
      },
      {
        "subject": "CN=kubernetes",
        "issuer": "CN=kubernetes",
        "sans": [],
        "key": "ECDSA P-256",
        "serial": "0a:1b",
        "notBefore": 1795472381,
        "notAfter": 2110832381
      }
    ]
    "#);
}

#[test]
fn what_holds_no_certificate_is_refused() {
    let damaged = file("ca").replace("MII", "AII");
    let told: Vec<_> = ["", "no pem", &file("ca")[..80], &damaged]
        .iter()
        .map(|text| certificates::parse(text).unwrap_err().to_string())
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    there is no certificate in it
    there is no certificate in it
    the PEM is damaged: incomplete PEM
    a certificate cannot be read: Parsing Error: Der(UnexpectedTag { expected: Some(Tag(16)), actual: Tag(0) })
    ");
}
