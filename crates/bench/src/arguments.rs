//! What a benchmark is told behind its name.

/// The arguments that nobody has taken yet.
#[derive(Debug)]
pub(crate) struct Arguments<'a>(Vec<&'a str>);

impl<'a> Arguments<'a> {
    pub(crate) fn new(arguments: &[&'a str]) -> Self {
        Self(arguments.to_vec())
    }

    /// Takes a flag, and says whether it was there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let place = self.0.iter().position(|argument| *argument == name);
        place.map(|place| self.0.remove(place)).is_some()
    }

    /// Takes an option with a number; `default` if it isn't there.
    pub(crate) fn number(&mut self, name: &str, default: u64) -> Result<u64, String> {
        let Some(place) = self.0.iter().position(|argument| *argument == name) else { return Ok(default) };
        self.0.remove(place);
        if place == self.0.len() {
            return Err(format!("{name} needs a number"));
        }
        let text = self.0.remove(place);
        text.replace('_', "").parse().map_err(|_| format!("{name} needs a number, and `{text}` is none"))
    }

    /// Takes an option with a text, if it is there.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<&'a str>, String> {
        let Some(place) = self.0.iter().position(|argument| *argument == name) else { return Ok(None) };
        self.0.remove(place);
        if place == self.0.len() { Err(format!("{name} needs a value")) } else { Ok(Some(self.0.remove(place))) }
    }

    /// Ends the taking.
    ///
    /// # Errors
    /// Arguments are left.
    pub(crate) fn finish(&self) -> Result<(), String> {
        self.0.first().map_or(Ok(()), |argument| Err(format!("there is no argument `{argument}` here")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_taken_once() {
        let mut arguments = Arguments::new(&["--spans", "10_000", "--json"]);
        assert!(arguments.finish().is_err());
        assert_eq!((arguments.number("--spans", 1), arguments.number("--spans", 1)), (Ok(10_000), Ok(1)));
        assert!(arguments.flag("--json") && !arguments.flag("--json"));
        assert_eq!(arguments.finish(), Ok(()));
        assert!(Arguments::new(&["--spans"]).number("--spans", 1).is_err());
        assert!(Arguments::new(&["--spans", "x"]).number("--spans", 1).is_err());
        let mut arguments = Arguments::new(&["--store", "postgres://h/db"]);
        assert_eq!((arguments.text("--store"), arguments.text("--store")), (Ok(Some("postgres://h/db")), Ok(None)));
        assert!(Arguments::new(&["--store"]).text("--store").is_err());
    }
}
