//! The attributes of a table's rows: which keys a row has (few shapes, many rows), and a lane of values for each key and type.

use std::collections::HashMap;

use flowglass_model::{Arena, AttributeColumns, Scalar, Sym};

use super::bytes::{Damaged, Reader, put_stream, put_varint};
use super::lanes::{self, Lane, Tag};
use super::texts::{self, TextTable};
use crate::hash::BuildFastHasher;

/// Both sections of a table's attributes.
pub(super) struct AttributeSections {
    /// Lanes, shapes and values.
    pub(super) layout: Vec<u8>,
    /// The contents of byte strings and numbers that look random: they would spoil the compression of everything else.
    pub(super) blob: Vec<u8>,
}

/// Writes the attributes of all rows.
pub(super) fn encode(columns: &AttributeColumns, texts: &mut TextTable<'_>) -> AttributeSections {
    let mut encoder = Encoder::default();
    let mut start = 0;
    for &end in &columns.ends {
        let range = start..end as usize;
        encoder.push_row(&columns.keys[range.clone()], &columns.values[range], texts);
        start = end as usize;
    }
    encoder.finish()
}

#[derive(Default)]
struct Encoder {
    /// The text of the key, the type and the values.
    lanes: Vec<(u64, Tag, Lane)>,
    /// For each key's text, the number of its lane of each type, plus one.
    lane_numbers: Vec<[u32; Tag::COUNT]>,
    shapes: HashMap<Vec<u32>, u64, BuildFastHasher>,
    shape_table: Vec<u8>,
    shape_stream: Vec<u8>,
    row: Vec<u32>,
    lately: Lately,
}

/// So many shapes are compared with.
const KNOWN_SHAPES: usize = 4;

/// The shapes of the rows before: most rows have what one of them has, and their keys need no numbers then.
#[derive(Default)]
struct Lately {
    shapes: Vec<KnownShape>,
    /// Which one was there first.
    oldest: usize,
}

struct KnownShape {
    number: u64,
    /// The key, the type and the lane of each attribute.
    lanes: Vec<(Sym, Tag, u32)>,
}

impl KnownShape {
    fn fits(&self, keys: &[Sym], values: &[Scalar]) -> bool {
        let mut found = self.lanes.iter().zip(keys.iter().zip(values));
        self.lanes.len() == keys.len() && found.all(|((key, tag, _), (found, value))| key == found && *tag == Tag::of(*value))
    }
}

impl Lately {
    fn find(&self, keys: &[Sym], values: &[Scalar]) -> Option<&KnownShape> {
        self.shapes.iter().find(|shape| shape.fits(keys, values))
    }

    fn remember(&mut self, shape: KnownShape) {
        if self.shapes.len() < KNOWN_SHAPES {
            return self.shapes.push(shape);
        }
        self.shapes[self.oldest] = shape;
        self.oldest = (self.oldest + 1) % KNOWN_SHAPES;
    }
}

impl Encoder {
    fn push_row(&mut self, keys: &[Sym], values: &[Scalar], texts: &mut TextTable<'_>) {
        if let Some(KnownShape { number, lanes }) = self.lately.find(keys, values) {
            for ((_, _, lane), &scalar) in lanes.iter().zip(values) {
                let value = lanes::value_of(scalar, texts);
                self.lanes[*lane as usize].2.push(value, texts.arena());
            }
            return put_varint(&mut self.shape_stream, *number);
        }
        self.push_new_row(keys, values, texts);
    }

    fn push_new_row(&mut self, keys: &[Sym], values: &[Scalar], texts: &mut TextTable<'_>) {
        self.row.clear();
        for (&key, &scalar) in keys.iter().zip(values) {
            let (key, value) = (texts.number(key), lanes::value_of(scalar, texts));
            let lane = self.lane(key, Tag::of(scalar));
            self.lanes[lane as usize].2.push(value, texts.arena());
            self.row.push(lane);
        }
        let number = self.shape();
        put_varint(&mut self.shape_stream, number);
        let lanes = keys.iter().zip(values).zip(&self.row).map(|((&key, &value), &lane)| (key, Tag::of(value), lane));
        self.lately.remember(KnownShape { number, lanes: lanes.collect() });
    }

    fn lane(&mut self, key: u64, tag: Tag) -> u32 {
        let at = key as usize;
        if at >= self.lane_numbers.len() {
            self.lane_numbers.resize(at + 1, [0; Tag::COUNT]);
        }
        let number = &mut self.lane_numbers[at][tag as usize];
        if *number == 0 {
            self.lanes.push((key, tag, Lane::default()));
            *number = self.lanes.len() as u32;
        }
        *number - 1
    }

    fn shape(&mut self) -> u64 {
        if let Some(&shape) = self.shapes.get(&self.row) {
            return shape;
        }
        let shape = self.shapes.len() as u64;
        self.shapes.insert(self.row.clone(), shape);
        put_varint(&mut self.shape_table, self.row.len() as u64);
        self.row.iter().for_each(|&lane| put_varint(&mut self.shape_table, u64::from(lane)));
        shape
    }

    fn finish(self) -> AttributeSections {
        let (mut layout, mut blob) = (Vec::new(), Vec::new());
        put_stream(&mut layout, &self.shape_table);
        put_stream(&mut layout, &self.shape_stream);
        for (key, tag, lane) in self.lanes {
            let values = lane.encode(tag, &mut blob);
            put_varint(&mut layout, key);
            layout.push(tag as u8);
            put_stream(&mut layout, &values);
        }
        AttributeSections { layout, blob }
    }
}

/// Reads the attributes of `rows` rows. The arena holds the block's texts in front, `texts` of them, and gets the byte strings.
pub(super) fn decode(
    mut layout: Reader<'_>,
    blob: Reader<'_>,
    rows: usize,
    texts: usize,
    arena: &mut Arena,
) -> Result<AttributeColumns, Damaged> {
    let shapes = decode_shapes(layout.stream()?)?;
    let mut shape_stream = layout.stream()?;
    let mut lanes = decode_lanes(layout, blob, texts, arena)?;
    let mut columns = AttributeColumns::default();
    for _ in 0..rows {
        let shape = shapes.get(shape_stream.varint32()? as usize).ok_or(Damaged("a shape that isn't there is named"))?;
        pull_row(shape, &mut lanes, &mut columns)?;
    }
    shape_stream.finish()?;
    if lanes.iter().any(|(_, values)| values.len() > 0) { Err(Damaged("values are left over")) } else { Ok(columns) }
}

/// Shows the values of the attributes whose key is `wanted`, in no order that says of which rows they are, and nothing of all others.
pub(super) fn values_of(
    mut layout: Reader<'_>,
    mut blob: Reader<'_>,
    arena: &mut Arena,
    wanted: impl Fn(&Arena, Sym) -> bool,
    mut show: impl FnMut(&Arena, Scalar),
) -> Result<(), Damaged> {
    let texts = arena.len();
    for _shapes_and_rows in 0..2 {
        layout.stream()?;
    }
    while !layout.is_empty() {
        let (key, tag) = (texts::sym(&mut layout, texts)?, Tag::from_byte(layout.byte()?)?);
        let lane = layout.stream()?;
        if wanted(arena, key) {
            let values = lanes::decode(tag, lane, &mut blob, texts, arena)?;
            values.into_iter().for_each(|value| show(arena, value));
        } else {
            lanes::skip(tag, lane, &mut blob)?;
        }
    }
    Ok(())
}

type Lanes = Vec<(Sym, std::vec::IntoIter<Scalar>)>;

fn pull_row(shape: &[u32], lanes: &mut Lanes, columns: &mut AttributeColumns) -> Result<(), Damaged> {
    for &lane in shape {
        let (key, values) = lanes.get_mut(lane as usize).ok_or(Damaged("a lane that isn't there is named"))?;
        columns.keys.push(*key);
        columns.values.push(values.next().ok_or(Damaged("a lane has too few values"))?);
    }
    columns.ends.push(u32::try_from(columns.keys.len()).map_err(|_| Damaged("a block has too many attributes"))?);
    Ok(())
}

fn decode_shapes(mut table: Reader<'_>) -> Result<Vec<Vec<u32>>, Damaged> {
    let mut shapes = Vec::new();
    while !table.is_empty() {
        let lanes = table.count()?;
        shapes.push((0..lanes).map(|_| table.varint32()).collect::<Result<_, _>>()?);
    }
    Ok(shapes)
}

fn decode_lanes(mut layout: Reader<'_>, mut blob: Reader<'_>, texts: usize, arena: &mut Arena) -> Result<Lanes, Damaged> {
    let mut lanes = Vec::new();
    while !layout.is_empty() {
        let key = texts::sym(&mut layout, texts)?;
        let tag = Tag::from_byte(layout.byte()?)?;
        let values = lanes::decode(tag, layout.stream()?, &mut blob, texts, arena)?;
        lanes.push((key, values.into_iter()));
    }
    blob.finish().map(|()| lanes)
}
