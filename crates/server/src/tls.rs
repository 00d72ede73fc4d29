//! TLS: who this receiver is, said by a certificate and its key.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::{ServeError, ServeErrorKind};

/// Where certificate and key lie, both in PEM.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Identity {
    /// Reads both, and prepares what greets those who connect.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor, ServeError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| wrong(&error.to_string()))?.with_no_client_auth();
        let config = builder.with_single_cert(certificates(&self.certificate)?, key(&self.key)?);
        let mut config = config.map_err(|error| {
            let (certificate, key) = (self.certificate.display(), self.key.display());
            wrong(&format!("the certificate in `{certificate}` and the key in `{key}` can't be used together: {error}"))
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ServeError> {
    match CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
        Ok(found) if found.is_empty() => Err(wrong(&format!("`{}` holds no certificate in PEM", path.display()))),
        Ok(found) => Ok(found),
        Err(error) => Err(wrong(&format!("can't read a certificate from `{}`: {error}", path.display()))),
    }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, ServeError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| wrong(&format!("can't read a key from `{}`: {error}", path.display())))
}

fn wrong(message: &str) -> ServeError {
    ServeError::new(ServeErrorKind::Tls, message)
}
