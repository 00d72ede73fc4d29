//! Records that are only counted: the end of a span that isn't recorded, and numbers for a metric of a template.

use flowglass_model::{Number, Status};

use super::layout::kind;
use super::write::{finish, plain_record};
use super::{PlainRecord, Record};
use crate::Tick;
use crate::pen::Pen;

/// The end of a span that isn't recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UnseenEndRecord {
    pub(crate) scope: u64,
    pub(crate) template: u32,
    pub(crate) start: Tick,
    pub(crate) end: Tick,
    pub(crate) status: Status,
}

plain_record!(UnseenEndRecord);

impl UnseenEndRecord {
    #[inline(always)]
    fn encode<const PLAIN: bool>(&self, pen: &mut Pen) -> Option<()> {
        pen.begin([self.scope, u64::from(self.template), self.start.to_raw(), self.end.to_raw()])?;
        finish(pen, kind::UNSEEN_END, self.status)
    }
}

/// A number for a metric of a template.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CountRecord {
    pub(crate) scope: u64,
    pub(crate) template: u32,
    /// Its place among the template's metrics.
    pub(crate) metric: u32,
    pub(crate) number: Number,
}

plain_record!(CountRecord);

impl CountRecord {
    #[inline(always)]
    fn encode<const PLAIN: bool>(&self, pen: &mut Pen) -> Option<()> {
        let (is_float, bits) = match self.number {
            Number::Int(number) => (0, number.cast_unsigned()),
            Number::Float(number) => (1, number.to_bits()),
        };
        pen.begin([self.scope, u64::from(self.template) | u64::from(self.metric) << 32, is_float, bits])?;
        finish(pen, kind::COUNT, Status::Running)
    }
}

#[cfg(test)]
mod tests {
    use super::super::RawBody;
    use super::super::tests::{bytes_of, records};
    use super::*;

    #[test]
    fn what_is_counted_comes_back() {
        let (start, end) = (Tick::from_raw(5), Tick::from_raw(9));
        let ended = UnseenEndRecord { scope: 3, template: 2, start, end, status: Status::Error };
        let bytes = bytes_of(|pen| ended.write_plain(pen)).unwrap();
        let read = records(&bytes).next().unwrap();
        let RawBody::UnseenEnd { template: 2, status: Status::Error, .. } = read.body else { panic!("{read:?}") };
        assert_eq!((read.owner.scope, bytes.len()), (3, 40));
        for number in [Number::Int(-7), Number::Float(0.25)] {
            let bytes = bytes_of(|pen| CountRecord { scope: 3, template: 2, metric: 4, number }.write_plain(pen)).unwrap();
            let read = records(&bytes).next().unwrap();
            let RawBody::Count { template: 2, metric: 4, number: back } = read.body else { panic!("{read:?}") };
            assert_eq!(back, number);
        }
    }
}
