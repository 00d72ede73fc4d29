//! Texts from a command line to the values of a file's inputs.
//!
//! A path on the command line is relative to the caller. Elements of a list have no type that says whether they are paths, and
//! commands read relative ones from the file's folder. So an element stays as it is given unless it is a path only for the
//! caller, one that exists from there and not from the file's folder: that one becomes absolute.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::data::{Data, InputType, MapColumn, read_map_argument};
use crate::error::{Error, ErrorKind};
use crate::file::{Input, PipelineFile};
use crate::paths;
use flowglass_model::nearest::did_you_mean;

impl PipelineFile {
    /// Returns the value of every input: the given one, else the default.
    ///
    /// `given` has names and texts; the last text of a name wins. Inputs in `mapped` get their values elsewhere and are left
    /// out. Paths are relative to `base`, the caller's folder; so are elements of a list that exist only from there.
    ///
    /// # Errors
    /// All problems, each of kind `Value`: unknown names, texts of the wrong type, required inputs without a value.
    pub fn bind_inputs(
        &self,
        given: &[(String, String)],
        mapped: &BTreeSet<String>,
        base: &Path,
    ) -> Result<BTreeMap<String, Data>, Vec<Error>> {
        let mut problems = Vec::new();
        let mut values = BTreeMap::new();
        for (name, text) in given {
            match self.read_input(name, text, base) {
                Ok(value) => {
                    values.insert(name.clone(), value);
                }
                Err(problem) => problems.push(problem),
            }
        }
        for input in self.inputs.iter().filter(|input| !mapped.contains(&input.name)) {
            let is_given = given.iter().any(|(name, _)| *name == input.name);
            match &input.default {
                _ if is_given => {}
                Some(default) => {
                    values.insert(input.name.clone(), default.clone());
                }
                None => problems.push(missing(input)),
            }
        }
        values.retain(|name, _| !mapped.contains(name));
        if problems.is_empty() { Ok(values) } else { Err(problems) }
    }

    /// Reads one argument of `--map`; see [`read_map_argument`].
    ///
    /// # Errors
    /// `Value` for unknown inputs and what can't be read.
    pub fn read_map(&self, argument: &str, base: &Path) -> Result<Vec<MapColumn>, Error> {
        let mut columns = read_map_argument(argument, base, &|name| self.input_type(name))?;
        for column in &mut columns {
            for value in &mut column.values {
                self.find_elements(value, base);
            }
        }
        Ok(columns)
    }

    fn read_input(&self, name: &str, text: &str, base: &Path) -> Result<Data, Error> {
        let value = self.input_type(name)?.parse(text, base);
        let mut value = value.map_err(|error| Error::new(ErrorKind::Value, format!("input `{name}`: {error}")))?;
        self.find_elements(&mut value, base);
        Ok(value)
    }

    /// Makes the elements of a list absolute that are paths for the caller and not for the file.
    fn find_elements(&self, value: &mut Data, base: &Path) {
        let Data::List(elements) = value else { return };
        for element in elements {
            if let Data::Text(text) = element
                && !text.is_empty()
                && base.join(&text).exists()
                && !self.folder.join(&text).exists()
                && let Some(path) = paths::absolute(Path::new(text), base).to_str()
            {
                *text = path.to_owned();
            }
        }
    }

    fn input_type(&self, name: &str) -> Result<InputType, Error> {
        self.input(name).map(|input| input.kind).ok_or_else(|| self.unknown_input(name))
    }

    fn unknown_input(&self, name: &str) -> Error {
        let names = || self.inputs.iter().map(|input| input.name.as_str());
        let hint = did_you_mean(name, names()).unwrap_or_else(|| match names().collect::<Vec<_>>().join(", ") {
            none if none.is_empty() => "it has no inputs".to_owned(),
            names => format!("its inputs are {names}"),
        });
        Error::new(ErrorKind::Value, format!("`{}` has no input `{name}`: {hint}", self.name))
    }
}

fn missing(input: &Input) -> Error {
    let (name, kind) = (&input.name, input.kind.as_str());
    Error::new(ErrorKind::Value, format!("the input `{name}` ({kind}) is required: give it as `{name}=…`"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn file() -> Arc<PipelineFile> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        let text = "[inputs]\nfolder = 'docs'\nlimit = { type = 'int' }\nout = { type = 'path', default = 'o' }\n[[node]]\noutput = 'x'\nshell = 'a'\n";
        std::fs::write(&path, text).unwrap();
        PipelineFile::load(&path).unwrap()
    }

    fn bind(given: &[(&str, &str)], mapped: &[&str]) -> Result<BTreeMap<String, Data>, String> {
        let given: Vec<_> = given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let mapped = mapped.iter().map(|name| (*name).to_owned()).collect();
        let bound = file().bind_inputs(&given, &mapped, Path::new("/caller"));
        bound.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn given_values_win_over_defaults() {
        let values = bind(&[("limit", "1"), ("limit", "3"), ("out", "x")], &[]).unwrap();
        assert_eq!(values["limit"], Data::Int(3));
        assert_eq!(values["folder"], Data::Text("docs".into()));
        assert_eq!(values["out"], Data::Path("/caller/x".into()));
    }

    #[test]
    fn elements_that_only_the_caller_can_find_are_absolute() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["mine/p.toml", "mine/both", "caller/both", "caller/own", "caller/sub/own"] {
            std::fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            std::fs::write(root.join(name), "[inputs]\nxs = { type = 'list' }\n[[node]]\noutput = 'x'\nshell = 'a'\n").unwrap();
        }
        let file = PipelineFile::load(&root.join("mine/p.toml")).unwrap();
        let caller = root.join("caller");
        let expected = Data::List(vec![
            Data::Text(caller.join("own").to_str().unwrap().into()),
            Data::Text(caller.join("own").to_str().unwrap().into()),
            "both".into(),
            "none".into(),
            "p.toml".into(),
            "".into(),
        ]);
        let text = "own,sub/../own,both,none,p.toml,";
        let bound = file.bind_inputs(&[("xs".into(), text.into())], &BTreeSet::new(), &caller).unwrap();
        assert_eq!(bound["xs"], expected);
        std::fs::write(caller.join("items"), format!("{text}\n")).unwrap();
        assert_eq!(file.read_map("xs=@items", &caller).unwrap()[0].values, [expected]);
    }

    #[test]
    fn mapped_inputs_are_left_out() {
        assert!(!bind(&[], &["limit"]).unwrap().contains_key("limit"));
    }

    #[test]
    fn all_problems_are_told() {
        let problems = bind(&[("limt", "1"), ("folder", "x")], &[]).unwrap_err();
        assert!(problems.contains("did you mean `limit`?") && problems.contains("`limit` (int) is required"), "{problems}");
        assert!(bind(&[("limit", "many")], &[]).unwrap_err().contains("input `limit`: `many` is no int"));
    }

    #[test]
    fn map_columns_have_the_type_of_their_input() {
        let columns = file().read_map("limit=1,2", Path::new("/")).unwrap();
        assert_eq!(columns[0].values, [Data::Int(1), Data::Int(2)]);
        assert!(file().read_map("limt=1", Path::new("/")).unwrap_err().to_string().contains("did you mean"));
    }
}
