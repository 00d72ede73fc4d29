//! The way through an HTTP proxy: which destinations take it, and the tunnel.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::upgrade::Upgraded;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::address::Address;
use super::connection::causes;
use super::{ExportError, ExportErrorKind};

/// HTTP proxies, as `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` have them: `http://host:3128`, with a name and a password before the
/// host where the proxy asks for them. Empty where there is none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// The proxy for destinations without TLS.
    pub http: String,
    /// The proxy for destinations with TLS.
    pub https: String,
    /// Hosts that are reached directly, with commas between them: names, `.domain`, addresses and their ranges, or `*`.
    pub except: String,
}

/// The proxy of one destination.
pub(super) struct Proxy {
    host: String,
    port: u16,
    authorization: Option<HeaderValue>,
}

impl Proxies {
    /// Returns the proxy for a destination; nothing where it is reached directly.
    pub(super) fn for_address(&self, address: &Address) -> Result<Option<Proxy>, ExportError> {
        let matcher = Matcher::builder().http(self.http.as_str()).https(self.https.as_str()).no(self.except.as_str()).build();
        let scheme = if address.is_tls { "https" } else { "http" };
        let uri: Result<Uri, _> = format!("{scheme}://{}/", address.authority()).parse();
        let Some(found) = uri.ok().and_then(|uri| matcher.intercept(&uri)) else { return Ok(None) };
        let (uri, authorization) = (found.uri(), found.basic_auth().cloned());
        if uri.scheme_str() != Some("http") {
            let scheme = uri.scheme_str().unwrap_or_default();
            let message = format!("the proxy's scheme is `{scheme}`: only proxies at `http://` are understood");
            return Err(ExportError::new(ExportErrorKind::Setting, message));
        }
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        Ok(Some(Proxy { host, port: uri.port_u16().unwrap_or(80), authorization }))
    }
}

impl Proxy {
    /// Returns what people know it by.
    pub(super) fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    pub(super) async fn connect(&self) -> Result<TcpStream, String> {
        let connected = TcpStream::connect((self.host.as_str(), self.port)).await;
        connected.map_err(|error| format!("can't connect to the proxy {}: {error}", self.name()))
    }

    /// Adds what the proxy asks for to a request that it passes on.
    pub(super) fn authorize(&self, headers: &mut HeaderMap) {
        if let Some(authorization) = &self.authorization {
            headers.insert(header::PROXY_AUTHORIZATION, authorization.clone());
        }
    }

    /// Makes a tunnel to a destination, `host:port`.
    pub(super) async fn tunnel(&self, to: &str) -> Result<TokioIo<Upgraded>, String> {
        let stream = TokioIo::new(self.connect().await?);
        let (mut sender, connection) = http1::handshake(stream).await.map_err(|error| causes(&error))?;
        tokio::spawn(connection.with_upgrades());
        let request = Request::connect(to).header(header::HOST, to).body(Empty::<Bytes>::new());
        let mut request = request.map_err(|error| causes(&error))?;
        self.authorize(request.headers_mut());
        let response = sender.send_request(request).await.map_err(|error| causes(&error))?;
        match response.status() {
            status if status.is_success() => {
                hyper::upgrade::on(response).await.map(TokioIo::new).map_err(|error| causes(&error))
            }
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                let hint = "put a name and a password into its address";
                Err(format!("the proxy {} wants to know who asks: {hint}", self.name()))
            }
            status => Err(format!("the proxy {} makes no tunnel to {to}: {status}", self.name())),
        }
    }
}

impl std::fmt::Debug for Proxies {
    /// Leaves out what may be a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = |url: &str| url.rsplit('@').next().unwrap_or_default().to_owned();
        let mut shown = f.debug_struct("Proxies");
        shown.field("http", &place(&self.http)).field("https", &place(&self.https)).field("except", &self.except).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(proxies: &Proxies, address: &str) -> Option<String> {
        proxies.for_address(&Address::parse(address).unwrap()).unwrap().map(|proxy| proxy.name())
    }

    #[test]
    fn each_scheme_has_its_proxy_and_some_hosts_have_none() {
        let except = "localhost,.example.org,10.0.0.0/8".to_owned();
        let proxies = Proxies { http: "http://p:3128".into(), https: "http://u:w@q".into(), except };
        assert_eq!(of(&proxies, "http://c:4318"), Some("p:3128".into()));
        assert_eq!(of(&proxies, "https://c"), Some("q:80".into()));
        assert_eq!(of(&proxies, "otlp://c"), Some("p:3128".into()));
        for direct in ["http://localhost:4318", "https://a.example.org", "http://10.1.2.3:4318"] {
            assert_eq!(of(&proxies, direct), None, "{direct}");
        }
        assert_eq!(of(&Proxies::default(), "http://c"), None);
        assert!(!format!("{proxies:?}").contains("u:w"));
    }

    #[test]
    fn a_proxy_of_another_kind_is_refused() {
        let proxies = Proxies { http: "socks5://p:1080".into(), ..Proxies::default() };
        assert!(proxies.for_address(&Address::parse("http://c").unwrap()).is_err());
    }
}
