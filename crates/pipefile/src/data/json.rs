//! Values to JSON and back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value, json};

use super::Data;

impl Data {
    /// Returns the value as JSON: bytes become `{"base64": "…"}`, floats that JSON can't hold become text.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Text(text) | Self::Path(text) => Value::String(text.clone()),
            Self::Int(number) => Value::from(*number),
            Self::Float(number) => Number::from_f64(*number).map_or_else(|| Value::String(number.to_string()), Value::Number),
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Bytes(bytes) => json!({ "base64": STANDARD.encode(bytes) }),
            Self::List(elements) => Value::Array(elements.iter().map(Self::to_json).collect()),
            Self::Json(value) => value.clone(),
        }
    }

    /// Takes JSON as a value: scalars and arrays become their own kinds, all else stays JSON.
    #[must_use]
    pub fn from_json(value: Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text),
            Value::Bool(flag) => Self::Bool(flag),
            Value::Number(number) => from_number(number),
            Value::Array(values) => Self::List(values.into_iter().map(Self::from_json).collect()),
            Value::Null | Value::Object(_) => Self::Json(value),
        }
    }
}

fn from_number(number: Number) -> Data {
    match (number.as_i64(), number.is_f64(), number.as_f64()) {
        (Some(whole), ..) => Data::Int(whole),
        (None, true, Some(float)) => Data::Float(float),
        _ => Data::Json(Value::Number(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_comes_back() {
        let value = json!([1, -1, 1.5, "x", true, null, {"a": [1]}, u64::MAX, []]);
        assert_eq!(Data::from_json(value.clone()).to_json(), value);
        assert_eq!(Data::from_json(json!(7)), Data::Int(7));
        assert_eq!(Data::from_json(json!(7.0)), Data::Float(7.0));
        assert_eq!(Data::from_json(json!(u64::MAX)).kind(), "json");
    }

    #[test]
    fn what_json_lacks_is_written_plainly() {
        assert_eq!(Data::Bytes(b"\xffa".to_vec()).to_json(), json!({"base64": "/2E="}));
        assert_eq!(Data::Float(f64::INFINITY).to_json(), json!("inf"));
        assert_eq!(Data::Float(f64::NAN).to_json(), json!("NaN"));
    }
}
