//! Lanes: the values of one attribute key with one type, one behind the other, each type in its own form.

use flowglass_model::{Arena, Scalar, Sym};

use super::bytes::{Damaged, Reader, put_varint, unzigzag, varint_size, zigzag};
use super::packed::Packing;
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

    #[inline]
    pub(super) const fn of(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Str(_) => Self::Str,
            Scalar::Bool(_) => Self::Bool,
            Scalar::Int(_) => Self::Int,
            Scalar::Float(_) => Self::Float,
            Scalar::Bytes(_) => Self::Bytes,
            Scalar::Nested(_) => Self::Nested,
            _ => Self::Null,
        }
    }

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

/// Returns a value with its text numbered.
#[inline]
pub(super) fn value_of(scalar: Scalar, texts: &mut TextTable<'_>) -> Value {
    match scalar {
        Scalar::Str(sym) | Scalar::Nested(sym) => Value::Text(texts.number(sym)),
        Scalar::Bool(flag) => Value::Bool(flag),
        Scalar::Int(number) => Value::Int(number),
        Scalar::Float(number) => Value::Float(number),
        Scalar::Bytes(sym) => Value::Bytes(sym),
        // Or a type that the model got later and this writer doesn't know.
        _ => Value::Null,
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

    /// Returns the lane; the contents of its byte strings and what looks random go to `blob`.
    pub(super) fn encode(self, tag: Tag, blob: &mut Vec<u8>) -> Vec<u8> {
        blob.extend_from_slice(&self.blob);
        match tag {
            Tag::Int => encode_ints(&self.ints, blob),
            Tag::Float => encode_floats(&self.floats, blob),
            Tag::Str | Tag::Bool | Tag::Bytes | Tag::Nested | Tag::Null => self.plain,
        }
    }
}

const INT_WHOLE: u8 = 0;
const INT_DIFFERENCES: u8 = 1;
const INT_PACKED: u8 = 2;

fn int_differences(numbers: &[i64]) -> impl Iterator<Item = u64> {
    let mut last = 0;
    numbers.iter().map(move |&number| zigzag(number.wrapping_sub(std::mem::replace(&mut last, number))))
}

fn encode_ints(numbers: &[i64], blob: &mut Vec<u8>) -> Vec<u8> {
    let whole = || numbers.iter().map(|&number| zigzag(number));
    let sizes = (whole().map(varint_size).sum::<u64>(), int_differences(numbers).map(varint_size).sum::<u64>());
    let ordered = numbers.iter().map(|&number| to_ordered(number));
    if let Some(packing) = Packing::of_noise(ordered.clone(), sizes.0.min(sizes.1)) {
        let mut out = vec![INT_PACKED];
        put_varint(&mut out, numbers.len() as u64);
        packing.put(&mut out);
        packing.pack(ordered, blob);
        return out;
    }
    let differ = sizes.1 < sizes.0;
    let mut out = Vec::with_capacity(1 + sizes.0.min(sizes.1) as usize);
    out.push(if differ { INT_DIFFERENCES } else { INT_WHOLE });
    if differ {
        int_differences(numbers).for_each(|number| put_varint(&mut out, number));
    } else {
        whole().for_each(|number| put_varint(&mut out, number));
    }
    out
}

/// Returns a number without sign that sorts as the one with a sign does.
const fn to_ordered(number: i64) -> u64 {
    number.cast_unsigned() ^ (1 << 63)
}

const fn from_ordered(number: u64) -> i64 {
    (number ^ (1 << 63)).cast_signed()
}

const FLOAT_PLANES: u8 = 0;
/// Plus the number of decimal places.
const FLOAT_DECIMALS: u8 = 1;
const TENS: [f64; 7] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];

/// Numbers with few decimal places, as measurements in milliseconds are, become whole numbers; others are written byte by byte
/// of equal weight, which compresses better.
fn encode_floats(numbers: &[f64], blob: &mut Vec<u8>) -> Vec<u8> {
    for (places, ten) in (0u8..).zip(TENS) {
        if let Some(whole) = numbers.iter().map(|&number| decimal(number, ten)).collect::<Option<Vec<i64>>>() {
            let mut out = vec![FLOAT_DECIMALS + places];
            out.extend(encode_ints(&whole, blob));
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

/// Reads a whole lane; byte strings, which are put into the arena behind its `texts` texts, and what looks random come from `blob`.
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
        Tag::Int => Ok(decode_ints(lane, blob)?.into_iter().map(Scalar::Int).collect()),
        Tag::Float => Ok(decode_floats(lane, blob)?.into_iter().map(Scalar::Float).collect()),
    }
}

/// Passes over what a lane has in `blob`.
pub(super) fn skip(tag: Tag, mut lane: Reader<'_>, blob: &mut Reader<'_>) -> Result<(), Damaged> {
    match tag {
        Tag::Bytes => {
            while !lane.is_empty() {
                blob.bytes(lane.varint32()? as usize)?;
            }
            Ok(())
        }
        Tag::Int => skip_ints(lane, blob),
        Tag::Float if lane.byte()? >= FLOAT_DECIMALS => skip_ints(lane, blob),
        Tag::Float | Tag::Str | Tag::Nested | Tag::Null | Tag::Bool => Ok(()),
    }
}

fn skip_ints(mut lane: Reader<'_>, blob: &mut Reader<'_>) -> Result<(), Damaged> {
    if lane.byte()? != INT_PACKED {
        return Ok(());
    }
    let (count, packing) = (lane.varint()?, Packing::read(&mut lane)?);
    packing.skip(blob, usize::try_from(count).map_err(|_| Damaged("a count is too large"))?)
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

fn decode_ints(mut lane: Reader<'_>, blob: &mut Reader<'_>) -> Result<Vec<i64>, Damaged> {
    let differences = match lane.byte()? {
        INT_WHOLE => false,
        INT_DIFFERENCES => true,
        INT_PACKED => return decode_packed(lane, blob),
        _ => return Err(Damaged("whole numbers have an unknown form")),
    };
    let mut last = 0i64;
    all(lane, |lane| {
        let number = unzigzag(lane.varint()?);
        last = if differences { last.wrapping_add(number) } else { number };
        Ok(last)
    })
}

fn decode_packed(mut lane: Reader<'_>, blob: &mut Reader<'_>) -> Result<Vec<i64>, Damaged> {
    let (count, packing) = (lane.varint()?, Packing::read(&mut lane)?);
    lane.finish()?;
    let count = usize::try_from(count).ok().filter(|&count| count <= blob.len()).ok_or(Damaged("a count is too large"))?;
    Ok(packing.unpack(blob, count)?.into_iter().map(from_ordered).collect())
}

fn decode_floats(mut lane: Reader<'_>, blob: &mut Reader<'_>) -> Result<Vec<f64>, Damaged> {
    match lane.byte()? {
        form @ FLOAT_DECIMALS.. => {
            let ten = TENS.get(usize::from(form - FLOAT_DECIMALS)).ok_or(Damaged("numbers have an unknown form"))?;
            Ok(decode_ints(lane, blob)?.into_iter().map(|number| number as f64 / ten).collect())
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
        let mut blob = Vec::new();
        let lane = encode_floats(numbers, &mut blob);
        let mut reader = Reader::new(&blob);
        let back = decode_floats(Reader::new(&lane), &mut reader).unwrap();
        reader.finish().unwrap();
        assert!(back.iter().zip(numbers).all(|(a, b)| a.to_bits() == b.to_bits()) && back.len() == numbers.len());
        lane.len() + blob.len()
    }

    #[test]
    fn numbers_come_back_bit_for_bit() {
        let noise: Vec<i64> = (0..100).map(|_| fastrand::i64(-70_000..70_000)).collect();
        for numbers in [vec![], vec![i64::MIN, i64::MAX, 0, -1], (1_000_000..1_000_100).collect(), noise] {
            let mut blob = Vec::new();
            let lane = encode_ints(&numbers, &mut blob);
            assert_eq!(decode_ints(Reader::new(&lane), &mut Reader::new(&blob)).unwrap(), numbers);
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
        let mut none = Reader::new(&[]);
        assert!(decode_ints(Reader::new(&[INT_PACKED, 9, 20, 0]), &mut none).is_err());
        assert!(decode_ints(Reader::new(&[3]), &mut none).is_err());
        assert!(decode_floats(Reader::new(&[FLOAT_PLANES, 1]), &mut none).is_err());
        assert!(decode_floats(Reader::new(&[]), &mut none).is_err());
        assert!(flag(2).is_err());
        assert!(Tag::from_byte(7).is_err());
    }
}
