//! From text to the tree of a query.

use flowglass_model::nearest::did_you_mean;

use super::field::FLAGS;
use super::scanner::{Piece, Scanner, Sign};
use super::value::Values;
use super::{Comparison, Condition, Expr, Field, Literal, Pattern, Query, QueryError, Select, Sort, Test};

/// A query of more bytes is refused, so that reading it takes a bounded time.
const MOST_BYTES: usize = 16 * 1024;

/// So deep may parentheses and `not` stand in each other.
const MOST_DEPTH: usize = 64;

pub(super) fn parse(select: Select, text: &str) -> Result<Query, QueryError> {
    if text.len() > MOST_BYTES {
        let message = format!("a query has at most {MOST_BYTES} bytes, this one has {}", text.len());
        return Err(QueryError::new("", 0..0, message));
    }
    let mut parser = Parser { scanner: Scanner::new(text), values: Values::new(text), query: Query::new(select), depth: 0 };
    let filter = parser.either()?;
    match parser.scanner.peek() {
        None => Ok(Query { filter, ..parser.query }),
        Some(_) => Err(QueryError::new(text, parser.scanner.at..parser.scanner.at + 1, "this `)` closes nothing")),
    }
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    values: Values<'a>,
    /// The order and the limit, as far as they were read.
    query: Query,
    depth: usize,
}

impl Parser<'_> {
    fn error(&self, place: std::ops::Range<usize>, message: impl Into<String>) -> QueryError {
        QueryError::new(self.scanner.text, place, message)
    }

    fn either(&mut self) -> Result<Expr, QueryError> {
        let mut parts = vec![self.all()?];
        while self.takes_keyword("or") {
            parts.push(self.operand("or", Self::all)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::any(parts) })
    }

    fn all(&mut self) -> Result<Expr, QueryError> {
        let mut parts = Vec::new();
        loop {
            let joined = self.takes_keyword("and");
            self.scanner.skip_space();
            let ends = matches!(self.scanner.peek(), None | Some(')')) || self.sees_keyword("or");
            if ends && (joined || self.sees_keyword("or") && parts.is_empty()) {
                return Err(self.missing(if joined { "and" } else { "or" }));
            }
            if ends {
                return Ok(Expr::all(parts));
            }
            parts.push(self.unary()?);
        }
    }

    /// Reads what a keyword joins or turns round, which must be there.
    fn operand(&mut self, word: &str, read: fn(&mut Self) -> Result<Expr, QueryError>) -> Result<Expr, QueryError> {
        self.scanner.skip_space();
        if matches!(self.scanner.peek(), None | Some(')')) {
            return Err(self.missing(word));
        }
        read(self)
    }

    fn missing(&self, word: &str) -> QueryError {
        let at = self.scanner.at;
        self.error(at..at, format!("something is missing beside `{word}`"))
            .with_help(Some(format!("to look for the word itself, write \"{word}\"")))
    }

    fn unary(&mut self) -> Result<Expr, QueryError> {
        self.scanner.skip_space();
        let start = self.scanner.at;
        if self.scanner.take('-') {
            if self.scanner.peek().is_none_or(|next| next.is_whitespace() || next == ')') {
                return Err(self
                    .error(start..start + 1, "a `-` alone says nothing")
                    .with_help(Some("write `not …`".to_owned())));
            }
            return self.deeper(start, |this| Ok(this.unary()?.negated()));
        }
        if self.takes_keyword("not") {
            return self.deeper(start, |this| Ok(this.operand("not", Self::unary)?.negated()));
        }
        if self.scanner.take('(') {
            return self.group(start);
        }
        self.term()
    }

    fn deeper(&mut self, start: usize, read: impl FnOnce(&mut Self) -> Result<Expr, QueryError>) -> Result<Expr, QueryError> {
        if self.depth == MOST_DEPTH {
            return Err(self.error(start..start + 1, format!("more than {MOST_DEPTH} levels stand in each other here")));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    /// Reads up to the parenthesis that closes the one at `start`.
    fn group(&mut self, start: usize) -> Result<Expr, QueryError> {
        self.deeper(start, |this| {
            this.scanner.skip_space();
            if this.scanner.peek() == Some(')') {
                return Err(this.error(start..this.scanner.at + 1, "there is nothing between these parentheses"));
            }
            let inner = this.either()?;
            if !this.scanner.take(')') {
                return Err(this.error(start..start + 1, "this `(` is never closed"));
            }
            Ok(inner)
        })
    }

    fn term(&mut self) -> Result<Expr, QueryError> {
        let start = self.scanner.at;
        let name = self.scanner.take_word()?;
        if !name.quoted && name.text == "has" && self.scanner.take('(') {
            return Ok(Expr::Has(Box::new(self.group(self.scanner.at - 1)?)));
        }
        let sign_at = self.scanner.at;
        let Some(sign) = self.scanner.take_sign() else { return self.free(name) };
        if name.text.is_empty() {
            let place = start..self.scanner.at;
            return Err(self.error(place, "there is no name before this").with_help(Some("write `name:value`".to_owned())));
        }
        if !name.quoted && sign == Sign::Has && matches!(name.text.as_str(), "sort" | "limit" | "in") {
            self.setting(&name)?;
            return Ok(Expr::All);
        }
        let field = if name.quoted { Field::attribute(name.exact()) } else { Field::named(&name.text) };
        self.test(&name, &field, sign, sign_at)
    }

    /// A word or a text without a name.
    fn free(&mut self, piece: Piece) -> Result<Expr, QueryError> {
        if piece.text.is_empty() && !piece.quoted {
            let at = self.scanner.at;
            let wrong = self.scanner.peek().unwrap_or(' ');
            return Err(self.error(at..at + wrong.len_utf8(), format!("`{wrong}` means nothing here")));
        }
        if let Some((_, span_type)) = FLAGS.iter().find(|(flag, _)| !piece.quoted && *flag == piece.text) {
            let word = Literal::Word(span_type.as_str().to_owned());
            return Ok(Expr::Test(Test { field: Field::Type, condition: Condition::Equals(word) }));
        }
        let pattern = Pattern::new(&piece.text);
        Ok(if !piece.quoted && pattern.is_anything() { Expr::All } else { Expr::Text(pattern) })
    }

    fn test(&mut self, name: &Piece, field: &Field, sign: Sign, sign_at: usize) -> Result<Expr, QueryError> {
        let test = |condition| Expr::Test(Test { field: field.clone(), condition });
        // `duration:>2s` says the same as `duration>2s`.
        let sign = if sign == Sign::Has { self.scanner.take_sign().unwrap_or(sign) } else { sign };
        let condition = match sign {
            Sign::Has => self.like(name, field, sign_at)?,
            Sign::Is | Sign::IsNot => Condition::Equals(self.one(name, sign_at, |values, piece| values.exact(field, piece))?),
            Sign::Less => self.compare(name, field, sign_at, Comparison::Less)?,
            Sign::AtMost => self.compare(name, field, sign_at, Comparison::AtMost)?,
            Sign::More => self.compare(name, field, sign_at, Comparison::More)?,
            Sign::AtLeast => self.compare(name, field, sign_at, Comparison::AtLeast)?,
        };
        Ok(if sign == Sign::IsNot { test(condition).negated() } else { test(condition) })
    }

    fn compare(&mut self, name: &Piece, field: &Field, sign_at: usize, side: Comparison) -> Result<Condition, QueryError> {
        let literal = self.one(name, sign_at, |values, piece| values.compared(name, field, piece, side))?;
        Ok(Condition::Compare(side, literal))
    }

    /// Reads the one value behind a sign.
    fn one<T>(
        &mut self,
        name: &Piece,
        sign_at: usize,
        read: impl FnOnce(&Values<'_>, &Piece) -> Result<T, QueryError>,
    ) -> Result<T, QueryError> {
        let mut piece = self.scanner.take_value()?;
        // Commas and dots mean something behind `:` only.
        while !piece.quoted && matches!(self.scanner.peek(), Some(',' | '.')) {
            let at = self.scanner.at;
            self.scanner.at += 1;
            let more = self.scanner.take_value()?;
            let end = if more.quoted { at + 1 } else { more.place.end };
            piece.place.end = end;
            piece.text = self.scanner.text[piece.place.clone()].to_owned();
            self.scanner.at = end;
        }
        self.needs_value(name, &piece, sign_at)?;
        read(&self.values, &piece)
    }

    fn needs_value(&self, name: &Piece, value: &Piece, sign_at: usize) -> Result<(), QueryError> {
        if value.text.is_empty() && !value.quoted {
            let help = format!("`{}:*` asks for anything that has one", name.text);
            return Err(self.error(sign_at..self.scanner.at, "there is no value behind this").with_help(Some(help)));
        }
        Ok(())
    }

    fn like(&mut self, name: &Piece, field: &Field, sign_at: usize) -> Result<Condition, QueryError> {
        let first = self.scanner.take_value()?;
        if self.scanner.rest().starts_with("..") {
            self.scanner.at += 2;
            let last = self.scanner.take_value()?;
            return self.values.range(name, field, &first, &last);
        }
        self.needs_value(name, &first, sign_at)?;
        let mut values = vec![first];
        while self.scanner.take(',') {
            let next = self.scanner.take_value()?;
            self.needs_value(name, &next, sign_at)?;
            values.push(next);
        }
        self.values.like(field, &values)
    }

    fn setting(&mut self, name: &Piece) -> Result<(), QueryError> {
        if self.depth > 0 {
            let message = format!("`{}` holds for the whole query: write it outside of parentheses", name.text);
            return Err(self.error(name.place.clone(), message));
        }
        let value = self.scanner.take_value()?;
        if name.text == "sort" {
            self.query.sort = Sort::named(&value.text).ok_or_else(|| self.no_order(&value))?;
            return Ok(());
        }
        if name.text == "in" {
            self.query.select =
                *Select::ALL.iter().find(|select| select.as_str() == value.text).ok_or_else(|| self.no_kind(&value))?;
            return Ok(());
        }
        let limit = value.text.parse().ok().filter(|&limit| limit > 0);
        self.query.limit = limit.ok_or_else(|| self.error(value.place, "a limit is a whole number from 1"))?;
        Ok(())
    }

    fn no_kind(&self, value: &Piece) -> QueryError {
        let known = || Select::ALL.iter().map(|select| select.as_str());
        let message = format!("there are only {}", known().collect::<Vec<_>>().join(", "));
        self.error(value.place.clone(), message).with_help(did_you_mean(&value.text, known()))
    }

    fn no_order(&self, value: &Piece) -> QueryError {
        let help = did_you_mean(value.text.trim_start_matches('-'), Sort::NAMES.iter().copied());
        let message =
            format!("things can't be sorted by this; known: {}, each with a `-` for the largest first", Sort::NAMES.join(", "));
        self.error(value.place.clone(), message).with_help(help)
    }

    fn sees_keyword(&self, word: &str) -> bool {
        let rest = self.scanner.rest();
        let Some(found) = rest.get(..word.len()) else { return false };
        let after = rest[word.len()..].chars().next();
        found.eq_ignore_ascii_case(word) && after.is_none_or(|next| next.is_whitespace() || matches!(next, '(' | ')' | '"'))
    }

    fn takes_keyword(&mut self, word: &str) -> bool {
        self.scanner.skip_space();
        let taken = self.sees_keyword(word);
        self.scanner.at += if taken { word.len() } else { 0 };
        taken
    }
}
