//! What waits on disk for destinations that are away: how much, and whether there is room for more.

use flowglass::config::Config;
use flowglass::otlp::SpoolOptions;
use flowglass::term::quantity;

use super::finding::Finding;
use crate::arguments::StoreArgument;

pub(super) fn look(argument: &StoreArgument, config: &Config) -> Vec<Finding> {
    let folder = argument.location().and_then(|location| location.spool()).ok();
    let Some(spool) = config.spool(folder) else { return Vec::new() };
    spool.waiting().into_iter().map(|(name, bytes)| finding(&spool, &name, bytes)).collect()
}

fn finding(spool: &SpoolOptions, name: &str, bytes: u64) -> Finding {
    let place = spool.folder.join(name);
    let says = format!("{} of {} wait in {}", quantity::bytes(bytes), quantity::bytes(spool.bytes), place.display());
    if bytes < spool.bytes - spool.bytes / 10 {
        return Finding::good("spool", says);
    }
    let advice =
        "see that the receiver runs, and run something, which sends it; `export.spool` lets more wait before the oldest goes";
    Finding::strange("spool", says, advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_little_room_left_is_strange() {
        let spool = SpoolOptions { folder: "spool".into(), bytes: 1000 };
        let word = |bytes| finding(&spool, "traces-x", bytes).verdict.as_str();
        assert_eq!([word(1), word(899), word(900), word(2000)], ["ok", "ok", "warning", "warning"]);
    }
}
