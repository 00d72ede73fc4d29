//! Names under which secrets stand: words, not letters.

/// Words that make a name that of a secret wherever they stand in it.
const ANYWHERE: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "secrets",
    "credential",
    "credentials",
    "authorization",
    "cookie",
    "cookies",
    "apikey",
    "privatekey",
];
/// Words that do so as the last one: a `token_count` is none.
const LAST: [&str; 8] = ["token", "jwt", "bearer", "auth", "accesskey", "accountkey", "secretkey", "sharedkey"];
/// Words that do so in front of `key`, as the last ones.
const KEYS: [&str; 10] = ["api", "access", "private", "secret", "signing", "encryption", "account", "shared", "master", "ssh"];
/// A name has no more words than this, or the rest isn't looked at.
const MOST_WORDS: usize = 16;

/// Says whether a name is that of a secret.
pub(super) fn is_secret(name: &str) -> bool {
    let mut words = [""; MOST_WORDS];
    let words = split(name, &mut words);
    let Some((last, before)) = words.split_last() else { return false };
    words.iter().any(|word| is_one_of(word, &ANYWHERE))
        || is_one_of(last, &LAST)
        || before.last().is_some_and(|kind| last.eq_ignore_ascii_case("key") && is_one_of(kind, &KEYS))
        || before.last().is_some_and(|word| is_one_of(word, &["token"]) && is_one_of(last, &["value", "secret", "string"]))
}

/// Says whether a name is a word that texts for people use for other things, too.
pub(super) fn is_common(name: &str) -> bool {
    is_one_of(name, &["token", "auth", "bearer", "secret", "secrets", "credential", "credentials"])
}

/// A name, or names, that a user chose.
#[derive(Debug, Clone)]
pub(super) enum Pattern {
    Words(Vec<String>),
    /// The whole name in small letters, in whose gaps there may be anything.
    Whole(Vec<String>),
}

impl Pattern {
    pub(super) fn new(pattern: &str) -> Self {
        if pattern.contains('*') {
            return Self::Whole(pattern.to_lowercase().split('*').map(str::to_owned).collect());
        }
        let mut words = [""; MOST_WORDS];
        Self::Words(split(pattern, &mut words).iter().map(|word| word.to_lowercase()).collect())
    }

    pub(super) fn fits(&self, name: &str) -> bool {
        match self {
            Self::Words(wanted) => {
                let mut words = [""; MOST_WORDS];
                let words = split(name, &mut words);
                let is_here = |part: &[&str]| part.iter().zip(wanted).all(|(word, wanted)| word.to_lowercase() == *wanted);
                !wanted.is_empty() && words.windows(wanted.len()).any(is_here)
            }
            Self::Whole(parts) => fits(parts, &name.to_lowercase()),
        }
    }
}

/// Says whether a name consists of these parts with anything between them.
fn fits(parts: &[String], name: &str) -> bool {
    let Some((first, rest)) = parts.split_first() else { return false };
    let Some((last, middle)) = rest.split_last() else { return name == first };
    let Some(mut left) = name.strip_prefix(first.as_str()) else { return false };
    for part in middle {
        let Some(at) = left.find(part.as_str()) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(last.as_str())
}

fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|other| other.len() == word.len() && other.eq_ignore_ascii_case(word))
}

/// Takes a name apart: at what is neither a letter nor a digit, and where a small letter is followed by a capital.
fn split<'a, 'w>(name: &'a str, words: &'w mut [&'a str; MOST_WORDS]) -> &'w [&'a str] {
    let (mut count, mut start, mut before) = (0, 0, b' ');
    for (at, byte) in name.bytes().chain([b' ']).enumerate() {
        let is_gap = !byte.is_ascii_alphanumeric() && byte.is_ascii();
        let is_hump = byte.is_ascii_uppercase() && before.is_ascii_lowercase();
        if (is_gap || is_hump) && count < MOST_WORDS {
            if start < at {
                words[count] = &name[start..at];
                count += 1;
            }
            start = if is_gap { at + 1 } else { at };
        }
        before = byte;
    }
    &words[..count]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_make_a_name_that_of_a_secret() {
        let secret = [
            "password",
            "DB_PASSWORD",
            "userPassword",
            "http.request.header.authorization",
            "set-cookie",
            "x-api-key",
            "apiKey",
            "APIKEY",
            "OPENAI_API_KEY",
            "accessToken",
            "token",
            "github.token",
            "client_secret",
            "secret_key",
            "private.key",
            "aws_secret_access_key",
            "AccountKey",
            "refresh-token",
            "credentials",
            "token_value",
            "pwd",
        ];
        secret.iter().for_each(|name| assert!(is_secret(name), "{name}"));
        let plain = [
            "",
            "tokens",
            "tokenizer",
            "llm.tokens.total",
            "gen_ai.usage.input_tokens",
            "token_count",
            "key",
            "cache.key",
            "author",
            "node.id",
            "passed",
            "keyboard",
            "secretary",
            "monkey",
            "api",
            "max_token_length",
            "primary_key",
            "_",
            "é",
            "日本",
        ];
        plain.iter().for_each(|name| assert!(!is_secret(name), "{name}"));
    }

    #[test]
    fn users_name_words_or_whole_names() {
        let fits = |pattern: &str, name: &str| Pattern::new(pattern).fits(name);
        assert!(fits("iban", "customer.IBAN") && fits("bank_account", "theBankAccountNumber") && !fits("iban", "caliban"));
        assert!(fits("user.*", "user.name") && fits("*ssn*", "my_SSN_text") && fits("a*b*c", "a1b2c") && !fits("a*b", "ac"));
        assert!(!fits("", "anything") && !fits("user.*", "the.user.name"));
    }
}
