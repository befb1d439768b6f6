// SPDX-License-Identifier: GPL-2.0

//! Format of the file: the subset of Prometheus's exporter-toolkit that exitstat supports.

use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};

/// bcrypt hashes of passwords, by user.
pub type Users = BTreeMap<String, String>;

/// Content of the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// TLS settings, if connections are encrypted.
    pub tls_server_config: Option<Tls>,
    /// Users with access, if it is restricted.
    pub basic_auth_users: Option<Users>,
}

/// TLS settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM file of the certificate and its intermediate certificates.
    pub cert_file: PathBuf,
    /// PEM file of its private key.
    pub key_file: PathBuf,
    /// CA certificates that verify client certificates.
    pub client_ca_file: Option<PathBuf>,
    /// Whether clients need a certificate.
    #[serde(default)]
    pub client_auth_type: ClientAuth,
    /// The minimum TLS version.
    #[serde(default)]
    pub min_version: Version,
}

/// Whether clients need a certificate. The toolkit's types without verification are not supported.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub enum ClientAuth {
    /// No certificate is requested.
    #[default]
    NoClientCert,
    /// A certificate is optional, but must be valid.
    VerifyClientCertIfGiven,
    /// A valid certificate is required.
    RequireAndVerifyClientCert,
}

/// TLS version.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub enum Version {
    /// TLS 1.2.
    #[default]
    TLS12,
    /// TLS 1.3.
    TLS13,
}

impl File {
    /// Reads the file. Paths in it are relative to its directory.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has an unknown field or a wrong value: the message names the file and
    /// the problem.
    pub fn read(path: &Path) -> Result<Self, String> {
        let wrong = |why: String| format!("{}: {why}", path.display());
        let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let mut file = Self::parse(&text).map_err(wrong)?;
        if let Some(tls) = &mut file.tls_server_config {
            let directory = path.parent().unwrap_or(Path::new(""));
            let files = [&mut tls.cert_file, &mut tls.key_file].into_iter();
            for name in files.chain(&mut tls.client_ca_file) {
                *name = directory.join(&*name);
            }
        }
        Ok(file)
    }

    fn parse(text: &str) -> Result<Self, String> {
        // An empty file is valid, too.
        let file: Option<Self> = serde_norway::from_str(text).map_err(|error| error.to_string())?;
        let file = file.unwrap_or_default();
        for (user, hash) in file.basic_auth_users.iter().flatten() {
            if bcrypt::HashParts::from_str(hash).is_err() {
                return Err(format!(
                    "basic_auth_users: the password of {user:?} is not a bcrypt hash (htpasswd -nBC 10 {user:?} makes one)"
                ));
            }
        }
        match &file.tls_server_config {
            Some(Tls {
                client_auth_type: ClientAuth::NoClientCert,
                client_ca_file: Some(_),
                ..
            }) => Err("client_ca_file needs client_auth_type \
                       (RequireAndVerifyClientCert or VerifyClientCertIfGiven)"
                .to_owned()),
            Some(Tls {
                client_auth_type:
                    ClientAuth::RequireAndVerifyClientCert | ClientAuth::VerifyClientCertIfGiven,
                client_ca_file: None,
                ..
            }) => Err("client_auth_type needs client_ca_file".to_owned()),
            _ => Ok(file),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2y$04$abcdefghijklmnopqrstuuMZ3xnZGzGQ1Jc0LOvVgYy9kOGJtkW.y";

    #[test]
    fn a_whole_file_is_read() {
        let file = File::parse(&format!(
            "# of node_exporter\n\
             tls_server_config:\n  cert_file: a.crt\n  key_file: /a.key\n  client_ca_file: ca.crt\n  \
             client_auth_type: \"RequireAndVerifyClientCert\"\n  min_version: TLS13\n\
             basic_auth_users:\n  prometheus: {HASH}\n"
        ));
        let file = file.unwrap();
        let tls = file.tls_server_config.unwrap();
        assert_eq!(tls.cert_file, Path::new("a.crt"));
        assert_eq!(tls.client_auth_type, ClientAuth::RequireAndVerifyClientCert);
        assert_eq!(tls.min_version, Version::TLS13);
        assert_eq!(file.basic_auth_users.unwrap()["prometheus"], HASH);
        for empty in ["", "# nothing\n", "{}"] {
            assert!(File::parse(empty).unwrap().tls_server_config.is_none());
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let tls = "tls_server_config: {cert_file: a, key_file: b";
        for (text, says) in [
            ("tls_server_conf: {}".to_owned(), "`tls_server_conf`"),
            (
                "http_server_config: {http2: true}".to_owned(),
                "`http_server_config`",
            ),
            (format!("{tls}, cipher_suites: []}}"), "`cipher_suites`"),
            ("tls_server_config: {cert_file: a}".to_owned(), "`key_file`"),
            (format!("{tls}, min_version: TLS10}}"), "`TLS10`"),
            (
                format!("{tls}, client_auth_type: RequireAnyClientCert}}"),
                "`RequireAnyClientCert`",
            ),
            (format!("{tls}, client_ca_file: c}}"), "client_auth_type"),
            (
                format!("{tls}, client_auth_type: RequireAndVerifyClientCert}}"),
                "client_ca_file",
            ),
            ("basic_auth_users: {me: secret}".to_owned(), "\"me\""),
            ("basic_auth_users: [me".to_owned(), "line 1"),
        ] {
            let why = File::parse(&text).unwrap_err();
            assert!(why.contains(says), "{text}: {why}");
        }
    }
}
