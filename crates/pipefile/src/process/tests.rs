//! Commands run for real: output, errors, time limits, and what is left behind.

use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::*;

fn shell(text: &str) -> Command {
    let mut command = Command::new("sh", std::env::temp_dir());
    command.args = vec!["-c".into(), text.into()];
    command
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn run(command: Command) -> Result<Printed, Error> {
    runtime().block_on(Processes::new().run(command, None))
}

fn failure(command: Command) -> (ErrorKind, String) {
    let error = run(command).unwrap_err();
    (error.kind(), error.to_string())
}

fn is_running(id: &str) -> bool {
    let id = id.trim().parse().ok().and_then(Pid::from_raw).unwrap();
    // A process that ended and that nobody reaped yet does nothing any more.
    let ended = std::fs::read_to_string(format!("/proc/{}/stat", id.as_raw_nonzero())).is_ok_and(|stat| stat.contains(") Z "));
    test_kill_process(id).is_ok() && !ended
}

#[test]
fn both_outputs_are_captured() {
    let printed = run(shell("echo out; echo err >&2; pwd")).unwrap();
    assert!(printed.stdout.starts_with(b"out\n"));
    assert_eq!(printed.stderr, "err\n");
}

#[test]
fn a_hundred_megabytes_come_through() {
    let printed = run(shell("head -c 100000000 /dev/zero")).unwrap();
    assert_eq!(printed.stdout.len(), 100_000_000);
}

#[test]
fn input_and_output_don_t_block_each_other() {
    let mut command = Command::new("cat", std::env::temp_dir());
    let input: Vec<u8> = (0..5_000_000_u32).map(|at| at.to_le_bytes()[0]).collect();
    command.stdin = Some(input.clone());
    assert!(run(command).unwrap().stdout == input);
    let mut command = shell("true");
    command.stdin = Some(vec![0; 1_000_000]);
    assert!(run(command).is_ok());
    assert_eq!(run(shell("cat")).unwrap().stdout, b"");
}

#[test]
fn too_much_output_ends_the_command() {
    let mut command = shell("yes");
    command.most_stdout_bytes = 1_000_000;
    let (kind, message) = failure(command);
    assert_eq!(kind, ErrorKind::TooLarge);
    assert!(message.contains("more than 1000000 bytes"), "{message}");
}

#[test]
fn a_failure_has_its_code_and_its_last_words() {
    let error = run(shell("printf 'first\\nbad \\377 thing\\n' >&2; exit 3")).unwrap_err();
    assert_eq!((error.kind(), error.exit_code()), (ErrorKind::Exit, Some(3)));
    assert_eq!(
        error.to_string(),
        "`sh` exited with code 3: bad \u{fffd} thing\n  the end of its error output:\n  | first\n  | bad \u{fffd} thing"
    );
    assert_eq!(run(shell("exit 1")).unwrap_err().to_string(), "`sh` exited with code 1");
    let (kind, message) = failure(shell("kill -9 $$"));
    assert_eq!((kind, message.as_str()), (ErrorKind::Signal, "`sh` was killed by signal 9 (KILL)"));
}

#[test]
fn error_lines_are_told_as_they_come() {
    let lines = Mutex::new(Vec::new());
    let on_line = |line: &str| lines.lock().unwrap().push(line.to_owned());
    runtime().block_on(Processes::new().run(shell("printf 'a\\nb\\r\\nc' >&2"), Some(&on_line))).unwrap();
    assert_eq!(*lines.lock().unwrap(), ["a", "b", "c"]);
}

#[test]
fn variables_are_given() {
    let mut command = shell("printf %s \"$TRACEPARENT:$PWD\"");
    command.cwd = "/".into();
    command.set_env("TRACEPARENT", "old");
    command.set_env("TRACEPARENT", "new");
    assert_eq!(run(command).unwrap().stdout, b"new:/");
}

#[test]
fn variables_of_this_process_can_be_kept_back() {
    let mut command = shell("printf %s \"${PATH:+there} ${HOME-none}\"");
    command.without_env = vec!["HOME".into()];
    assert_eq!(run(command).unwrap().stdout, b"there none");
}

#[test]
fn a_missing_program_is_named_with_its_neighbour() {
    let folder = tempfile::tempdir().unwrap();
    let tool = folder.path().join("frobnicate");
    std::fs::write(&tool, "#!/bin/sh\n").unwrap();
    let command = |program: &str| {
        let mut command = Command::new(program, folder.path());
        command.set_env("PATH", folder.path());
        command
    };
    let (kind, message) = failure(command("frobnicat"));
    assert_eq!(kind, ErrorKind::NotFound);
    assert!(message.contains("no such program on PATH") && message.contains("did you mean `frobnicate`?"), "{message}");
    assert!(message.contains(folder.path().to_str().unwrap()), "{message}");
    let (kind, message) = failure(command("./frobnicats"));
    assert_eq!(kind, ErrorKind::NotFound);
    assert!(message.contains("no such file") && message.contains("`frobnicate`"), "{message}");
    let (kind, message) = failure(command("./frobnicate"));
    assert_eq!(kind, ErrorKind::PermissionDenied);
    assert!(message.contains("chmod +x"), "{message}");
    assert_eq!(failure(command("/")).0, ErrorKind::PermissionDenied);
    let mut gone = command("sh");
    gone.cwd = folder.path().join("gone");
    assert!(failure(gone).1.contains("gone`: no such folder"));
}

#[test]
fn scripts_that_can_t_be_started_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let command = Command::new("tool", folder.path());
    let error = |errno: Errno| program::start_error(&command, errno.into());
    assert!(error(Errno::NOENT).to_string().contains("the interpreter that its first line names"));
    assert!(error(Errno::NOEXEC).to_string().contains("#!/bin/sh"));
    assert!(error(Errno::TOOBIG).to_string().contains("stdin"));
    assert_eq!(error(Errno::ACCESS).kind(), ErrorKind::PermissionDenied);
    assert_eq!(error(Errno::AGAIN).kind(), ErrorKind::Io);
}

#[test]
fn too_many_arguments_are_advised_about() {
    let mut command = Command::new("true", "/");
    command.args = vec!["a".repeat(100_000).into(); 100];
    let (kind, message) = failure(command);
    assert_eq!(kind, ErrorKind::Template);
    assert!(message.contains("`stdin`, or as a file with `:file`"), "{message}");
}

#[test]
fn a_timeout_ends_the_whole_group() {
    let folder = tempfile::tempdir().unwrap();
    let ids = folder.path().join("ids");
    let mut command = shell(&format!("sleep 600 & echo $! > '{0}'; echo $$ >> '{0}'; echo waiting >&2; wait", ids.display()));
    command.timeout = Some(Duration::from_millis(300));
    let (kind, message) = failure(command);
    assert_eq!(kind, ErrorKind::Timeout);
    assert!(message.contains("timeout of 300ms") && message.contains("waiting"), "{message}");
    for id in std::fs::read_to_string(ids).unwrap().lines() {
        assert!(!is_running(id), "{id} is still running");
    }
}

#[test]
fn who_ignores_the_end_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let ids = folder.path().join("ids");
    let mut command = shell(&format!("trap '' TERM; echo $$ > '{}'; while :; do sleep 1; done", ids.display()));
    command.timeout = Some(Duration::from_millis(300));
    assert_eq!(failure(command).0, ErrorKind::Timeout);
    assert!(!is_running(&std::fs::read_to_string(ids).unwrap()));
}

#[test]
fn a_dropped_run_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let processes = Processes::new();
    // The command says its ids through the pipe, so it is known to run when its future is dropped.
    let command = shell(&format!("sleep 600 & echo $! $$ > '{}'; wait", fifo.display()));
    let ids = runtime().block_on(async {
        let reading = tokio::task::spawn_blocking(move || std::fs::read_to_string(fifo).unwrap());
        tokio::select! {
            _ = processes.run(command, None) => panic!("the command ended by itself"),
            ids = reading => ids.unwrap(),
        }
    });
    processes.wait_for_given_up();
    for id in ids.split_whitespace() {
        assert!(!is_running(id), "{id} is still running");
    }
}

#[test]
fn what_a_command_leaves_in_the_background_doesn_t_hold_it_up() {
    let printed = run(shell("sleep 600 & echo $!")).unwrap();
    let id = String::from_utf8(printed.stdout).unwrap();
    assert!(is_running(&id));
    let id = id.trim().parse().ok().and_then(Pid::from_raw).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn programs_are_found_like_a_shell_finds_them() {
    let folder = tempfile::tempdir().unwrap();
    let tool = folder.path().join("tool");
    std::fs::write(&tool, "").unwrap();
    let resolve = |name: &str| resolve_program(OsStr::new(name), folder.path(), Some(folder.path().as_os_str()));
    assert_eq!(resolve("tool"), None);
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(resolve("tool"), Some(tool.clone()));
    assert_eq!(resolve("./tool").unwrap(), folder.path().join("./tool"));
    assert_eq!(resolve(""), None);
    assert_eq!(resolve("other"), None);
}
