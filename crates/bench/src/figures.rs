//! Named figures, and how they are printed.

use serde_json::{Map, Value};

/// Figures in the order in which they were measured. A name ends with its unit: `_ns`, `_ms`, `_allocs`, `_ratio`.
#[derive(Debug, Default)]
pub(crate) struct Figures(Vec<(String, f64)>);

impl Figures {
    /// Adds a figure.
    pub(crate) fn add(&mut self, name: &str, figure: f64) {
        self.0.push((name.to_owned(), figure));
    }

    /// Returns a figure.
    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, figure)| *figure)
    }

    /// Returns each figure's median over several rounds.
    pub(crate) fn median(rounds: &[Self]) -> Self {
        let Some(first) = rounds.first() else { return Self::default() };
        let median = |name: &str| {
            let mut figures: Vec<f64> = rounds.iter().filter_map(|round| round.get(name)).collect();
            figures.sort_by(f64::total_cmp);
            figures[figures.len() / 2]
        };
        Self(first.0.iter().map(|(name, _)| (name.clone(), median(name))).collect())
    }

    /// Adds all figures of another benchmark's part.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Returns the figures as one JSON object.
    pub(crate) fn to_json(&self) -> String {
        let object: Map<String, Value> = self.0.iter().map(|(name, figure)| (name.clone(), Value::from(*figure))).collect();
        Value::Object(object).to_string()
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    pub(crate) fn from_json(text: &str) -> Result<Self, String> {
        let object: Map<String, Value> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let figure = |(name, value): (String, Value)| value.as_f64().map(|figure| (name, figure));
        Ok(Self(object.into_iter().filter_map(figure).collect()))
    }

    /// Returns the figures as lines for people.
    pub(crate) fn to_table(&self) -> String {
        let width = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        let lines: Vec<String> = self.0.iter().map(|(name, figure)| format!("{name:width$}  {figure:>10.2}")).collect();
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(figure: f64) -> Figures {
        let mut figures = Figures::default();
        figures.add("a_ns", figure);
        figures
    }

    #[test]
    fn figures_come_back_from_json() {
        let read = Figures::from_json(&figures(1.5).to_json()).unwrap();
        assert_eq!(read.get("a_ns"), Some(1.5));
        assert!(Figures::from_json("nonsense").is_err());
    }

    #[test]
    fn the_median_is_in_the_middle() {
        let rounds = [figures(9.0), figures(1.0), figures(2.0)];
        assert_eq!(Figures::median(&rounds).get("a_ns"), Some(2.0));
        assert_eq!(Figures::median(&[]).to_table(), "");
    }
}
