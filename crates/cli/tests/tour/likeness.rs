//! Says whether two lines of output are the same but for what differs from run to run: numbers, times, ids, bars.

/// Stands for lines that a page leaves out.
const LEFT_OUT: &str = "…";
/// Which part took most of the time is the machine's to say.
const MEASURED: &str = "of the time";

/// Returns the shown lines that nothing in the output is like. The order doesn't count: what runs side by side has none.
pub(crate) fn missing<'a>(shown: &'a [String], output: &str) -> Vec<&'a str> {
    let printed: Vec<String> = output.lines().map(essence).collect();
    let is_compared = |line: &&str| *line != LEFT_OUT && !line.contains(MEASURED);
    shown.iter().map(String::as_str).filter(is_compared).filter(|line| !printed.contains(&essence(line))).collect()
}

fn essence(line: &str) -> String {
    let words: Vec<String> = line.split_whitespace().map(word).filter(|word| !word.is_empty()).collect();
    let mut essence = words.join(" ");
    // A duration is one word or two: `4.69s`, `1m 5s`.
    while essence.contains("# #") {
        essence = essence.replace("# #", "#");
    }
    essence
}

/// Returns a word without bars, with `#` for its numbers and ids.
fn word(word: &str) -> String {
    let word: String = word.chars().filter(|c| !matches!(c, '\u{2580}'..='\u{259f}' | '━' | '╸' | '╺')).collect();
    let mut essence = String::new();
    let mut rest = word.as_str();
    while !rest.is_empty() {
        let end = rest.find(|c: char| !is_inner(c)).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        essence.push_str(if is_measured(piece) { "#" } else { piece });
        let mut others = after.chars();
        essence.extend(others.next());
        rest = others.as_str();
    }
    essence
}

fn is_inner(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | ',' | ':' | '-' | '_')
}

/// Numbers with or without a unit, dates, and ids.
fn is_measured(piece: &str) -> bool {
    let is_id = |length| piece.len() == length && piece.chars().all(|c| c.is_ascii_hexdigit());
    let is_number =
        piece.starts_with(|c: char| c.is_ascii_digit()) && piece.chars().all(|c| !c.is_alphabetic() || "nµmsh".contains(c));
    is_number || is_id(8) || is_id(32)
}

#[test]
fn only_what_differs_from_run_to_run_is_left_out() {
    assert_eq!(essence("├─ twins ×284  ╺━━━━━  2.26s ✓"), "├─ twins ×# ✓");
    assert_eq!(essence("✓  5f0a93d1  census  2026-11-21 09:31:07  96ms"), "✓ # census #");
    assert_eq!(essence("3 hits saved 1m 5s"), essence("2 hits saved 4.69s"));
    assert_eq!(essence("a > b[2]: ✗ FAILED (1m02s) `n/a` 100 %"), "a > b[#]: ✗ FAILED (#) `n/a` # %");
    assert_eq!(essence("readings/east.csv P50 █▌"), "readings/east.csv P50");
    let shown = ["…".to_owned(), "a 1".to_owned(), "b 1".to_owned()];
    assert_eq!(missing(&shown, "b 2\nc"), ["a 1"]);
}
