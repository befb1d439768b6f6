// SPDX-License-Identifier: GPL-2.0

//! `exitstat export --web.config.file`, queried by curl and Prometheus, with certificates from openssl.

mod common;
mod prometheus;

use prometheus::{contrib, exitstat, exporter, exporter_with_messages, number, run, Prometheus};
use std::{fs, net::SocketAddr, path::Path, process::Command};

/// bcrypt hash of "secret" with few rounds, created by libxcrypt.
const HASH: &str = "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

/// Creates certificates of an authority, of a server at 127.0.0.1, and of a client.
fn certificates(directory: &Path) {
    let openssl = |arguments: &[&str]| {
        let mut command = Command::new("openssl");
        let done = run(command.current_dir(directory).args(arguments));
        assert!(done.status.success(), "{done:?}");
    };
    let new_key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ];
    let authority = ["req", "-x509", "-subj", "/CN=authority", "-days", "2"];
    openssl(
        &[
            &authority[..],
            &new_key,
            &["-keyout", "ca.key", "-out", "ca.crt"],
        ]
        .concat(),
    );
    for (name, extensions) in [
        ("server", "subjectAltName=IP:127.0.0.1"),
        ("renewed", "subjectAltName=IP:127.0.0.1"),
        ("client", "extendedKeyUsage=clientAuth"),
    ] {
        let of = |end: &str| format!("{name}.{end}");
        let (key, csr, crt, ext) = (of("key"), of("csr"), of("crt"), of("ext"));
        fs::write(directory.join(&ext), extensions).unwrap();
        let subject = format!("/CN={name}");
        let request = ["req", "-subj", &subject, "-keyout", &key, "-out", &csr];
        openssl(&[&request[..], &new_key].concat());
        openssl(&[
            "x509",
            "-req",
            "-in",
            &csr,
            "-CA",
            "ca.crt",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            &ext,
            "-out",
            &crt,
        ]);
    }
}

/// Requests `/metrics` with curl. Returns the HTTP status or curl's exit status.
fn curl(directory: &Path, scheme: &str, address: SocketAddr, options: &[&str]) -> Result<u16, i32> {
    let asked = run(Command::new("curl")
        .current_dir(directory)
        .args([
            "--silent",
            "--output",
            "answer",
            "--write-out",
            "%{http_code}",
        ])
        .args(["--noproxy", "*", "--max-time", "60"])
        .args(options)
        .arg(format!("{scheme}://{address}/metrics")));
    let status = String::from_utf8(asked.stdout).unwrap().parse().unwrap();
    match asked.status.code() {
        Some(0) => Ok(status),
        code => Err(code.unwrap()),
    }
}

#[test]
fn only_who_has_the_password_or_the_certificate_is_answered() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    certificates(directory);
    let recording = directory.join("x.rec");
    fs::write(&recording, common::recording(&common::boot())).unwrap();
    let config = directory.join("web.yml");
    let options = ["--web.config.file", config.to_str().unwrap()];

    // Only a password.
    fs::write(&config, format!("basic_auth_users: {{me: {HASH}}}\n")).unwrap();
    let (plain, address) = exporter(&recording, &options);
    let curl_plain = |options: &[&str]| curl(directory, "http", address, options);
    assert_eq!(curl_plain(&[]), Ok(401));
    assert!(!fs::read_to_string(directory.join("answer"))
        .unwrap()
        .contains("exitstat_"));
    assert_eq!(curl_plain(&["--user", "me:wrong"]), Ok(401));
    assert_eq!(curl_plain(&["--user", "you:secret"]), Ok(401));
    assert_eq!(curl_plain(&["--user", "me:secret"]), Ok(200));
    assert!(fs::read_to_string(directory.join("answer"))
        .unwrap()
        .contains("exitstat_exits_total"));
    drop(plain);

    // TLS and a password. File names are relative to the configuration's directory.
    let tls = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";
    let users = format!("basic_auth_users:\n  me: {HASH}\n");
    fs::write(&config, format!("{tls}{users}")).unwrap();
    let (_exporter, address, messages) = exporter_with_messages(&recording, &options);
    let ca = ["--cacert", "ca.crt"];
    let curl = |options: &[&str]| curl(directory, "https", address, options);
    let me = [&ca[..], &["--user", "me:secret"]].concat();
    assert_eq!(curl(&ca), Ok(401));
    assert_eq!(curl(&me), Ok(200));
    // An unknown authority, and no TLS.
    assert_eq!(curl(&["--user", "me:secret"]), Err(60));
    assert!(curl_plain_is_refused(directory, address));
    assert_eq!(curl(&[&me[..], &["--tls-max", "1.2"]].concat()), Ok(200));

    // Prometheus.
    let scrape = format!(
        "scrape_configs:\n- job_name: exitstat\n  scheme: https\n  tls_config: {{ca_file: '{}'}}\n  \
         basic_auth: {{username: me, password: secret}}\n  static_configs: [{{targets: ['{address}']}}]\n",
        directory.join("ca.crt").display()
    );
    let server = Prometheus::start(directory, &scrape);
    server.poll("up", |up| up.len() == 1 && number(&up[0]) == 1.0);
    drop(server);

    // Each connection uses the current file: another version, another certificate, another password.
    fs::write(&config, format!("{tls}  min_version: TLS13\n{users}")).unwrap();
    assert_eq!(curl(&[&me[..], &["--tls-max", "1.2"]].concat()), Err(35));
    assert_eq!(curl(&me), Ok(200));
    for end in ["crt", "key"] {
        let of = |name: &str| directory.join(format!("{name}.{end}"));
        fs::rename(of("renewed"), of("server")).unwrap();
    }
    let shown = run(Command::new("curl")
        .current_dir(directory)
        .args(["--silent", "--verbose", "--noproxy", "*"])
        .args(&me)
        .arg(format!("https://{address}/metrics")));
    assert!(String::from_utf8_lossy(&shown.stderr).contains("CN=renewed"));
    fs::write(&config, tls).unwrap();
    assert_eq!(curl(&ca), Ok(200));

    // Client certificates.
    let required = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n";
    fs::write(&config, format!("{tls}{required}")).unwrap();
    let client = |name: &str| {
        let (crt, key) = (format!("{name}.crt"), format!("{name}.key"));
        curl(&[&ca[..], &["--cert", &crt, "--key", &key]].concat())
    };
    assert!(curl(&ca).is_err());
    assert_eq!(client("client"), Ok(200));
    // A self-signed certificate.
    let signed = run(Command::new("openssl").current_dir(directory).args([
        "req",
        "-x509",
        "-subj",
        "/CN=self",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        "self.key",
        "-out",
        "self.crt",
    ]));
    assert!(signed.status.success(), "{signed:?}");
    assert!(client("self").is_err());
    let optional = required.replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven");
    fs::write(&config, format!("{tls}{optional}")).unwrap();
    assert_eq!(curl(&ca), Ok(200));
    assert!(client("self").is_err());

    // While the file is invalid, no request is answered, and the reason is printed once.
    fs::write(&config, "tls: {}\n").unwrap();
    assert!(curl(&ca).is_err() && curl(&ca).is_err());
    fs::write(&config, tls).unwrap();
    assert_eq!(curl(&ca), Ok(200));
    let said: Vec<_> = messages.try_iter().collect();
    assert!(
        said.len() == 1 && said[0].contains("unknown field `tls`"),
        "{said:?}"
    );
}

fn curl_plain_is_refused(directory: &Path, address: SocketAddr) -> bool {
    curl(directory, "http", address, &["--user", "me:secret"]).is_err()
}

#[test]
fn a_file_that_cannot_be_used_is_an_error_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let recording = directory.path().join("x.rec");
    fs::write(&recording, common::recording(&common::boot())).unwrap();
    certificates(directory.path());
    let config = directory.path().join("web.yml");
    let refused = |text: &str| {
        fs::write(&config, text).unwrap();
        let failed = exitstat()
            .args(["export", "--listen", "127.0.0.1:0", "--web.config.file"])
            .arg(&config)
            .arg("--from")
            .arg(&recording)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&failed.stderr).into_owned();
        (failed.status.code(), said)
    };
    for (text, says) in [
        (
            "tls_server_config: {cert_file: none.crt, key_file: none.key}",
            "none.crt",
        ),
        (
            "tls_server_config: {cert_file: web.yml, key_file: web.yml}",
            "no certificate",
        ),
        (
            "tls_server_config: {cert_file: ca.crt, key_file: ca.crt}",
            "ca.crt: no private key",
        ),
        ("basic_auth_user: {}", "unknown field `basic_auth_user`"),
    ] {
        let (status, said) = refused(text);
        assert_eq!(status, Some(2), "{said}");
        assert!(said.contains("web.yml") && said.contains(says), "{said}");
    }
    // The example in the docs is valid, except that its files are missing.
    let docs = fs::read_to_string(contrib("../docs/metrics.md")).unwrap();
    let (_, example) = docs.split_once("```yaml\n# web.yml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let (_, said) = refused(example);
    assert!(said.contains("exitstat.crt: "), "{said}");
}
