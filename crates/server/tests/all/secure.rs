//! TLS: who trusts the certificate is served by both protocols, and nothing is taken that isn't encrypted.

use std::path::Path;

use flowglass_model::{BatchBuilder, Sink, Span, SpanId, TraceId};
use flowglass_otlp::{Exporter, Protocol};
use flowglass_server::{ServeError, ServeErrorKind};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Setting, builder};
use crate::sinks::{Remember, Seen};

/// Writes an authority's certificate, and one for this machine that it has signed with its key.
fn write_certificates(folder: &Path) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&ca_key).unwrap();
    let (key, issuer) = (KeyPair::generate().unwrap(), Issuer::new(params, ca_key));
    let own = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let files = [("ca.pem", ca.pem()), ("own.pem", own.pem()), ("own.key", key.serialize_pem())];
    files.iter().for_each(|(name, text)| std::fs::write(folder.join(name), text).unwrap());
}

fn batch(name: &str) -> std::sync::Arc<flowglass_model::Batch> {
    let mut builder = BatchBuilder::default();
    let (trace_id, span_id) = (TraceId::from_bytes([7; 16]), SpanId::from_u64(1));
    builder.push(&Span { trace_id, span_id, name: name.into(), ..Span::default() });
    builder.finish().into()
}

#[test]
fn both_protocols_are_served_to_who_trusts_the_certificate() {
    let folder = tempfile::tempdir().unwrap();
    write_certificates(folder.path());
    let setting = Setting::with(|builder| builder.tls(folder.path().join("own.pem"), folder.path().join("own.key")));
    let address = format!("https://{}", setting.receiver.http_addresses()[0]);
    for (protocol, name) in [(Protocol::Grpc, "by gRPC"), (Protocol::HttpProtobuf, "by HTTP")] {
        let exporter = Exporter::builder(&address).protocol(protocol).ca_file(folder.path().join("ca.pem"));
        let mut exporter = exporter.build().unwrap();
        exporter.write(&batch(name)).unwrap();
        exporter.flush().unwrap();
    }
    assert_eq!(setting.seen.span_names(), ["by gRPC", "by HTTP"]);
    let mut doubting = Exporter::builder(&address).build().unwrap();
    doubting.write(&batch("never")).unwrap();
    assert!(doubting.flush().unwrap_err().to_string().contains("nobody who is trusted vouches"));
    assert_eq!(setting.seen.span_names().len(), 2);
}

#[test]
fn what_is_not_encrypted_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    write_certificates(folder.path());
    let setting = Setting::with(|builder| builder.tls(folder.path().join("own.pem"), folder.path().join("own.key")));
    let to = setting.receiver.http_addresses()[0];
    let answer = setting.runtime.block_on(async {
        let mut stream = TcpStream::connect(to).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        // However it ends, nothing that HTTP would say has come.
        let _ = stream.read_to_end(&mut answer).await;
        answer
    });
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    write_certificates(folder.path());
    let start = |certificate: &str, key: &str| -> ServeError {
        let builder = builder().tls(folder.path().join(certificate), folder.path().join(key));
        builder.start(Remember(Seen::default())).unwrap_err()
    };
    let wrong =
        [("missing.pem", "own.key", "missing.pem"), ("own.pem", "own.pem", "own.pem"), ("own.key", "own.key", "own.key")];
    for (certificate, key, named) in wrong {
        let error = start(certificate, key);
        assert_eq!(error.kind(), ServeErrorKind::Tls);
        assert!(error.to_string().contains(named), "{error}");
    }
    let error = start("ca.pem", "own.key");
    assert!(error.to_string().contains("can't be used together"), "{error}");
}
