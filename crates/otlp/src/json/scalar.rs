//! Single values between JSON and protobuf.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::schema::Kind;
use crate::Flaw;
use crate::proto::Writer;

/// Protobuf's JSON takes base64 with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A value in JSON that holds no others.
#[derive(Debug)]
pub(super) enum Json<'a> {
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(Cow<'a, str>),
}

impl Json<'_> {
    /// Writes the value as a field, defaults too: a value that is said is said.
    pub(super) fn write(&self, number: u32, kind: Kind, w: &mut Writer<'_>) -> Result<(), Flaw> {
        match kind {
            Kind::Text => w.always_bytes(number, self.text()?.as_bytes()),
            Kind::Id => w.always_bytes(number, &unhex(self.text()?)?),
            Kind::Bytes => w.always_bytes(number, &unbase64(self.text()?)?),
            Kind::Bool => w.always_uint(number, u64::from(self.flag()?)),
            Kind::Int32 => w.always_uint(number, i64::from(self.int::<i32>()?) as u64),
            Kind::Uint32 => w.always_uint(number, u64::from(self.int::<u32>()?)),
            Kind::Sint32 => w.sint32(number, self.int()?),
            Kind::Fixed32 => w.always_fixed32(number, self.int()?),
            Kind::Int64 => w.always_uint(number, self.int::<i64>()? as u64),
            Kind::Uint64 => w.always_uint(number, self.int()?),
            Kind::Fixed64 => w.always_fixed64(number, self.int()?),
            Kind::Sfixed64 => w.always_fixed64(number, self.int::<i64>()? as u64),
            Kind::Double => w.always_fixed64(number, self.float()?.to_bits()),
            Kind::Message(_) => return Err(Flaw::JsonType),
        }
        Ok(())
    }

    fn text(&self) -> Result<&str, Flaw> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err(Flaw::JsonType),
        }
    }

    const fn flag(&self) -> Result<bool, Flaw> {
        match self {
            Self::Bool(flag) => Ok(*flag),
            _ => Err(Flaw::JsonType),
        }
    }

    /// Returns a whole number, which may stand as text or with a fraction of zero.
    #[expect(clippy::cast_possible_truncation, reason = "a float without fraction below 2^63 is a whole number")]
    fn int<N: TryFrom<i128>>(&self) -> Result<N, Flaw> {
        let number = match self {
            Self::Int(number) => *number,
            Self::Float(float) if float.fract() == 0.0 && float.abs() < 9.3e18 => *float as i128,
            Self::Text(text) => text.parse().map_err(|_| Flaw::JsonType)?,
            _ => return Err(Flaw::JsonType),
        };
        N::try_from(number).map_err(|_| Flaw::JsonType)
    }

    #[expect(clippy::cast_precision_loss, reason = "the field holds a float")]
    fn float(&self) -> Result<f64, Flaw> {
        match self {
            Self::Int(number) => Ok(*number as f64),
            Self::Float(float) => Ok(*float),
            Self::Text(text) => match &**text {
                "NaN" => Ok(f64::NAN),
                "Infinity" => Ok(f64::INFINITY),
                "-Infinity" => Ok(f64::NEG_INFINITY),
                number => number.parse().map_err(|_| Flaw::JsonType),
            },
            Self::Bool(_) => Err(Flaw::JsonType),
        }
    }
}

pub(super) fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

pub(super) fn write_base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(BASE64.encode(bytes).as_bytes());
}

fn unhex(text: &str) -> Result<Vec<u8>, Flaw> {
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| (byte as char).to_digit(16).ok_or(Flaw::Hex);
    let byte = |pair: &[u8; 2]| Ok((digit(pair[0])? << 4 | digit(pair[1])?) as u8);
    if odd.is_empty() { pairs.iter().map(byte).collect() } else { Err(Flaw::Hex) }
}

fn unbase64(text: &str) -> Result<Vec<u8>, Flaw> {
    BASE64.decode(text).or_else(|_| BASE64_URL.decode(text)).map_err(|_| Flaw::Base64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_hexadecimal_of_either_case() {
        assert_eq!(unhex("00fFa0"), Ok(vec![0, 0xff, 0xa0]));
        assert_eq!((unhex("0"), unhex("0g"), unhex("é")), (Err(Flaw::Hex), Err(Flaw::Hex), Err(Flaw::Hex)));
    }

    #[test]
    fn base64_of_either_alphabet_with_or_without_padding() {
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            assert_eq!(unbase64(text), Ok(vec![0xfb, 0xff]));
        }
        assert_eq!(unbase64("?"), Err(Flaw::Base64));
    }
}
