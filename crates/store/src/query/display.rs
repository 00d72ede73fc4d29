//! A query as text that reads back as the same query.

use std::fmt;

use super::field::FLAGS;
use super::moment::{duration_text, text as moment_text};
use super::{Condition, DEFAULT_LIMIT, Expr, Field, FieldKind, Literal, Pattern, Query, Sort, Test};

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.filter != Expr::All {
            parts.push(self.filter.to_string());
        }
        if self.sort != Sort::default() {
            parts.push(format!("sort:{}{}", if self.sort.descending { "-" } else { "" }, self.sort.field.name()));
        }
        if self.limit != DEFAULT_LIMIT {
            parts.push(format!("limit:{}", self.limit));
        }
        // What isn't joined by `or` already can stand beside the settings.
        if matches!(self.filter, Expr::Or(_)) && parts.len() > 1 {
            parts[0] = format!("({})", parts[0]);
        }
        f.write_str(&parts.join(" "))
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::And(parts) => joined(f, parts, " ", |part| matches!(part, Self::Or(_))),
            Self::Or(parts) => joined(f, parts, " or ", |_| false),
            Self::Not(inner) => match &**inner {
                Self::Test(Test { field, condition: Condition::Equals(literal) }) => {
                    write!(f, "{}!={}", FieldText(field), LiteralText(literal))
                }
                Self::And(_) | Self::Or(_) => write!(f, "not ({inner})"),
                inner => write!(f, "not {inner}"),
            },
            Self::Test(test) => test.fmt(f),
            Self::Text(pattern) => PatternText { pattern, is_free: true }.fmt(f),
            Self::Has(inner) => write!(f, "has({inner})"),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Expr], between: &str, in_parentheses: impl Fn(&Expr) -> bool) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        if in_parentheses(part) { write!(f, "({part})")? } else { write!(f, "{part}")? }
    }
    Ok(())
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = FieldText(&self.field);
        match &self.condition {
            Condition::Exists => write!(f, "{name}:*"),
            Condition::Like(patterns) => {
                write!(f, "{name}:")?;
                for (at, pattern) in patterns.iter().enumerate() {
                    let comma = if at > 0 { "," } else { "" };
                    write!(f, "{comma}{}", PatternText { pattern, is_free: false })?;
                }
                Ok(())
            }
            Condition::Equals(Literal::Word(word)) if flag(&self.field, word) => f.write_str(word),
            Condition::Equals(literal) => write!(f, "{name}={}", LiteralText(literal)),
            Condition::Compare(side, literal) => write!(f, "{name}{}{}", side.as_str(), LiteralText(literal)),
            Condition::Between(Some(Literal::Time(moment @ super::Moment::Ago(_))), None) => {
                write!(f, "{name}:{}", moment_text(*moment))
            }
            Condition::Between(first, last) => {
                write!(f, "{name}:")?;
                first.as_ref().map_or(Ok(()), |first| write!(f, "{}", LiteralText(first)))?;
                f.write_str("..")?;
                last.as_ref().map_or(Ok(()), |last| write!(f, "{}", LiteralText(last)))
            }
        }
    }
}

fn flag(field: &Field, word: &str) -> bool {
    field.kind() == FieldKind::Word && *field == Field::Type && FLAGS.iter().any(|(flag, _)| *flag == word)
}

/// A field's name, in quotes where it would be read as something else.
struct FieldText<'a>(&'a Field);

impl fmt::Display for FieldText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.name();
        let is_settings = matches!(name, "sort" | "limit" | "in");
        if is_plain(name) && !is_settings && Field::named(name) == *self.0 { f.write_str(name) } else { quoted(f, name) }
    }
}

/// A literal as it is read behind a sign.
struct LiteralText<'a>(&'a Literal);

impl fmt::Display for LiteralText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Literal::Word(word) => f.write_str(word),
            Literal::Text(text) => quoted(f, text),
            Literal::Duration(duration_ns) => f.write_str(&duration_text(*duration_ns)),
            Literal::Time(moment) => f.write_str(&moment_text(*moment)),
        }
    }
}

/// A pattern, alone or behind a `:`.
struct PatternText<'a> {
    pattern: &'a Pattern,
    is_free: bool,
}

impl fmt::Display for PatternText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.pattern.text();
        let means_more = self.pattern.is_anything()
            || self.is_free
                && (FLAGS.iter().any(|(flag, _)| *flag == text)
                    || ["and", "or", "not"].iter().any(|word| text.eq_ignore_ascii_case(word)));
        if is_plain(text) && !means_more {
            return f.write_str(text);
        }
        // Backslashes have their meaning in patterns, in quotes or not.
        write!(f, "\"{}\"", text.replace('"', "\\\""))
    }
}

/// Writes a text in quotes, with a backslash before what would end it.
fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Says whether a text is read as one word wherever it stands.
fn is_plain(text: &str) -> bool {
    let plain =
        |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '*' | '?' | '@' | '#' | '[' | ']' | '+' | '%');
    !text.is_empty() && !text.starts_with('-') && !text.contains("..") && text.chars().all(plain)
}
