//! TLS for connections: whom to trust, and who we are.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::destination::{Protocol, TlsFiles};
use super::{ExportError, ExportErrorKind};

/// Makes the settings of TLS. Without an authority of its own, those of the system are trusted.
pub(super) fn config(files: &TlsFiles, protocol: Protocol) -> Result<Arc<ClientConfig>, ExportError> {
    let roots = match &files.ca {
        Some(path) => own_roots(path)?,
        None => system_roots(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| wrong(&error.to_string()))?.with_root_certificates(roots);
    let mut config = match (&files.client_certificate, &files.client_key) {
        (Some(certificate), Some(key)) => builder
            .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
            .map_err(|error| wrong(&format!("the client's certificate and key can't be used: {error}")))?,
        (None, None) => builder.with_no_client_auth(),
        _ => return Err(wrong("a client's certificate needs its key, and a key its certificate")),
    };
    config.alpn_protocols = vec![if protocol == Protocol::Grpc { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    Ok(Arc::new(config))
}

fn own_roots(path: &Path) -> Result<RootCertStore, ExportError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| wrong(&format!("`{}` holds no usable authority: {error}", path.display())))?;
    }
    Ok(roots)
}

/// Returns the system's authorities. Where some can't be read, the others count.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ExportError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(found) if found.is_empty() => Err(wrong(&format!("`{}` holds no certificate in PEM", path.display()))),
        Ok(found) => Ok(found),
        Err(error) => Err(wrong(&format!("can't read certificates from `{}`: {error}", path.display()))),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, ExportError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| wrong(&format!("can't read a key from `{}`: {error}", path.display())))
}

fn wrong(message: &str) -> ExportError {
    ExportError::new(ExportErrorKind::Tls, message)
}
