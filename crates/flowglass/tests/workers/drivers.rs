//! Drivers that are processes of their own: where what their workers print goes, and what is left when they are killed.
//!
//! A test starts this same program again to run the `driver_entry` test, which without a task does nothing.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use flowglass::prelude::*;

use crate::pipelines::{hangers, loud, nests};
use crate::{copies, workers};

const TASK: &str = "FLOWGLASS_TEST_DRIVER";
/// Items of the loud map.
const ITEMS: u64 = 40;

#[test]
fn driver_entry() {
    #[expect(clippy::disallowed_methods, reason = "how a driver is told what it is to do")]
    let Ok(task) = std::env::var(TASK) else { return };
    match task.as_str() {
        "print" => prints(),
        "hang" => hangs(),
        _ => panic!("no such task: {task}"),
    }
}

/// Has workers print a lot, and prints one line itself.
fn prints() {
    let numbers: Vec<u64> = (0..ITEMS).collect();
    let map = loud().unwrap().map(inputs! { number: numbers }, ["number"]).backend(workers(2)).wait().unwrap();
    println!("the sum is {}", map.column::<u64>("heard").unwrap().into_iter().sum::<u64>());
}

/// Has two workers hang until somebody ends them.
fn hangs() {
    let numbers: Vec<u64> = vec![1, 2];
    let backend = flowglass::over(copies(2).jobs_each(1));
    let map = hangers().unwrap().map(inputs! { number: numbers }, ["number"]);
    panic!("it ended: {:?}", map.backend(backend).wait().map(|map| map.failed()));
}

fn driver(task: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["drivers::driver_entry", "--exact", "--nocapture", "--test-threads=1"]).env(TASK, task);
    command.stdin(Stdio::null());
    command
}

#[test]
fn what_nodes_print_in_workers_is_kept_apart_from_what_the_program_prints() {
    let output = driver("print").output().unwrap();
    let (printed, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}");
    assert!(printed.contains(&format!("the sum is {}", (0..ITEMS).sum::<u64>())), "{printed}");
    assert!(!printed.contains("node"), "nothing of the workers' gets between: {printed}");
    // Whole lines, each with the worker and the item that it is of.
    for number in 0..ITEMS {
        let of = |what: &str| told.lines().find(|line| line.contains(&format!("[{what} of node {number}]"))).unwrap();
        for line in [of("out"), of("err")] {
            let whose = line.strip_prefix("[processes-").and_then(|line| line.get(1..)).unwrap_or(line);
            assert!(whose.starts_with(&format!(" loud[{number}]] ")), "{line}");
        }
    }
    assert_eq!(told.lines().filter(|line| line.ends_with(&"o".repeat(3_000))).count() as u64, ITEMS);
}

/// Ends a driver when a test is over, however it is over.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // One that has ended needs no killing.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn workers_end_with_a_driver_that_is_killed() {
    let mut driver = Ended(driver("hang").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let mut told = BufReader::new(driver.0.stderr.take().unwrap()).lines();
    let mut hanging = told.by_ref().filter(|line| line.as_ref().unwrap().contains("hanging"));
    assert!(hanging.next().is_some() && hanging.next().is_some(), "both workers hang");
    // As `kill -9` does: nothing of the driver runs any more.
    driver.0.kill().unwrap();
    driver.0.wait().unwrap();
    // What workers print goes where the driver's errors went: nobody holds that any more when all of them have ended.
    let (sender, ended) = channel();
    std::thread::spawn(move || sender.send(told.all(|line| line.is_ok())));
    let ended = ended.recv_timeout(Duration::from_secs(60));
    assert_eq!(ended, Ok(true), "workers outlive their driver");
}

#[test]
fn a_worker_starts_no_workers() {
    let run = nests().unwrap().run(inputs! { number: 3_u64 }).backend(workers(1)).wait().unwrap();
    let said = run.get::<String>("said").unwrap();
    assert!(said.contains("copies start no copies"), "{said}");
}
