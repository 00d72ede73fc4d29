//! What the values behind a name mean: that depends on the field.

use std::ops::Range;

use flowglass_model::nearest::did_you_mean;
use flowglass_model::{Severity, parse_duration};
use jiff::tz::TimeZone;

use super::moment::Period;
use super::scanner::Piece;
use super::{Comparison, Condition, Field, FieldKind, Literal, Moment, Pattern, QueryError};

/// Reads values of one query.
pub(super) struct Values<'a> {
    text: &'a str,
    zone: TimeZone,
}

impl<'a> Values<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, zone: TimeZone::system() }
    }

    fn error(&self, place: &Range<usize>, message: impl Into<String>) -> QueryError {
        QueryError::new(self.text, place.clone(), message)
    }

    /// The value behind `=`.
    pub(super) fn exact(&self, field: &Field, piece: &Piece) -> Result<Literal, QueryError> {
        match field.kind() {
            FieldKind::Word => self.word(field, piece).map(Literal::Word),
            FieldKind::Duration => self.duration(piece).map(Literal::Duration),
            FieldKind::Time => self.period(piece).map(|period| Literal::Time(period.first)),
            FieldKind::Id => self.id(piece).map(Literal::Word),
            FieldKind::Text | FieldKind::Any if piece.quoted => Ok(Literal::Text(piece.exact())),
            FieldKind::Text | FieldKind::Any => Ok(Literal::Word(piece.text.clone())),
        }
    }

    /// The value behind `<`, `<=`, `>` or `>=`.
    pub(super) fn compared(&self, name: &Piece, field: &Field, piece: &Piece, side: Comparison) -> Result<Literal, QueryError> {
        match field.kind() {
            FieldKind::Duration => self.duration(piece).map(Literal::Duration),
            // What is more than a day begins behind its end.
            FieldKind::Time => self.period(piece).map(|period| {
                Literal::Time(if matches!(side, Comparison::More | Comparison::AtMost) { period.last } else { period.first })
            }),
            FieldKind::Any => self.amount(name, field, piece),
            FieldKind::Text | FieldKind::Word | FieldKind::Id => Err(self
                .error(&name.place, format!("`{}` has no larger and smaller", name.text))
                .with_help(Some(format!("write `{}:{}`", name.text, piece.text)))),
        }
    }

    /// The values behind `:` with `..` between them.
    pub(super) fn range(&self, name: &Piece, field: &Field, first: &Piece, last: &Piece) -> Result<Condition, QueryError> {
        if !first.quoted && !last.quoted && first.text.is_empty() && last.text.is_empty() {
            let place = first.place.start..last.place.end;
            return Err(self
                .error(&place, "a range needs one end at least")
                .with_help(Some("write `1s..5s`, `1s..` or `..5s`".into())));
        }
        let end = |piece: &Piece, side| {
            if piece.text.is_empty() { Ok(None) } else { self.compared(name, field, piece, side).map(Some) }
        };
        Ok(Condition::Between(end(first, Comparison::AtLeast)?, end(last, Comparison::AtMost)?))
    }

    /// The values behind `:`.
    pub(super) fn like(&self, field: &Field, values: &[Piece]) -> Result<Condition, QueryError> {
        if let [only] = values
            && !only.quoted
            && Pattern::new(&only.text).is_anything()
        {
            return Ok(Condition::Exists);
        }
        match (field.kind(), values) {
            (FieldKind::Time, [only]) => self.within(only),
            (FieldKind::Duration, [only]) => Err(self.never_exact(only)),
            (FieldKind::Time | FieldKind::Duration, [first, .., last]) => {
                let place = first.place.start..last.place.end;
                Err(self.error(&place, "there can be only one value here").with_help(Some("join tests by `or`".to_owned())))
            }
            (FieldKind::Word, _) => self.patterns(values, |piece| self.word(field, piece)),
            (FieldKind::Id, _) => self.patterns(values, |piece| self.id(piece)),
            _ => self.patterns(values, |piece| Ok(piece.text.clone())),
        }
    }

    fn patterns(&self, values: &[Piece], read: impl Fn(&Piece) -> Result<String, QueryError>) -> Result<Condition, QueryError> {
        let patterns: Result<_, _> = values.iter().map(|piece| Ok(Pattern::new(&read(piece)?))).collect();
        patterns.map(Condition::Like)
    }

    fn within(&self, piece: &Piece) -> Result<Condition, QueryError> {
        let period = self.period(piece)?;
        let since = matches!(period.first, Moment::Ago(_));
        Ok(Condition::Between(Some(Literal::Time(period.first)), (!since).then_some(Literal::Time(period.last))))
    }

    fn never_exact(&self, piece: &Piece) -> QueryError {
        match self.duration(piece) {
            Err(error) => error,
            Ok(_) => {
                let value = &piece.text;
                self.error(&piece.place, "nothing takes exactly this long")
                    .with_help(Some(format!("write `>{value}`, `<{value}` or a range such as `{value}..1h`")))
            }
        }
    }

    fn word(&self, field: &Field, piece: &Piece) -> Result<String, QueryError> {
        let (words, word) = (field.words(), piece.exact().to_lowercase());
        if words.contains(&word.as_str()) {
            return Ok(word);
        }
        let message = format!("no {} is `{}`; there are {}", field.name(), piece.text, words.join(", "));
        Err(self.error(&piece.place, message).with_help(did_you_mean(&word, words)))
    }

    fn id(&self, piece: &Piece) -> Result<String, QueryError> {
        let id = piece.exact().to_lowercase();
        // A run that joined a trace is called by the trace and its own root.
        let digits = id.split_once('-').map_or(id.as_str(), |(trace, _)| trace);
        let fits = !digits.is_empty() && digits.len() <= 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if fits { Ok(digits.to_owned()) } else { Err(self.error(&piece.place, "an id is up to 32 hexadecimal digits")) }
    }

    fn duration(&self, piece: &Piece) -> Result<u64, QueryError> {
        let duration = parse_duration(&piece.text).and_then(|duration| u64::try_from(duration.as_nanos()).ok());
        let is_number = piece.text.parse::<f64>().is_ok();
        duration.ok_or_else(|| {
            let help = if is_number {
                format!("which unit? write `{0}ms` or `{0}s`", piece.text)
            } else {
                "write `150ms`, `2s` or `1h30m`".to_owned()
            };
            self.error(&piece.place, "this is no duration").with_help(Some(help))
        })
    }

    fn period(&self, piece: &Piece) -> Result<Period, QueryError> {
        Period::parse(&piece.text, &self.zone).ok_or_else(|| {
            let ago = parse_duration(&piece.text).is_some();
            let help = if ago {
                format!("write `-{}` for so long ago", piece.text)
            } else {
                "write `-1h`, `today`, `2026-11-21` or `2026-11-21T10:30`".to_owned()
            };
            self.error(&piece.place, "this is no time").with_help(Some(help))
        })
    }

    /// A number, or a duration where the attribute's unit is known.
    fn amount(&self, name: &Piece, field: &Field, piece: &Piece) -> Result<Literal, QueryError> {
        let literal = Literal::Word(piece.exact());
        let is_severity = || *field == Field::Severity && literal.text().and_then(Severity::from_name).is_some();
        if literal.number().is_some() || is_severity() {
            return Ok(literal);
        }
        let Some(duration) = parse_duration(&piece.text) else {
            return Err(self.error(&piece.place, "only numbers are larger or smaller than each other"));
        };
        if field.unit_ns().is_some() {
            return u64::try_from(duration.as_nanos())
                .map(Literal::Duration)
                .map_err(|_| self.error(&piece.place, "this is too long"));
        }
        let meant = did_you_mean(&name.text, Field::known_names());
        let help = meant.unwrap_or_else(|| "write a plain number".to_owned());
        Err(self
            .error(&name.place, format!("`{}` is an attribute whose name tells no unit of time", name.text))
            .with_help(Some(help)))
    }
}
