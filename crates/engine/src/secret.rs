//! Names whose values are never shown: not on spans, not in graphs, not in errors.

/// What stands for a value that is not shown.
pub(crate) const REDACTED: &str = "[redacted]";

const SECRETS: [&str; 8] = ["authorization", "password", "passwd", "secret", "token", "api_key", "apikey", "cookie"];

/// Says whether a value of this name may be a secret.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRETS.iter().any(|secret| name.contains(secret))
}
