//! By way of a proxy: plain requests are passed on, everything else goes through a tunnel.

use std::io::{Read, Write, copy};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use flowglass_model::Sink;
use flowglass_otlp::{Proxies, Signal};

use crate::batches::{exporter, spans};
use crate::grpc_receiver::GrpcReceiver;
use crate::http_receiver::HttpReceiver;

/// A proxy that passes everything on, or answers every request with a status.
struct Proxy {
    address: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start(refusal: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://user:pass@{}", listener.local_addr().unwrap());
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&heads);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                // A client that goes away is none of the proxy's business.
                thread::spawn(move || drop(serve(client, &seen, refusal)));
            }
        });
        Self { address, heads }
    }

    fn proxies(&self) -> Proxies {
        Proxies { http: self.address.clone(), ..Proxies::default() }
    }

    /// The heads of the requests so far.
    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn serve(mut client: TcpStream, seen: &Mutex<Vec<String>>, refusal: Option<&str>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let target = text.split(' ').nth(1).unwrap_or_default().to_owned();
    let is_tunnel = text.starts_with("CONNECT ");
    seen.lock().unwrap().push(text);
    if let Some(status) = refusal {
        return client.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes());
    }
    let place = target.trim_start_matches("http://").split('/').next().unwrap_or_default();
    let mut server = TcpStream::connect(place)?;
    if is_tunnel {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    } else {
        server.write_all(&head)?;
    }
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    let back = thread::spawn(move || {
        let _ = copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let _ = copy(&mut client, &mut server);
    let _ = server.shutdown(Shutdown::Write);
    let _ = back.join();
    Ok(())
}

#[test]
fn plain_requests_are_passed_on() {
    let (receiver, proxy) = (HttpReceiver::start(Vec::new()), Proxy::start(None));
    let mut exporter = exporter(&receiver.address()).proxies(proxy.proxies()).build().unwrap();
    exporter.write(&spans(&["a"])).unwrap();
    exporter.flush().unwrap();
    assert_eq!(receiver.received().len(), 1);
    let head = proxy.heads().remove(0).to_ascii_lowercase();
    assert!(head.starts_with(&format!("post {}/v1/traces http/1.1", receiver.address())), "{head}");
    assert!(head.contains("proxy-authorization: basic dxnlcjpwyxnz"), "{head}");
}

#[test]
fn grpc_goes_through_a_tunnel() {
    let (receiver, proxy) = (GrpcReceiver::start(Vec::new()), Proxy::start(None));
    let mut exporter = exporter(&receiver.address).proxies(proxy.proxies()).only(&[Signal::Traces]).build().unwrap();
    exporter.write(&spans(&["a"])).unwrap();
    exporter.flush().unwrap();
    assert_eq!(exporter.stats().of(Signal::Traces).exported, 1);
    assert!(proxy.heads()[0].starts_with("CONNECT 127.0.0.1:"));
}

#[test]
fn a_host_that_is_excepted_is_reached_directly() {
    let (receiver, proxy) = (HttpReceiver::start(Vec::new()), Proxy::start(None));
    let proxies = Proxies { except: "127.0.0.1".into(), ..proxy.proxies() };
    let mut exporter = exporter(&receiver.address()).proxies(proxies).build().unwrap();
    exporter.write(&spans(&["a"])).unwrap();
    exporter.flush().unwrap();
    assert!(proxy.heads().is_empty() && receiver.received().len() == 1);
}

#[test]
fn a_proxy_that_refuses_is_named() {
    for (status, hint) in [("407 Proxy Authentication Required", "a name and a password"), ("403 Forbidden", "403")] {
        let (receiver, proxy) = (GrpcReceiver::start(Vec::new()), Proxy::start(Some(status)));
        let mut exporter = exporter(&receiver.address).proxies(proxy.proxies()).only(&[Signal::Traces]).build().unwrap();
        exporter.write(&spans(&["a"])).unwrap();
        let error = exporter.flush().unwrap_err().to_string();
        assert!(error.contains("the proxy 127.0.0.1:") && error.contains(hint), "{error}");
    }
}
