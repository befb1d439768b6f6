// SPDX-License-Identifier: GPL-2.0

//! TLS with the certificates of the file.

use super::file::{ClientAuth, Tls, Version};
use rustls::{
    crypto::ring,
    pki_types::{pem, pem::PemObject, CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
    version::{TLS12, TLS13},
    RootCertStore, ServerConfig,
};
use std::{fmt::Display, path::Path, sync::Arc};

/// Reads the certificates.
///
/// # Errors
///
/// A file cannot be read, or its content is invalid: the message names it.
pub fn config(tls: &Tls) -> Result<Arc<ServerConfig>, String> {
    let provider = Arc::new(ring::default_provider());
    let versions: &[_] = match tls.min_version {
        Version::TLS12 => &[&TLS12, &TLS13],
        Version::TLS13 => &[&TLS13],
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|error| error.to_string())?;
    let builder = match &tls.client_ca_file {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(file)? {
                roots.add(certificate).map_err(|error| wrong(file, error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            let verifier = match tls.client_auth_type {
                ClientAuth::RequireAndVerifyClientCert => verifier,
                _ => verifier.allow_unauthenticated(),
            };
            builder.with_client_cert_verifier(verifier.build().map_err(|error| wrong(file, error))?)
        }
    };
    let certificates = certificates(&tls.cert_file)?;
    let key = PrivateKeyDer::from_pem_file(&tls.key_file);
    let key = key.map_err(|error| match error {
        pem::Error::NoItemsFound => wrong(&tls.key_file, "no private key"),
        error => wrong(&tls.key_file, error),
    })?;
    let mut config = builder
        .with_single_cert(certificates, key)
        .map_err(|error| wrong(&tls.cert_file, error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| wrong(file, error))?;
    let certificates: Result<Vec<_>, _> = certificates.collect();
    let certificates = certificates.map_err(|error| wrong(file, error))?;
    match certificates.is_empty() {
        true => Err(wrong(file, "no certificate")),
        false => Ok(certificates),
    }
}

fn wrong(file: &Path, why: impl Display) -> String {
    format!("{}: {why}", file.display())
}
