//! Random queries over the words and values of a [`Recording`](super::Recording).

use flowglass_model::{SpanId, Status};

use super::chance::Chance;
use crate::query::{Comparison, Condition, Expr, Field, Literal, Moment, Pattern, Query, Select, Sort, Test};

const START_UNIX_NS: i64 = 1_700_000_000_000_000_000;

/// Makes a query from a seed.
#[must_use]
pub fn wish(seed: u64) -> Query {
    let mut chance = Chance::new(seed);
    let mut query = Query::new(chance.of(Select::ALL));
    query.filter = expr(&mut chance, 3);
    let field = chance.of(&[Field::Started, Field::Started, Field::Duration, Field::Name]);
    query.sort = if chance.tenths(4) { Sort::default() } else { Sort { field, descending: chance.tenths(5) } };
    query.limit = chance.of(&[1, 7, 40, 1000]);
    query
}

fn expr(chance: &mut Chance, depth: u64) -> Expr {
    match chance.below(if depth == 0 { 6 } else { 11 }) {
        0 => Expr::All,
        1 => Expr::Text(pattern(chance)),
        2..=5 => test(chance),
        6 | 7 => Expr::all((0..=chance.below(2)).map(|_| expr(chance, depth - 1)).collect::<Vec<_>>()),
        8 => Expr::any((0..=chance.below(2)).map(|_| expr(chance, depth - 1)).collect::<Vec<_>>()),
        9 => expr(chance, depth - 1).negated(),
        _ => Expr::Has(Box::new(expr(chance, depth - 1))),
    }
}

fn pattern(chance: &mut Chance) -> Pattern {
    Pattern::new(chance.of(&["disk", "enc*", "slow", "r?d", "12", "größe", "*", "inner", "stage.done", "no such word"]))
}

fn word(chance: &mut Chance) -> Literal {
    let words =
        ["12", "12.0", "0", "-0", "-3", "true", "red", "0.5", "ab12", "hit", "9007199254740993", "9007199254740992", "encode"];
    let word = chance.of(&words).to_owned();
    if chance.tenths(3) { Literal::Text(word) } else { Literal::Word(word) }
}

fn test(chance: &mut Chance) -> Expr {
    let field = chance.of(&[
        Field::Name,
        Field::Status,
        Field::Type,
        Field::Duration,
        Field::Started,
        Field::Ended,
        Field::Trace,
        Field::Span,
        Field::Parent,
        Field::Message,
        Field::Event,
        Field::Severity,
        Field::Body,
        Field::Value,
        Field::Unit,
        Field::attribute("node.id"),
        Field::attribute("rows"),
        Field::attribute("rows"),
        Field::attribute("tags"),
        Field::attribute("cache.status"),
        Field::attribute("wait_ms"),
        Field::attribute("service.name"),
        Field::attribute("pipeline.name"),
        Field::attribute("nothing"),
    ]);
    let condition = condition(chance, &field);
    Expr::Test(Test { field, condition })
}

fn condition(chance: &mut Chance, field: &Field) -> Condition {
    if chance.below(8) == 0 {
        return Condition::Exists;
    }
    let side = chance.of(&[Comparison::Less, Comparison::AtMost, Comparison::More, Comparison::AtLeast]);
    match field {
        Field::Status => {
            let status = |chance: &mut Chance| chance.of(Status::ALL).as_str().to_owned();
            if chance.tenths(5) {
                Condition::Equals(Literal::Word(status(chance)))
            } else {
                Condition::Like((0..=chance.below(2)).map(|_| Pattern::new(&status(chance))).collect())
            }
        }
        Field::Type => Condition::Equals(Literal::Word(chance.of(&["pipeline", "node", "llm"]).to_owned())),
        Field::Duration => {
            let (one, other) =
                (Literal::Duration(chance.below(40) * 250_000_000), Literal::Duration(chance.below(11) * 1_000_000_000));
            compared(chance, side, one, other)
        }
        Field::Started | Field::Ended => {
            let mut moment = || Literal::Time(Moment::At(START_UNIX_NS + chance.below(300) as i64 * 1_000_000_000));
            let (one, other) = (moment(), moment());
            compared(chance, side, one, other)
        }
        Field::Trace => {
            let number = chance.below(12);
            let whole = format!("{:02x}{number:02x}", b'a' ^ (number / 2) as u8).repeat(8);
            let digits = whole[..chance.of(&[1, 2, 4, 32, 32])].to_owned();
            if digits.len() == 32 {
                Condition::Equals(Literal::Word(digits))
            } else {
                Condition::Like(vec![Pattern::new(&digits)])
            }
        }
        Field::Span | Field::Parent => Condition::Equals(Literal::Word(SpanId::from_u64(chance.below(25)).to_string())),
        Field::Name => match chance.below(2) {
            0 => Condition::Equals(Literal::Text(
                chance.of(&["node encode", "digest", "exception", "node.duration", ""]).to_owned(),
            )),
            _ => Condition::Like(vec![pattern(chance)]),
        },
        Field::Severity => compared(chance, side, Literal::Word("warn".to_owned()), Literal::Word("17".to_owned())),
        _ => match chance.below(4) {
            0 => Condition::Like((0..=chance.below(2)).map(|_| pattern(chance)).collect()),
            1 => {
                let (one, other) = (word(chance), word(chance));
                compared(chance, side, one, other)
            }
            _ => Condition::Equals(word(chance)),
        },
    }
}

fn compared(chance: &mut Chance, side: Comparison, one: Literal, other: Literal) -> Condition {
    match chance.below(4) {
        0 => Condition::Equals(one),
        1 => Condition::Between(Some(one), Some(other)),
        2 => Condition::Between(None, Some(other)),
        _ => Condition::Compare(side, one),
    }
}
