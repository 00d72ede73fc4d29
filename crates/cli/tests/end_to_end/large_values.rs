//! Values that are much larger than usual.

use std::io::Read;

use crate::harness::{Home, node};

const SIZE: usize = 100_000_000;
const MOST_KB: u64 = 600 * 1024;

#[test]
fn a_hundred_megabytes_come_through_in_bounded_memory() {
    let home = Home::with(&format!("[[node]]\noutput = 'out'\nshell = 'head -c {SIZE} /dev/zero | tr \"\\\\0\" x'\n"));
    for _ in 0..2 {
        let mut running = home.call(&["run", "p.toml", "--output", "out", "-q"]).start();
        let mut stdout = running.stdout();
        let mut bytes = vec![0; SIZE - 1_000_000];
        stdout.read_exact(&mut bytes).unwrap();
        // It still has a megabyte to write, far more than a pipe holds: it lives, and has done its work.
        let peak_kb = running.process().peak_memory_kb();
        stdout.read_to_end(&mut bytes).unwrap();
        running.end().ok();
        assert!(bytes.len() == SIZE && bytes.iter().all(|byte| *byte == b'x'));
        assert!(peak_kb < MOST_KB, "{peak_kb} kB");
    }
}

#[test]
fn a_large_value_goes_on_to_the_next_command() {
    let home = Home::with(&format!(
        "[[node]]\noutput = 'big'\nshell = 'head -c {SIZE} /dev/zero'\nparse = 'bytes'\n\
         [[node]]\noutput = 'size'\nshell = 'wc -c; grep VmHWM /proc/$PPID/status'\nstdin = '{{big}}'\nparse = 'lines'\n"
    ));
    let printed = home.printed(&["-q"]);
    let (size, peak) = printed.split_once('\n').unwrap();
    assert_eq!(size.trim(), SIZE.to_string());
    let peak_kb: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(peak_kb < MOST_KB, "{peak_kb} kB");
}

#[test]
fn an_item_of_a_long_list_is_an_item() {
    let home = Home::with(
        "name = 'p'\n[[node]]\noutput = 'xs'\nshell = 'seq 10000'\nparse = 'lines'\n\
         [[node]]\noutput = 'sum'\ncommand = ['awk', '{{s += $1}} END {{print s}}']\nstdin = '{xs}'\n",
    );
    let run = home.json(&[]);
    assert_eq!(run["outputs"]["sum"], "50005000");
    assert_eq!(node(&run, "p > sum")["status"], "ok");
}
