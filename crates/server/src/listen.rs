//! Addresses to listen on, and what stands in the way.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};

use crate::error::{ServeError, ServeErrorKind};

/// Where a receiver shall listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// This machine only, under both of its own addresses where it has two.
    Loopback(u16),
    /// `host:port`, or a port of this machine.
    Named(String),
}

impl Place {
    /// Listens on every address of the place that this machine has; what isn't loopback needs a token.
    pub(crate) fn listen(&self, has_token: bool) -> Result<Vec<TcpListener>, ServeError> {
        let addresses = self.addresses()?;
        if let Some(open) = addresses.iter().find(|address| !address.ip().is_loopback())
            && !has_token
        {
            return Err(ServeError::new(
                ServeErrorKind::Unprotected,
                format!("{open} can be reached by other machines: listen on 127.0.0.1, or set a token that senders must know"),
            ));
        }
        let (mut listeners, mut failed) = (Vec::new(), None);
        for address in addresses {
            match TcpListener::bind(address) {
                Ok(listener) => listeners.push(listener),
                // A machine without IPv6 has no `::1`.
                Err(error) if is_elsewhere(&error) => failed = Some(cannot_listen(address, error)),
                Err(error) => return Err(cannot_listen(address, error)),
            }
        }
        if listeners.is_empty() {
            return Err(failed.unwrap_or_else(|| self.wrong("it names no address")));
        }
        listeners.iter().try_for_each(|listener| listener.set_nonblocking(true)).map_err(|error| {
            ServeError::new(ServeErrorKind::System, format!("can't use a socket: {error}")).with_source(error)
        })?;
        Ok(listeners)
    }

    fn addresses(&self) -> Result<Vec<SocketAddr>, ServeError> {
        let text = match self {
            Self::Loopback(port) => return Ok(loopback(*port)),
            Self::Named(text) => text.trim(),
        };
        if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse() {
            return Ok(loopback(port));
        }
        let text = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        let found = text.to_socket_addrs().map_err(|error| self.wrong(&error.to_string()).with_source(error))?;
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for address in found.filter(|address| !is_mapped(address)) {
            // A port that the system chooses would be another one for each address.
            if !addresses.contains(&address) && (address.port() != 0 || addresses.is_empty()) {
                addresses.push(address);
            }
        }
        Ok(addresses)
    }

    fn wrong(&self, why: &str) -> ServeError {
        let text = match self {
            Self::Loopback(port) => port.to_string(),
            Self::Named(text) => text.clone(),
        };
        let message = format!("`{text}` is no address to listen on: {why}; write it like `127.0.0.1:4318`, or a port alone");
        ServeError::new(ServeErrorKind::Address, message)
    }
}

fn loopback(port: u16) -> Vec<SocketAddr> {
    let both = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let wanted = if port == 0 { &both[..1] } else { &both[..] };
    wanted.iter().map(|ip| SocketAddr::new(*ip, port)).collect()
}

fn is_mapped(address: &SocketAddr) -> bool {
    matches!(address.ip(), IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some())
}

fn is_elsewhere(error: &std::io::Error) -> bool {
    // Where the system has no IPv6 at all, the family of addresses is unsupported.
    matches!(error.kind(), ErrorKind::AddrNotAvailable | ErrorKind::Unsupported) || error.raw_os_error() == Some(EAFNOSUPPORT)
}

const EAFNOSUPPORT: i32 = 97;

fn cannot_listen(address: SocketAddr, error: std::io::Error) -> ServeError {
    let (kind, why) = match error.kind() {
        ErrorKind::AddrInUse => (
            ServeErrorKind::InUse,
            "another program listens there already, perhaps a collector or another receiver: stop it, or choose another port"
                .to_owned(),
        ),
        ErrorKind::PermissionDenied => (
            ServeErrorKind::Forbidden,
            "the system doesn't allow it: ports below 1024 are mostly kept for administrators, choose a higher one".to_owned(),
        ),
        ErrorKind::AddrNotAvailable => {
            (ServeErrorKind::Address, "this machine doesn't have that address: use 127.0.0.1, or one that it has".to_owned())
        }
        _ => (ServeErrorKind::System, error.to_string()),
    };
    ServeError::new(kind, format!("can't listen on {address}: {why}")).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Place {
        Place::Named(text.to_owned())
    }

    #[test]
    fn addresses_are_read() {
        assert_eq!(named("127.0.0.1:1").addresses().unwrap(), ["127.0.0.1:1".parse().unwrap()]);
        assert_eq!(named("http://127.0.0.1:1/").addresses().unwrap(), ["127.0.0.1:1".parse().unwrap()]);
        assert_eq!(named("[::1]:1").addresses().unwrap(), ["[::1]:1".parse().unwrap()]);
        for text in ["4318", ":4318", " 4318"] {
            assert_eq!(named(text).addresses().unwrap(), loopback(4318), "{text}");
        }
        assert_eq!(named("0").addresses().unwrap(), ["127.0.0.1:0".parse().unwrap()]);
        for text in ["", "nonsense", "127.0.0.1", "127.0.0.1:99999", "1.2.3.4.5:6"] {
            let error = named(text).addresses().unwrap_err();
            assert_eq!(error.kind(), ServeErrorKind::Address, "{text}");
            assert!(error.to_string().contains("like `127.0.0.1:4318`"));
        }
    }

    #[test]
    fn a_port_that_is_taken_is_named() {
        let first = named("127.0.0.1:0").listen(false).unwrap();
        let address = first[0].local_addr().unwrap();
        let error = named(&address.to_string()).listen(false).unwrap_err();
        assert_eq!(error.kind(), ServeErrorKind::InUse);
        assert!(error.to_string().starts_with(&format!("can't listen on {address}: another program listens there")));
    }

    #[test]
    fn what_others_can_reach_needs_a_token() {
        let error = named("0.0.0.0:0").listen(false).unwrap_err();
        assert_eq!(error.kind(), ServeErrorKind::Unprotected);
        assert!(named("0.0.0.0:0").listen(true).is_ok());
        assert_eq!(named("203.0.113.9:0").listen(true).unwrap_err().kind(), ServeErrorKind::Address);
    }
}
