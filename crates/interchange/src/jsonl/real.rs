//! Floating-point numbers that JSON has no form for: infinities and what is no number are texts.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A number as JSON, whatever it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Real(pub(super) f64);

impl Serialize for Real {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() { serializer.serialize_f64(self.0) } else { serializer.collect_str(&self.0) }
    }
}

impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a number")]
        enum Form {
            Number(f64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(number) => Ok(Self(number)),
            Form::Text(text) => text.parse().map(Self).map_err(|_| de::Error::custom(format!("`{text}` is no number"))),
        }
    }
}

pub(super) fn all(numbers: &[f64]) -> Vec<Real> {
    numbers.iter().copied().map(Real).collect()
}

pub(super) fn plain(numbers: Vec<Real>) -> Vec<f64> {
    numbers.into_iter().map(|number| number.0).collect()
}
