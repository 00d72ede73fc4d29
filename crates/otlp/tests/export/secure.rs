//! TLS: with an authority of one's own, and what is said when it is missing.

use std::path::Path;
use std::sync::Arc;

use flowglass_model::Sink;
use flowglass_otlp::Signal;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::TlsAcceptor;

use crate::batches::{exporter, spans};
use crate::http_receiver::HttpReceiver;

/// An authority, and a certificate for `127.0.0.1` that it has signed; files in PEM beside each other.
struct Authority {
    acceptor: TlsAcceptor,
    demanding: TlsAcceptor,
}

impl Authority {
    fn make(folder: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&ca_key).unwrap();
        std::fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::new(params, ca_key);
        let own = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        std::fs::write(folder.join("own.pem"), own.pem()).unwrap();
        std::fs::write(folder.join("own.key"), key.serialize_pem()).unwrap();

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            || ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
        let key = || PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let open = builder().with_no_client_auth().with_single_cert(vec![own.der().clone()], key()).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(ca.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
        let demanding = builder().with_client_cert_verifier(verifier).with_single_cert(vec![own.der().clone()], key()).unwrap();
        Self { acceptor: Arc::new(open).into(), demanding: Arc::new(demanding).into() }
    }
}

#[test]
fn an_authority_of_ones_own_is_trusted_if_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = HttpReceiver::start_with(Vec::new(), Some(Authority::make(folder.path()).acceptor));
    let address = format!("https://{}", receiver.place);
    let mut trusting = exporter(&address).ca_file(folder.path().join("ca.pem")).build().unwrap();
    trusting.write(&spans(&["a"])).unwrap();
    trusting.flush().unwrap();
    assert_eq!(trusting.stats().of(Signal::Traces).exported, 1);
    let mut doubting = exporter(&address).build().unwrap();
    doubting.write(&spans(&["a"])).unwrap();
    let error = doubting.flush().unwrap_err().to_string();
    assert!(error.contains("no TLS connection") && error.contains("CA file"), "{error}");
    assert_eq!(receiver.received().len(), 1);
}

#[test]
fn a_client_shows_its_certificate_where_it_has_to() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = HttpReceiver::start_with(Vec::new(), Some(Authority::make(folder.path()).demanding));
    let file = |name: &str| folder.path().join(name);
    let builder = exporter(&format!("https://{}", receiver.place)).ca_file(file("ca.pem"));
    let mut known = builder.clone().client_certificate(file("own.pem"), file("own.key")).build().unwrap();
    known.write(&spans(&["a"])).unwrap();
    known.flush().unwrap();
    let mut unknown = builder.build().unwrap();
    unknown.write(&spans(&["a"])).unwrap();
    assert!(unknown.flush().is_err());
}

#[test]
fn a_port_without_tls_is_told_apart() {
    let receiver = HttpReceiver::start(Vec::new());
    let mut exporter = exporter(&format!("https://{}", receiver.place)).build().unwrap();
    exporter.write(&spans(&["a"])).unwrap();
    let error = exporter.flush().unwrap_err().to_string();
    assert!(error.contains("doesn't speak TLS"), "{error}");
}
