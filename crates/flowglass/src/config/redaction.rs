//! Rules of what is hidden, as configurations write them.

use flowglass_model::Redaction;
use regex::Regex;

/// Says what is wrong with regular expressions, each with its reason.
pub(super) fn wrong_expressions(expressions: &[String]) -> Vec<String> {
    let wrong =
        |expression: &String| Some(format!("`{expression}` is no regular expression: {}", Regex::new(expression).err()?));
    expressions.iter().filter_map(wrong).collect()
}

/// Also hides what fits these regular expressions; of one with groups, what fits its first group.
pub(super) fn hiding(redaction: Redaction, expressions: &[String]) -> Redaction {
    let known = expressions.iter().filter_map(|expression| Some((expression, Regex::new(expression).ok()?)));
    known.fold(redaction, |redaction, (name, expression)| {
        redaction.value(name, move |text| {
            let found = expression.captures_iter(text);
            found.filter_map(|found| found.get(1).or_else(|| found.get(0))).map(|found| found.range()).collect()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_hide_what_fits() {
        let expressions = ["CUST-\\d+".to_owned(), "plate (\\w+)".to_owned()];
        let redaction = hiding(Redaction::secrets(), &expressions);
        assert_eq!(redaction.text("of CUST-17, plate ZH123"), "of [redacted], plate [redacted]");
        assert!(wrong_expressions(&["(".to_owned(), "a".to_owned()])[0].contains("no regular expression"));
    }
}
