//! Finding the server: its address, its password, its certificate.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use flowglass_store::{
    PostgresOptions, PostgresStore, SqlAnswer, SqlQuestion, SqlValue, Store, StoreError, StoreErrorKind, create_or_open,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::server::Server;

fn kind(address: &str) -> (StoreErrorKind, String) {
    let error = create_or_open(address).unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn an_address_is_all_that_it_takes() {
    let Some(server) = Server::start() else { return };
    let store = create_or_open(&server.address("s")).unwrap();
    let shown = store.location();
    assert!(shown.starts_with("postgres://me@127.0.0.1") && !shown.contains("secret"), "{shown}");
    drop(store);
    flowglass_store::open(&server.address("s")).unwrap();
}

#[test]
fn what_is_wrong_with_an_address_is_told_without_the_password() {
    let Some(server) = Server::start() else { return };
    let right = server.address("s");
    let (wrong_password, message) = kind(&right.replace("secret", "geheim"));
    assert_eq!(wrong_password, StoreErrorKind::BadAddress, "{message}");
    assert!(message.contains("password") && !message.contains("geheim"), "{message}");
    let (no_database, message) = kind(&right.replace("/postgres?", "/nowhere?"));
    assert_eq!(no_database, StoreErrorKind::NotFound, "{message}");
    assert!(message.contains("createdb"), "{message}");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = flowglass_store::open(&format!("postgres://me:secret@127.0.0.1:{free}/postgres")).unwrap_err();
    let message = error.to_string();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{message}");
    assert!(!message.contains("secret"), "{message}");
}

/// Makes an authority, and a certificate of it for `localhost`.
fn certificates(folder: &Path) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    fs::write(folder.join("ca.pem"), authority.self_signed(&authority_key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    fs::write(folder.join("server.pem"), certificate.pem()).unwrap();
    fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
    fs::set_permissions(folder.join("server.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let mut client = CertificateParams::new(Vec::new()).unwrap();
    client.distinguished_name.push(DnType::CommonName, "me");
    let key = KeyPair::generate().unwrap();
    fs::write(folder.join("client.pem"), client.signed_by(&key, &issuer).unwrap().pem()).unwrap();
    fs::write(folder.join("client.key"), key.serialize_pem()).unwrap();
}

fn is_encrypted(address: &str) -> Result<SqlValue, StoreError> {
    let store = PostgresStore::create_or_open(address, PostgresOptions::default())?;
    let mut answer = SqlAnswer::default();
    let question = SqlQuestion::new("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
    store.answer_sql(&question, &mut answer)?;
    Ok(answer.rows.remove(0).remove(0))
}

#[test]
fn tls_is_checked_as_the_address_says() {
    let server = Server::start_with(|data| {
        certificates(data);
        ["ssl=on", "ssl_cert_file=server.pem", "ssl_key_file=server.key"].map(str::to_owned).into()
    });
    let Some(server) = server else { return };
    let ca = server.data().join("ca.pem").display().to_string();
    let strange = tempfile::tempdir().unwrap();
    certificates(strange.path());
    let strange = strange.path().join("ca.pem").display().to_string();
    let by = |host: &str, words: &str| is_encrypted(&format!("{}&{words}", server.address("s").replace("127.0.0.1", host)));
    let yes = SqlValue::Int(1);
    assert_eq!(by("localhost", &format!("sslmode=verify-full&sslrootcert={ca}")).unwrap(), yes);
    assert_eq!(by("127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={ca}")).unwrap(), yes);
    assert_eq!(by("127.0.0.1", "sslmode=require").unwrap(), yes);
    assert_eq!(by("127.0.0.1", "connect_timeout=9").unwrap(), yes);
    assert_eq!(by("127.0.0.1", "sslmode=disable").unwrap(), SqlValue::Int(0));
    let refused = [
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={ca}")),
        ("localhost", format!("sslmode=verify-full&sslrootcert={strange}")),
        ("localhost", format!("sslmode=verify-ca&sslrootcert={strange}")),
        ("localhost", format!("sslmode=require&sslrootcert={strange}")),
        ("localhost", "sslmode=verify-full".to_owned()),
        ("localhost", "sslmode=verify-full&sslrootcert=/nowhere.pem".to_owned()),
    ];
    for (host, words) in refused {
        let error = by(host, &words).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::BadAddress, "{words}: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn a_certificate_says_who_we_are() {
    let server = Server::start_with(|data| {
        certificates(data);
        fs::write(data.join("pg_hba.conf"), "hostssl all all 127.0.0.1/32 cert\n").unwrap();
        let files = ["ssl=on", "ssl_cert_file=server.pem", "ssl_key_file=server.key", "ssl_ca_file=ca.pem"];
        files.map(str::to_owned).into()
    });
    let Some(server) = server else { return };
    let file = |name: &str| server.data().join(name).display().to_string();
    let with = |words: &str| is_encrypted(&format!("{}&sslmode=require{words}", server.address("s").replace(":secret", "")));
    let ours = format!("&sslcert={}&sslkey={}", file("client.pem"), file("client.key"));
    assert_eq!(with(&ours).unwrap(), SqlValue::Int(1));
    let strange = tempfile::tempdir().unwrap();
    certificates(strange.path());
    let strange = |name: &str| strange.path().join(name).display().to_string();
    let refused = [
        String::new(),
        format!("&sslcert={}", file("client.pem")),
        format!("&sslcert={}&sslkey={}", file("client.pem"), file("server.key")),
        format!("&sslcert={}&sslkey={}", file("client.pem"), file("nowhere.key")),
        format!("&sslcert={}&sslkey={}", strange("client.pem"), strange("client.key")),
    ];
    for words in refused {
        let error = with(&words).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::BadAddress, "{words}: {error}");
    }
}
