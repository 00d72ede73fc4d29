//! Tests of attributes, and of a log's body: values of any kind, in columns of type `jsonb`.

use flowglass_model::AttributeValue;

use super::super::facets::{self, Facet};
use super::super::failure::Failure;
use super::super::json::{self, is_exact, storable};
use super::like;
use super::{Builder, Condition, Finds, Value};
use crate::query::{self, Field, Literal, Pattern, Select, Test};

/// From here on, several whole numbers are the same float.
const LAST_EXACT: f64 = 9_007_199_254_740_992.0;

/// A number's text where JSON has none for it.
const ODD_NUMBERS: [&str; 3] = ["inf", "-inf", "NaN"];

impl Builder<'_, '_> {
    /// A thing has an attribute itself, or else its resource has it.
    pub(super) fn attribute(&mut self, test: &Test, key: &str) -> Result<Condition, Failure> {
        let own = self.in_object(test, "s.attributes", key);
        // The question for resources has values of its own.
        let outer = std::mem::take(&mut self.values);
        let of_resource = self.in_object(test, "r.attributes", key);
        let values = std::mem::replace(&mut self.values, outer);
        let resources = (self.find_resources)(&of_resource.sql, &values)?;
        if resources.is_empty() {
            return Ok(own);
        }
        let name = self.values.text(storable(key));
        let listed = self.values.add(Value::Ints(resources.clone()));
        let else_its = format!("(NOT s.attributes ? {name} AND s.resource = ANY({listed}))");
        let facet = own.sole_facet().map(|facet| facet.or_of_resources(resources));
        Ok(Condition::any([own, Condition::exact_if(of_resource.is_exact, else_its)]).counted(facet))
    }

    fn in_object(&mut self, test: &Test, object: &str, key: &str) -> Condition {
        let condition = match &test.condition {
            query::Condition::Equals(literal) => self.equal(object, key, literal),
            condition => {
                let name = self.values.text(storable(key));
                let has = Condition::exact(format!("{object} ? {name}")).counted(self.facet(key, None));
                let value = format!("({object} -> {name})");
                Condition::all([has, self.value(condition, &value, &test.field)])
            }
        };
        Condition { is_exact: condition.is_exact && is_exact(key), ..condition }
    }

    /// The index knows which objects hold a key with a value.
    fn equal(&mut self, object: &str, key: &str, literal: &Literal) -> Condition {
        match alternatives(literal) {
            Alternatives::Few(equal, is_exact) => {
                // Attributes of points have no index: there are too many points for what is asked of them.
                let finds = if self.select == Select::Metrics { Finds::Unknown } else { Finds::Some };
                let contained = |builder: &mut Self, value: &AttributeValue| {
                    let pair = builder.values.text(json::pair(key, value));
                    Condition::exact_if(is_exact, format!("{object} @> ({pair}::text)::jsonb")).finding(finds)
                };
                let each: Vec<_> = equal.iter().map(|value| contained(self, value)).collect();
                Condition::any(each).counted(self.facet(key, Some(&equal)))
            }
            Alternatives::Many => {
                let name = self.values.text(storable(key));
                Condition::wide(format!("{object} ? {name}"))
            }
        }
    }

    /// What is counted of an attribute with one of these values, or with any. Only those of spans are.
    fn facet(&self, key: &str, values: Option<&[AttributeValue]>) -> Option<Facet> {
        let key = facets::attribute(key).filter(|_| matches!(self.select, Select::Runs | Select::Spans))?;
        match values {
            None => Some(Facet::any(key)),
            Some(values) => Some(Facet::one_of(key, values.iter().map(facets::value).collect::<Option<_>>()?)),
        }
    }

    /// A test of a value that is there.
    fn value(&mut self, condition: &query::Condition, value: &str, field: &Field) -> Condition {
        match condition {
            query::Condition::Exists => Condition::always(),
            query::Condition::Like(patterns) => self.like_value(value, patterns),
            condition => {
                let number = |literal: &Literal| number(literal, field);
                let odd = format!("{value} #>> '{{}}' = ANY('{{{}}}')", ODD_NUMBERS.join(","));
                let float = format!("CASE jsonb_typeof({value}) WHEN 'number' THEN ({value})::float8 END");
                let compared = self.compared(condition, &float, &number);
                if compared.sql == "FALSE" { compared } else { Condition::any([compared, Condition::wide(odd)]) }
            }
        }
    }

    fn like_value(&mut self, value: &str, patterns: &[Pattern]) -> Condition {
        let patterns = self.values.add(Value::Texts(like::wide(patterns)));
        Condition::wide(format!("{value}::text COLLATE \"C\" ILIKE ANY({patterns})"))
    }

    /// A test of what a log says.
    pub(super) fn body(&mut self, test: &Test) -> Condition {
        let something = Condition::exact("s.body <> 'null'");
        let passes = match &test.condition {
            query::Condition::Equals(literal) => match alternatives(literal) {
                Alternatives::Many => Condition::wide("TRUE"),
                Alternatives::Few(equal, is_exact) => {
                    let same = |builder: &mut Self, value: &AttributeValue| {
                        let value = builder.values.text(json::value(value));
                        Condition::exact_if(is_exact, format!("s.body = ({value}::text)::jsonb"))
                    };
                    let each: Vec<_> = equal.iter().map(|value| same(self, value)).collect();
                    Condition::any(each)
                }
            },
            condition => self.value(condition, "s.body", &test.field),
        };
        Condition::all([something, passes])
    }
}

/// The values that equal a literal.
enum Alternatives {
    /// These, and whether nothing else looks like them.
    Few(Vec<AttributeValue>, bool),
    /// Too many to tell.
    Many,
}

/// A text of hexadecimal digits is that of bytes, too, in a query as in a column.
fn alternatives(literal: &Literal) -> Alternatives {
    let Some(text) = literal.text() else { return Alternatives::Few(Vec::new(), true) };
    let mut values = vec![AttributeValue::Str(text.to_owned())];
    values.extend(literal.truth().map(AttributeValue::Bool));
    if let Some(number) = literal.number() {
        let float = number.to_f64();
        if float.abs() >= LAST_EXACT {
            return Alternatives::Many;
        }
        values.push(AttributeValue::Float(float));
    }
    Alternatives::Few(values, is_exact(text) && !ODD_NUMBERS.contains(&text))
}

/// Returns the number that an attribute is compared with.
fn number(literal: &Literal, field: &Field) -> Option<f64> {
    match literal {
        #[expect(clippy::cast_precision_loss, reason = "an attribute's unit is rarely finer than a float")]
        Literal::Duration(want) => Some(*want as f64 / field.unit_ns()?),
        literal => literal.number().map(query::Number::to_f64),
    }
}
