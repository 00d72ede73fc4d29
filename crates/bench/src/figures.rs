//! Named figures, and how they are printed.

use serde_json::{Map, Value};

/// Figures in the order in which they were measured. A name ends with its unit: `_ns`, `_ms`, `_allocs`, `_ratio`.
#[derive(Debug, Default)]
pub(crate) struct Figures(Vec<(String, Figure)>);

#[derive(Debug, Clone)]
enum Figure {
    Measured(f64),
    /// Why it couldn't be measured.
    Missing(String),
}

/// What a figure's name is followed by where it is told why the figure is missing.
const MISSING: &str = "_missing";

impl Figures {
    /// Adds a figure.
    pub(crate) fn add(&mut self, name: &str, figure: f64) {
        self.0.push((name.to_owned(), Figure::Measured(figure)));
    }

    /// Adds a figure that may not be had here, or why it isn't.
    pub(crate) fn add_if_any(&mut self, name: &str, figure: Result<f64, String>) {
        self.0.push((name.to_owned(), figure.map_or_else(Figure::Missing, Figure::Measured)));
    }

    /// Returns a figure, if it was measured.
    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(known, _)| known == name)?.1.measured()
    }

    /// Returns each figure's median over several rounds; one that is missing in the first is missing.
    pub(crate) fn median(rounds: &[Self]) -> Self {
        let Some(first) = rounds.first() else { return Self::default() };
        let median = |name: &str, first: &Figure| {
            let mut figures: Vec<f64> = rounds.iter().filter_map(|round| round.get(name)).collect();
            figures.sort_by(f64::total_cmp);
            match (first, figures.get(figures.len() / 2)) {
                (Figure::Measured(_), Some(median)) => Figure::Measured(*median),
                _ => first.clone(),
            }
        };
        Self(first.0.iter().map(|(name, figure)| (name.clone(), median(name, figure))).collect())
    }

    /// Adds all figures of another benchmark's part.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Returns the figures as one JSON object. One that is missing is `null`, and `NAME_missing` says why.
    pub(crate) fn to_json(&self) -> String {
        let mut object = Map::new();
        for (name, figure) in &self.0 {
            object.insert(name.clone(), figure.measured().map_or(Value::Null, Value::from));
            if let Figure::Missing(reason) = figure {
                object.insert(format!("{name}{MISSING}"), reason.as_str().into());
            }
        }
        Value::Object(object).to_string()
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    pub(crate) fn from_json(text: &str) -> Result<Self, String> {
        let object: Map<String, Value> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let reason = |name: &str| Some(Figure::Missing(object.get(&format!("{name}{MISSING}"))?.as_str()?.to_owned()));
        let figure = |(name, value): (&String, &Value)| {
            let figure = value.as_f64().map(Figure::Measured).or_else(|| reason(name))?;
            Some((name.clone(), figure))
        };
        Ok(Self(object.iter().filter_map(figure).collect()))
    }

    /// Returns the figures as lines for people.
    pub(crate) fn to_table(&self) -> String {
        let width = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        let line = |(name, figure): &(String, Figure)| match figure {
            Figure::Measured(figure) => format!("{name:width$}  {figure:>10.2}"),
            Figure::Missing(reason) => format!("{name:width$}           -  {reason}"),
        };
        self.0.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

impl Figure {
    const fn measured(&self) -> Option<f64> {
        match self {
            Self::Measured(figure) => Some(*figure),
            Self::Missing(_) => None,
        }
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
    fn a_figure_that_is_missing_says_why() {
        let mut missing = figures(1.0);
        missing.add_if_any("b_instructions", Err("nothing counts them here".to_owned()));
        let read = Figures::from_json(&missing.to_json()).unwrap();
        assert_eq!((read.get("a_ns"), read.get("b_instructions")), (Some(1.0), None));
        assert!(read.to_json().contains(r#""b_instructions":null,"b_instructions_missing":"nothing counts them here""#));
        assert!(Figures::median(&[read]).to_table().ends_with("-  nothing counts them here"));
    }

    #[test]
    fn the_median_is_in_the_middle() {
        let rounds = [figures(9.0), figures(1.0), figures(2.0)];
        assert_eq!(Figures::median(&rounds).get("a_ns"), Some(2.0));
        assert_eq!(Figures::median(&[]).to_table(), "");
    }
}
