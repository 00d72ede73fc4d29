//! The machine around: its clock, its terminal, and variables that change what is seen.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::finding::Finding;
use crate::printer::Printer;

/// No clock is earlier than this: 2024-01-01, in seconds since 1970.
const EARLIEST: u64 = 1_704_067_200;
/// So long both clocks are watched.
const MOMENT: Duration = Duration::from_millis(2);
/// Two clocks that run side by side for a moment may differ by so much.
const APART: Duration = Duration::from_millis(50);

pub(super) fn look(printer: &Printer) -> Vec<Finding> {
    let mut findings = vec![clock(), terminal(printer)];
    findings.extend(parent());
    findings
}

fn clock() -> Finding {
    let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH) else {
        return Finding::wrong("clock", "it stands before 1970", "set it, and let it be kept right");
    };
    if now.as_secs() < EARLIEST {
        return Finding::wrong("clock", format!("it stands at {}", moment(now)), "set it, and let it be kept right");
    }
    if jumps() {
        let advice = "look at what sets the clock: the times of several processes won't fit together";
        return Finding::strange("clock", "the time of day jumps", advice);
    }
    Finding::good("clock", format!("{} UTC", moment(now)))
}

/// Says whether the time of day and a steady clock disagree on how long a moment was. Each look at the one stands between two at
/// the other, so that a pause of this process changes nothing.
fn jumps() -> bool {
    let (before, wall, behind) = (Instant::now(), SystemTime::now(), Instant::now());
    while behind.elapsed() < MOMENT {
        std::hint::spin_loop();
    }
    let (least, passed, most) = (behind.elapsed(), wall.elapsed(), before.elapsed());
    !passed.is_ok_and(|passed| (least.saturating_sub(APART)..=most + APART).contains(&passed))
}

fn moment(since: Duration) -> String {
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| seconds.to_string(), |moment| moment.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

fn terminal(printer: &Printer) -> Finding {
    let (width, height) = printer.stderr_size();
    if !printer.stderr_is_terminal() {
        return Finding::good("terminal", "none: progress is shown as lines");
    }
    let says =
        format!("{width} columns, {height} lines, {}", if printer.stderr_options().color { "colours" } else { "no colours" });
    match width {
        ..40 => Finding::strange("terminal", says, "make it wider: waterfalls need 60 columns or more"),
        _ => Finding::good("terminal", says),
    }
}

/// Every run joins the trace that the environment names.
fn parent() -> Option<Finding> {
    #[expect(clippy::disallowed_methods, reason = "the environment is this command's to read")]
    let parent = std::env::var("TRACEPARENT").ok().filter(|parent| !parent.is_empty())?;
    Some(match parent.parse::<flowglass::model::TraceParent>() {
        Ok(parent) => Finding::good("environment", format!("runs join the trace {} of TRACEPARENT", parent.trace_id)),
        Err(error) => Finding::strange("environment", format!("TRACEPARENT means nothing: {error}"), "unset it"),
    })
}
