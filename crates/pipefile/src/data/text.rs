//! Values as the bytes that commands see.

use super::Data;

impl Data {
    /// Returns the value as one argument: scalars plainly, bytes raw, lists and objects as compact JSON.
    #[must_use]
    pub fn to_plain(&self) -> Vec<u8> {
        match self {
            Self::Text(text) | Self::Path(text) => text.clone().into_bytes(),
            Self::Bytes(bytes) => bytes.clone(),
            Self::Int(number) => number.to_string().into_bytes(),
            // Debug keeps `1.0` apart from `1` and large numbers short.
            Self::Float(number) => format!("{number:?}").into_bytes(),
            Self::Bool(flag) => flag.to_string().into_bytes(),
            Self::List(_) | Self::Json(_) => self.to_json().to_string().into_bytes(),
        }
    }

    /// Returns the value as a stream: like [`Data::to_plain`], but a list is one element a line.
    #[must_use]
    pub fn to_stream(&self) -> Vec<u8> {
        let Self::List(elements) = self else { return self.to_plain() };
        let mut lines = Vec::new();
        for element in elements {
            lines.extend(element.to_plain());
            lines.push(b'\n');
        }
        lines
    }

    /// Returns the arguments that the value becomes where it stands alone: one for each element of a list.
    #[must_use]
    pub fn to_arguments(&self) -> Vec<Vec<u8>> {
        match self {
            Self::List(elements) => elements.iter().map(Self::to_plain).collect(),
            _ => vec![self.to_plain()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(value: &Data) -> String {
        String::from_utf8(value.to_plain()).unwrap()
    }

    #[test]
    fn scalars_print_plainly() {
        assert_eq!(plain(&Data::Int(-3)), "-3");
        assert_eq!(plain(&Data::Float(1.0)), "1.0");
        assert_eq!(plain(&Data::Float(1e300)), "1e300");
        assert_eq!(plain(&Data::Bool(true)), "true");
        assert_eq!(plain(&Data::Json(serde_json::json!({"b": 1, "a": [1, "x"]}))), r#"{"b":1,"a":[1,"x"]}"#);
        assert_eq!(plain(&Data::List(vec![Data::Int(1), "x".into()])), r#"[1,"x"]"#);
    }

    #[test]
    fn a_list_streams_one_element_a_line() {
        let list = Data::List(vec!["a".into(), Data::Bytes(vec![255]), Data::Json(serde_json::json!({"k": 1}))]);
        assert_eq!(list.to_stream(), b"a\n\xff\n{\"k\":1}\n");
        assert_eq!(Data::List(vec![]).to_stream(), b"");
        assert_eq!(Data::Text("a\n".into()).to_stream(), b"a\n");
    }

    #[test]
    fn a_list_becomes_arguments() {
        let list: Data = ["a b", ""].into_iter().collect();
        assert_eq!(list.to_arguments(), [b"a b".to_vec(), b"".to_vec()]);
        assert!(Data::List(vec![]).to_arguments().is_empty());
        assert_eq!(Data::Int(1).to_arguments(), [b"1".to_vec()]);
    }
}
