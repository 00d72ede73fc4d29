//! What a process is told that shall become a worker: where its driver listens, who it is, and the secret.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::handshake::Secret;
use super::mark::Opening;

/// Makes a worker of a process that finds it in its environment.
#[derive(Clone)]
pub struct Invitation {
    pub(super) driver: SocketAddr,
    pub(super) driver_pid: u32,
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) heartbeat: Duration,
    pub(super) message_bytes: usize,
    pub(super) secret: Secret,
}

impl Invitation {
    /// The environment variable that carries it.
    pub const VARIABLE: &str = "FLOWGLASS_WORKER";

    /// Reads the text of the environment variable; nothing if it isn't an invitation.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let invitation = Self {
            driver: parts.next()?.parse().ok()?,
            driver_pid: parts.next()?.parse().ok()?,
            number: parts.next()?.parse().ok()?,
            name: parts.next()?.to_owned(),
            heartbeat: Duration::from_millis(parts.next()?.parse().ok()?),
            message_bytes: parts.next()?.parse().ok()?,
            secret: Secret::parse(parts.next()?)?,
        };
        parts.next().is_none().then_some(invitation)
    }

    /// Returns the invitation that this process was started with, if it was.
    #[must_use]
    pub fn of_this_process() -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "a process is told by its environment alone that it is to be a worker")]
        let text = std::env::var(Self::VARIABLE).ok()?;
        Self::parse(&text).filter(Self::is_for_this_process)
    }

    /// Says whether the invitation is meant for this process. A process that a worker starts inherits the environment,
    /// but its parent isn't the driver.
    fn is_for_this_process(&self) -> bool {
        #[cfg(unix)]
        return std::os::unix::process::parent_id() == self.driver_pid;
        #[cfg(not(unix))]
        return true;
    }

    /// What marks what the worker prints.
    pub(super) fn opening(&self) -> Opening {
        Opening::new(&self.secret.mark())
    }

    /// Returns the worker's name within its backend.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { driver, driver_pid, number, name, heartbeat, message_bytes, secret } = self;
        let secret = secret.to_text();
        write!(f, "{driver} {driver_pid} {number} {name} {} {message_bytes} {secret}", heartbeat.as_millis())
    }
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invitation({} of {})", self.name, self.driver)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_comes_back_from_its_text_and_nothing_else_does() {
        let invitation = Invitation {
            driver: ([127, 0, 0, 1], 4000).into(),
            driver_pid: 77,
            number: 2,
            name: "processes-2".into(),
            heartbeat: Duration::from_millis(250),
            message_bytes: 1 << 20,
            secret: Secret::random(),
        };
        let text = invitation.to_string();
        assert_eq!(Invitation::parse(&text).unwrap().to_string(), text);
        assert!(!invitation.is_for_this_process());
        for wrong in ["", "1", "127.0.0.1:1 1 1 a 1 1 zz", &format!("{text} more"), &text[..text.len() - 1]] {
            assert!(Invitation::parse(wrong).is_none(), "{wrong}");
        }
        assert!(!format!("{invitation:?}").contains(&invitation.secret.to_text()));
    }
}
