//! What a query found, a line each: spans, events, points of metrics, logs.

use flowglass_insight::text;
use flowglass_model::Status;

use crate::Options;
use crate::ink::Ink;
use crate::mark::mark;
use crate::table::{Column, draw};

/// One thing that was found, as texts; what is empty in every line isn't drawn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// How it stands, if it is something that does.
    pub status: Option<Status>,
    /// When it started or happened.
    pub time: String,
    /// The run, or the trace, as short as the caller likes it.
    pub run: String,
    /// The span.
    pub span: String,
    /// How severe it is.
    pub severity: String,
    /// What it is called.
    pub name: String,
    /// A duration or a value.
    pub amount: String,
    /// What it says: a message, a body.
    pub message: String,
    /// Its attributes.
    pub attributes: String,
}

/// Draws a table. `amount` is the title of the amounts. Each line ends with a line break.
#[must_use]
pub fn render(found: &[Found], amount: &'static str, options: &Options) -> String {
    if found.is_empty() {
        return "nothing found\n".to_owned();
    }
    draw(columns(found, amount, *options), *options).into_iter().map(|line| line.finish() + "\n").collect()
}

fn columns(found: &[Found], amount: &'static str, options: Options) -> Vec<Column> {
    let texts = |ink: Ink, of: fn(&Found) -> &str| {
        found.iter().map(|one| vec![(ink, text::first_line(of(one)).into_owned())]).collect::<Vec<_>>()
    };
    let marks = found.iter().map(|one| match one.status {
        Some(status) => vec![(Ink::of(status, false), mark(status, false, options).to_owned())],
        None => Vec::new(),
    });
    let messages = found.iter().map(|one| {
        let ink = if one.status == Some(Status::Error) { Ink::Failed } else { Ink::Plain };
        vec![(ink, text::first_line(&one.message).into_owned())]
    });
    vec![
        Column::text("", 1, marks.collect()),
        Column::text("TIME", 3, texts(Ink::Plain, |one| &one.time)),
        Column::text("RUN", 2, texts(Ink::Plain, |one| &one.run)),
        Column::text("SPAN", 6, texts(Ink::Dim, |one| &one.span)),
        Column::text("SEVERITY", 2, texts(Ink::Plain, |one| &one.severity)),
        Column::text("NAME", 1, texts(Ink::Strong, |one| &one.name)).flexible(12),
        Column::numbers(amount, 1, found.iter().map(|one| one.amount.clone())),
        Column::text("MESSAGE", 4, messages.collect()).flexible(16),
        Column::text("ATTRIBUTES", 5, texts(Ink::Dim, |one| &one.attributes)).flexible(16),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{HOSTILE, check_width};
    use proptest::prelude::*;

    fn some() -> Vec<Found> {
        let span = |status, name: &str, message: &str| Found {
            status: Some(status),
            time: "2026-11-21 08:14:28".into(),
            run: "4bf92f35".into(),
            name: name.into(),
            amount: "1.23s".into(),
            message: message.into(),
            attributes: "rows=12".into(),
            ..Found::default()
        };
        vec![span(Status::Ok, "node clean", ""), span(Status::Error, "node encode", "out of memory\nat item 17")]
    }

    #[test]
    fn what_nothing_has_is_left_out() {
        insta::assert_snapshot!(render(&some(), "DURATION", &Options::plain(100)), @"
           TIME                 RUN       NAME         DURATION  MESSAGE        ATTRIBUTES
        ✓  2026-11-21 08:14:28  4bf92f35  node clean      1.23s                 rows=12
        ✗  2026-11-21 08:14:28  4bf92f35  node encode     1.23s  out of memory  rows=12
        ");
        assert_eq!(render(&[], "DURATION", &Options::plain(100)), "nothing found\n");
    }

    proptest! {
        #[test]
        fn every_line_fits(width in 12usize..220, color: bool, unicode: bool, at in 0..HOSTILE.len()) {
            let mut found = some();
            found.push(Found { message: HOSTILE[at].into(), name: HOSTILE[at].into(), attributes: HOSTILE[at].into(), ..Found::default() });
            check_width(&render(&found, "VALUE", &Options { width, color, unicode }), width);
        }
    }
}
