//! Values as bytes that are equal exactly where the values are.

use serde_json::Value;

use crate::data::Data;

/// Returns a value with tags and lengths, objects in the order of their keys.
pub(super) fn bytes(value: &Data) -> Vec<u8> {
    let mut out = Vec::new();
    write(value, &mut out);
    out
}

fn write(value: &Data, out: &mut Vec<u8>) {
    match value {
        Data::Text(text) => tagged(b't', text.as_bytes(), out),
        Data::Path(path) => tagged(b'p', path.as_bytes(), out),
        Data::Bytes(bytes) => tagged(b'y', bytes, out),
        Data::Int(number) => tagged(b'i', &number.to_le_bytes(), out),
        Data::Float(number) => tagged(b'f', &number.to_bits().to_le_bytes(), out),
        Data::Bool(flag) => tagged(b'b', &[u8::from(*flag)], out),
        Data::List(elements) => {
            tagged(b'l', &(elements.len() as u64).to_le_bytes(), out);
            elements.iter().for_each(|element| write(element, out));
        }
        Data::Json(value) => write_json(value, out),
    }
}

fn write_json(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => tagged(b'n', b"", out),
        Value::Bool(flag) => tagged(b'B', &[u8::from(*flag)], out),
        Value::Number(number) => tagged(b'N', number.to_string().as_bytes(), out),
        Value::String(text) => tagged(b'S', text.as_bytes(), out),
        Value::Array(values) => {
            tagged(b'A', &(values.len() as u64).to_le_bytes(), out);
            values.iter().for_each(|value| write_json(value, out));
        }
        Value::Object(fields) => {
            // Another crate of the same build may have asked serde_json to keep the order of insertion.
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            tagged(b'O', &(fields.len() as u64).to_le_bytes(), out);
            for (key, value) in fields {
                tagged(b'k', key.as_bytes(), out);
                write_json(value, out);
            }
        }
    }
}

fn tagged(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend((bytes.len() as u64).to_le_bytes());
    out.extend(bytes);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn different_values_have_different_bytes() {
        let values = [
            Data::Text("1".into()),
            Data::Path("1".into()),
            Data::Bytes(b"1".to_vec()),
            Data::Int(1),
            Data::Float(1.0),
            Data::Bool(true),
            Data::Float(0.0),
            Data::Float(-0.0),
            ["a", "b"].into_iter().collect(),
            ["ab"].into_iter().collect(),
            Data::List(vec![["a"].into_iter().collect(), "b".into()]),
            Data::List(vec![]),
            Data::Json(json!(null)),
            Data::Json(json!({"a": [1]})),
            Data::Json(json!({"a": [1.0]})),
            Data::Json(json!({"a": {"1": null}})),
        ];
        for (at, left) in values.iter().enumerate() {
            for right in &values[at + 1..] {
                assert_ne!(bytes(left), bytes(right), "{left:?} {right:?}");
            }
        }
    }

    #[test]
    fn the_order_of_fields_doesn_t_count() {
        let left: Value = serde_json::from_str(r#"{"b": 1, "a": 2}"#).unwrap();
        let right: Value = serde_json::from_str(r#"{"a": 2, "b": 1}"#).unwrap();
        assert_eq!(bytes(&Data::Json(left)), bytes(&Data::Json(right)));
    }
}
