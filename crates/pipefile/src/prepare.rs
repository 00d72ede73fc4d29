//! Commands and values to processes.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::data::excerpt;
use crate::error::{Error, ErrorKind};
use crate::file::{CommandSpec, Program};
use crate::process::{Command, below};
use crate::template::{ShellTemplate, TempFiles, Template, Values};

impl CommandSpec {
    /// Puts values into the command's places. The command runs below `folder`, which is absolute.
    ///
    /// The caller may then set the timeout and add variables such as `TRACEPARENT`.
    ///
    /// # Errors
    /// `Template` for a value that can't go where its placeholder stands, `Io` for a temporary file.
    pub fn prepare(&self, values: &Values<'_>, folder: &Path) -> Result<Command, Error> {
        let mut files = TempFiles::default();
        let cwd = self.working_folder(values, folder)?;
        let mut command = match &self.program {
            Program::Shell(shell) => prepare_shell(shell, values, &mut files, cwd)?,
            Program::Argv(arguments) => prepare_argv(arguments, values, &mut files, cwd)?,
        };
        for (name, value) in &self.env {
            command.set_env(name, value.render_word(values, &mut files)?);
        }
        command.stdin = self.stdin.as_ref().map(|stdin| stdin.render_stream(values, &mut files)).transpose()?;
        command.files = files;
        Ok(command)
    }

    /// Returns the folder in which the command runs.
    ///
    /// # Errors
    /// `Template` for a value that can't be a part of a path.
    pub fn working_folder(&self, values: &Values<'_>, folder: &Path) -> Result<PathBuf, Error> {
        let Some(cwd) = &self.cwd else { return Ok(folder.to_owned()) };
        Ok(below(folder, &cwd.render_word(values, &mut TempFiles::default())?))
    }

    /// Returns what the command is called in messages: its program, or the beginning of its shell text.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.program {
            Program::Shell(shell) => shell_label(shell),
            Program::Argv(arguments) => arguments.first().map(|program| excerpt(program.text())).unwrap_or_default(),
        }
    }
}

fn shell_label(shell: &ShellTemplate) -> String {
    let text = shell.template().text().trim();
    let first = text.lines().next().unwrap_or_default();
    if first.len() < text.len() { format!("{} …", excerpt(first)) } else { excerpt(first) }
}

fn prepare_shell(shell: &ShellTemplate, values: &Values<'_>, files: &mut TempFiles, cwd: PathBuf) -> Result<Command, Error> {
    let script = shell.render(values, files)?;
    let mut command = Command::new("sh", cwd);
    command.label = shell_label(shell);
    command.args = vec!["-c".into(), script.text.into()];
    command.env = script.variables.into_iter().map(|(name, value)| (name.into(), value)).collect();
    Ok(command)
}

fn prepare_argv(arguments: &[Template], values: &Values<'_>, files: &mut TempFiles, cwd: PathBuf) -> Result<Command, Error> {
    let mut words = Vec::new();
    for argument in arguments {
        words.extend(argument.render_arguments(values, files)?);
    }
    let program = words.first().filter(|program| *program != OsStr::new("")).cloned();
    let program: OsString =
        program.ok_or_else(|| Error::new(ErrorKind::Template, "the command is empty: its first word is the program"))?;
    let mut command = Command::new(program, cwd);
    command.args = words.split_off(1);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Data;
    use crate::parse_output::Parse;

    fn template(text: &str) -> Template {
        Template::parse(text).unwrap()
    }

    fn spec(program: Program) -> CommandSpec {
        CommandSpec { program, parse: Parse::Text, cwd: None, env: Vec::new(), stdin: None, watch: Vec::new() }
    }

    #[test]
    fn every_place_takes_its_value() {
        let mut spec = spec(Program::Argv(vec![template("wc"), template("{xs}"), template("--n={n}")]));
        spec.cwd = Some(template("sub/{n}"));
        spec.env = vec![("K".into(), template("<{n}>"))];
        spec.stdin = Some(template("{xs}"));
        let (xs, n) = (["a", "b"].into_iter().collect(), Data::Int(2));
        let command = spec.prepare(&Values::from([("xs", &xs), ("n", &n)]), Path::new("/base")).unwrap();
        assert_eq!((command.program, command.args), ("wc".into(), vec!["a".into(), "b".into(), "--n=2".into()]));
        assert_eq!(command.cwd, Path::new("/base/sub/2"));
        assert_eq!(command.env, [("K".into(), "<2>".into())]);
        assert_eq!(command.stdin.as_deref(), Some(&b"a\nb\n"[..]));
    }

    #[test]
    fn a_shell_text_is_called_by_its_beginning() {
        let shell = ShellTemplate::compile(&template("echo {n}\nexit 3")).unwrap();
        let n = Data::Int(2);
        let command = spec(Program::Shell(shell)).prepare(&Values::from([("n", &n)]), Path::new("/")).unwrap();
        assert_eq!(command.label, "echo {n} …");
        assert_eq!(command.env, [("_fg0".into(), "2".into())]);
    }

    #[test]
    fn an_empty_command_is_refused() {
        let spec = spec(Program::Argv(vec![template("{xs}")]));
        let none = Data::List(vec![]);
        let error = spec.prepare(&Values::from([("xs", &none)]), Path::new("/")).unwrap_err();
        assert!(error.to_string().contains("the command is empty"));
    }
}
