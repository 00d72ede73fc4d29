//! Lanes: the values of one attribute key with one type, one behind the other, each type in its own form.

use flowglass_model::{Arena, Scalar, Sym};

use super::bytes::{Damaged, Reader, put_varint, unzigzag, varint_size, zigzag};
use super::texts::{self, TextTable};

/// The type of a lane's values. The numbers are part of the file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Str = 0,
    Bool = 1,
    Int = 2,
    Float = 3,
    Bytes = 4,
    Nested = 5,
    Null = 6,
}

impl Tag {
    pub(super) const COUNT: usize = 7;
    const ALL: [Self; Self::COUNT] = [Self::Str, Self::Bool, Self::Int, Self::Float, Self::Bytes, Self::Nested, Self::Null];

    pub(super) fn from_byte(byte: u8) -> Result<Self, Damaged> {
        Self::ALL.get(byte as usize).copied().ok_or(Damaged("an attribute has an unknown type"))
    }
}

/// One value with its texts already numbered.
#[derive(Clone, Copy)]
pub(super) enum Value {
    Text(u64),
    Bool(bool),
    Int(i64),
    Float(f64),
    Bytes(Sym),
    Null,
}

/// Returns the type of a value, and the value with its text numbered.
pub(super) fn value_of(scalar: Scalar, texts: &mut TextTable<'_>) -> (Tag, Value) {
    match scalar {
        Scalar::Str(sym) => (Tag::Str, Value::Text(texts.number(sym))),
        Scalar::Bool(flag) => (Tag::Bool, Value::Bool(flag)),
        Scalar::Int(number) => (Tag::Int, Value::Int(number)),
        Scalar::Float(number) => (Tag::Float, Value::Float(number)),
        Scalar::Bytes(sym) => (Tag::Bytes, Value::Bytes(sym)),
        Scalar::Nested(sym) => (Tag::Nested, Value::Text(texts.number(sym))),
        // Or a type that the model got later and this writer doesn't know.
        _ => (Tag::Null, Value::Null),
    }
}

/// A lane while it is filled: only the vector of its own type is used.
#[derive(Default)]
pub(super) struct Lane {
    plain: Vec<u8>,
    ints: Vec<i64>,
    floats: Vec<f64>,
    /// The contents of byte strings.
    blob: Vec<u8>,
}

impl Lane {
    pub(super) fn push(&mut self, value: Value, arena: &Arena) {
        match value {
            Value::Text(number) => put_varint(&mut self.plain, number),
            Value::Bool(flag) => self.plain.push(u8::from(flag)),
            Value::Null => self.plain.push(0),
            Value::Int(number) => self.ints.push(number),
            Value::Float(number) => self.floats.push(number),
            Value::Bytes(sym) => {
                let bytes = arena.bytes(sym);
                put_varint(&mut self.plain, bytes.len() as u64);
                self.blob.extend_from_slice(bytes);
            }
        }
    }

    /// Returns the lane, and the contents of its byte strings, which are kept apart.
    pub(super) fn encode(self, tag: Tag) -> (Vec<u8>, Vec<u8>) {
        let lane = match tag {
            Tag::Int => encode_ints(&self.ints),
            Tag::Float => encode_floats(&self.floats),
            Tag::Str | Tag::Bool | Tag::Bytes | Tag::Nested | Tag::Null => self.plain,
        };
        (lane, self.blob)
    }
}

const INT_WHOLE: u8 = 0;
const INT_DIFFERENCES: u8 = 1;

fn int_differences(numbers: &[i64]) -> impl Iterator<Item = u64> {
    let mut last = 0;
    numbers.iter().map(move |&number| zigzag(number.wrapping_sub(std::mem::replace(&mut last, number))))
}

fn encode_ints(numbers: &[i64]) -> Vec<u8> {
    let whole = || numbers.iter().map(|&number| zigzag(number));
    let differ = int_differences(numbers).map(varint_size).sum::<u64>() < whole().map(varint_size).sum();
    let mut out = vec![if differ { INT_DIFFERENCES } else { INT_WHOLE }];
    if differ {
        int_differences(numbers).for_each(|number| put_varint(&mut out, number));
    } else {
        whole().for_each(|number| put_varint(&mut out, number));
    }
    out
}

const FLOAT_PLANES: u8 = 0;
/// Plus the number of decimal places.
const FLOAT_DECIMALS: u8 = 1;
const TENS: [f64; 7] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];

/// Numbers with few decimal places, as measurements in milliseconds are, become whole numbers; others are written byte by byte
/// of equal weight, which compresses better.
fn encode_floats(numbers: &[f64]) -> Vec<u8> {
    for (places, ten) in (0u8..).zip(TENS) {
        if let Some(whole) = numbers.iter().map(|&number| decimal(number, ten)).collect::<Option<Vec<i64>>>() {
            let mut out = vec![FLOAT_DECIMALS + places];
            out.extend(encode_ints(&whole));
            return out;
        }
    }
    let mut out = Vec::with_capacity(1 + numbers.len() * 8);
    out.push(FLOAT_PLANES);
    for plane in 0..8 {
        out.extend(numbers.iter().map(|number| number.to_le_bytes()[plane]));
    }
    out
}

/// Returns the whole number that, divided by this power of ten, is the given one bit for bit.
fn decimal(number: f64, ten: f64) -> Option<i64> {
    let whole = (number * ten).round() as i64;
    (whole as f64 / ten).to_bits().eq(&number.to_bits()).then_some(whole)
}

/// Reads a whole lane; byte strings are taken from `blob` and put into the arena, which has `texts` texts before them.
pub(super) fn decode(
    tag: Tag,
    lane: Reader<'_>,
    blob: &mut Reader<'_>,
    texts: usize,
    arena: &mut Arena,
) -> Result<Vec<Scalar>, Damaged> {
    match tag {
        Tag::Str => all(lane, |lane| texts::sym(lane, texts).map(Scalar::Str)),
        Tag::Nested => all(lane, |lane| texts::sym(lane, texts).map(Scalar::Nested)),
        Tag::Null => all(lane, |lane| lane.byte().map(|_| Scalar::Null)),
        Tag::Bool => all(lane, |lane| flag(lane.byte()?).map(Scalar::Bool)),
        Tag::Bytes => all(lane, |lane| Ok(Scalar::Bytes(arena.push(blob.bytes(lane.varint32()? as usize)?)))),
        Tag::Int => Ok(decode_ints(lane)?.into_iter().map(Scalar::Int).collect()),
        Tag::Float => Ok(decode_floats(lane)?.into_iter().map(Scalar::Float).collect()),
    }
}

fn all<'a, T>(mut lane: Reader<'a>, mut read: impl FnMut(&mut Reader<'a>) -> Result<T, Damaged>) -> Result<Vec<T>, Damaged> {
    let mut values = Vec::new();
    while !lane.is_empty() {
        values.push(read(&mut lane)?);
    }
    Ok(values)
}

fn flag(byte: u8) -> Result<bool, Damaged> {
    match byte {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Damaged("a flag is neither true nor false")),
    }
}

fn decode_ints(mut lane: Reader<'_>) -> Result<Vec<i64>, Damaged> {
    let differences = match lane.byte()? {
        INT_WHOLE => false,
        INT_DIFFERENCES => true,
        _ => return Err(Damaged("whole numbers have an unknown form")),
    };
    let mut last = 0i64;
    all(lane, |lane| {
        let number = unzigzag(lane.varint()?);
        last = if differences { last.wrapping_add(number) } else { number };
        Ok(last)
    })
}

fn decode_floats(mut lane: Reader<'_>) -> Result<Vec<f64>, Damaged> {
    match lane.byte()? {
        form @ FLOAT_DECIMALS.. => {
            let ten = TENS.get(usize::from(form - FLOAT_DECIMALS)).ok_or(Damaged("numbers have an unknown form"))?;
            Ok(decode_ints(lane)?.into_iter().map(|number| number as f64 / ten).collect())
        }
        FLOAT_PLANES if lane.len().is_multiple_of(8) => {
            let planes = lane.bytes(lane.len())?;
            let count = planes.len() / 8;
            Ok((0..count).map(|at| f64::from_le_bytes(std::array::from_fn(|plane| planes[plane * count + at]))).collect())
        }
        _ => Err(Damaged("numbers have an unknown form")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(numbers: &[f64]) -> usize {
        let lane = encode_floats(numbers);
        let back = decode_floats(Reader::new(&lane)).unwrap();
        assert!(back.iter().zip(numbers).all(|(a, b)| a.to_bits() == b.to_bits()) && back.len() == numbers.len());
        lane.len()
    }

    #[test]
    fn numbers_come_back_bit_for_bit() {
        for numbers in [vec![], vec![i64::MIN, i64::MAX, 0, -1], (1_000_000..1_000_100).collect()] {
            assert_eq!(decode_ints(Reader::new(&encode_ints(&numbers))).unwrap(), numbers);
        }
        assert_eq!(floats(&[1.0, 2.0, -3.0]), 5);
        assert!(floats(&(0..100).map(|at| f64::from(at) / 1000.0).collect::<Vec<_>>()) < 200);
        floats(&[0.1, -0.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE, 1e300]);
        floats(&[-0.0]);
        floats(&[i64::MAX as f64]);
        floats(&[]);
    }

    #[test]
    fn unknown_forms_are_refused() {
        assert!(decode_ints(Reader::new(&[2])).is_err());
        assert!(decode_floats(Reader::new(&[FLOAT_PLANES, 1])).is_err());
        assert!(decode_floats(Reader::new(&[])).is_err());
        assert!(flag(2).is_err());
        assert!(Tag::from_byte(7).is_err());
    }
}
