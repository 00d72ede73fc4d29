//! Addresses of destinations: scheme, host, port and path.

use super::{ExportError, ExportErrorKind};

/// Where a destination listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) is_tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// What follows, with its `/`; empty where nothing does.
    pub(super) path: String,
}

impl Address {
    /// Reads `scheme://host:port/path`. Without a port, a known one of the scheme counts.
    pub(super) fn parse(text: &str) -> Result<Self, ExportError> {
        let wrong = |why: &str| {
            let hint = "write it like `http://localhost:4318` or `otlp://localhost:4317`";
            ExportError::new(ExportErrorKind::Address, format!("`{text}` is no address of an OTLP receiver: {why}; {hint}"))
        };
        let (scheme, rest) = text.trim().split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
        let (is_tls, usual_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (false, 80),
            "https" => (true, 443),
            "otlp" => (false, 4317),
            "otlps" => (true, 4317),
            _ => return Err(wrong("its scheme isn't known")),
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(wrong("it holds a name or a password: give those as a header"));
        }
        let (host, port) = split_port(authority).ok_or_else(|| wrong("its port is none"))?;
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(wrong("it has no host"));
        }
        if path.contains(|c: char| c.is_whitespace() || c.is_control() || !c.is_ascii()) {
            return Err(wrong("its path has characters that must be written as `%` and two digits"));
        }
        let path = path.split('#').next().unwrap_or_default().to_owned();
        Ok(Self { is_tls, host: host.to_owned(), port: port.unwrap_or(usual_port), path })
    }

    /// Returns what stands in `Host`: the host, and the port where it isn't the usual one.
    pub(super) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.is_tls, self.port) {
            (false, 80) | (true, 443) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

/// Splits `host:port`, where the host may be an IPv6 address in brackets.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(port.parse().ok()?))),
            None => rest.is_empty().then_some((host, None)),
        };
    }
    match authority.split_once(':') {
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
        None => Some((authority, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let parse = |text| Address::parse(text).unwrap();
        let address = parse("https://api.example.org/otlp/v1/traces?x=1");
        assert_eq!((address.is_tls, address.port, address.path.as_str()), (true, 443, "/otlp/v1/traces?x=1"));
        assert_eq!(address.authority(), "api.example.org");
        assert_eq!((parse("otlp://collector").port, parse("http://a:4318").authority()), (4317, "a:4318".into()));
        let six = parse("HTTP://[::1]:4318/");
        assert_eq!((six.host.as_str(), six.authority()), ("::1", "[::1]:4318".into()));
    }

    #[test]
    fn what_is_no_address_is_told_so() {
        for wrong in [
            "",
            "localhost:4317",
            "ftp://a",
            "http://",
            "http://a:99999",
            "http://u:p@a",
            "http://a b",
            "http://[::1",
            "http://a/ü",
        ] {
            let error = Address::parse(wrong).unwrap_err();
            assert_eq!(error.kind(), ExportErrorKind::Address, "{wrong}");
        }
    }
}
