//! Reader of Native blocks, for tests and for people who try events: what the encoder wrote is read back by other code.
//!
//! In: the bytes of blocks. Out: names and, row by row, values as JSON; decimals as text, as a float would lose digits.
//! Not here: what ClickHouse itself makes of the bytes; `tests/native.rs` asks it. A stream that must cut a piece reads it by `buffer/read.rs`.

use std::ops::Range;

use crds::columns::{ColumnType, ScalarType};
use serde_json::{Value, json};

use super::Rows;
use super::frame::unpack;
use crate::check::plan::moment_of;
use crate::map::json::{write_decimal, write_uuid};

/// Returns the blocks of a range of rows, one behind another, without their compression.
///
/// # Panics
/// When a frame is damaged.
#[must_use]
pub fn unpacked(rows: &Rows, range: Range<usize>) -> Vec<u8> {
    let block =
        |frame: Result<_, _>| frame.and_then(|frame: bytes::Bytes| unpack(&frame)).expect("frames are whole");
    rows.frames(range).flat_map(block).collect()
}

/// Rows that were read.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Names of the columns.
    pub names: Vec<String>,
    /// Values of each column.
    pub columns: Vec<Vec<Value>>,
    /// Number of rows.
    pub n_rows: usize,
}

impl Block {
    /// Reads the blocks that this build wrote, one behind another, as one; they must end where the bytes end.
    ///
    /// # Panics
    /// When the bytes are no such blocks: a defect of the encoder or of this reader.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        Self::read_all(bytes).expect("what the encoder wrote reads back")
    }

    /// Reads a range of rows as a server would get them.
    ///
    /// # Panics
    /// As [`Self::read`].
    #[must_use]
    pub fn of(rows: &Rows, range: Range<usize>) -> Self {
        Self::read(&unpacked(rows, range))
    }

    fn read_all(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader { bytes, at: 0 };
        let mut whole = Self { names: Vec::new(), columns: Vec::new(), n_rows: 0 };
        while reader.at < bytes.len() {
            let (n_columns, n_rows) = (reader.length()?, reader.length()?);
            whole.n_rows += n_rows;
            whole.columns.resize(n_columns, Vec::new());
            whole.names.clear();
            for column in &mut whole.columns {
                whole.names.push(reader.text()?);
                let column_type: ColumnType = reader.text()?.parse().ok()?;
                column.extend(reader.column(&column_type, n_rows)?);
            }
        }
        Some(whole)
    }

    /// One value.
    #[cfg(test)]
    pub(crate) fn value(&self, row: usize, name: &str) -> &Value {
        let column = self.names.iter().position(|known| known == name).unwrap();
        &self.columns[column][row]
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = *self.bytes.get(self.at..)?.first_chunk::<N>()?;
        self.at += N;
        Some(bytes)
    }

    fn length(&mut self) -> Option<usize> {
        let mut length = 0;
        for shift in (0..63).step_by(7) {
            let [byte] = self.take()?;
            length |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        Some(length)
    }

    fn text(&mut self) -> Option<String> {
        let length = self.length()?;
        let text = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        String::from_utf8(text.to_vec()).ok()
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn size(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn column(&mut self, column_type: &ColumnType, n_rows: usize) -> Option<Vec<Value>> {
        match column_type {
            ColumnType::Plain(scalar) => self.scalars(*scalar, n_rows),
            ColumnType::Nullable(scalar) => {
                let nulls: Vec<[u8; 1]> = (0..n_rows).map(|_| self.take()).collect::<Option<_>>()?;
                let values = self.scalars(*scalar, n_rows)?;
                let value = |(null, value): (&[u8; 1], Value)| if *null == [1] { Value::Null } else { value };
                Some(nulls.iter().zip(values).map(value).collect())
            }
            ColumnType::LowCardinality => self.dictionary(n_rows, false),
            ColumnType::LowCardinalityNullable => self.dictionary(n_rows, true),
            ColumnType::Array(scalar) => {
                let ends: Vec<usize> = (0..n_rows).map(|_| self.size()).collect::<Option<_>>()?;
                let elements = self.scalars(*scalar, ends.last().copied().unwrap_or(0))?;
                let starts = std::iter::once(0).chain(ends.iter().copied());
                let row =
                    |(start, end): (usize, &usize)| Some(Value::Array(elements.get(start..*end)?.to_vec()));
                starts.zip(&ends).map(row).collect()
            }
            ColumnType::Json => {
                if self.number()? != 1 {
                    return None;
                }
                (0..n_rows).map(|_| serde_json::from_str(&self.text()?).ok()).collect()
            }
        }
    }

    fn dictionary(&mut self, n_rows: usize, nullable: bool) -> Option<Vec<Value>> {
        let version = self.number()?;
        let flags = self.number()?;
        if version != 1 || flags & !3 != 0x600 {
            return None;
        }
        let n_keys = self.number()?;
        let keys: Vec<String> = (0..n_keys).map(|_| self.text()).collect::<Option<_>>()?;
        if self.size()? != n_rows {
            return None;
        }
        let mut value = || {
            let index = match flags & 3 {
                0 => usize::from(u8::from_le_bytes(self.take()?)),
                1 => usize::from(u16::from_le_bytes(self.take()?)),
                _ => usize::try_from(u32::from_le_bytes(self.take()?)).ok()?,
            };
            if nullable && index == 0 { Some(Value::Null) } else { Some(json!(keys.get(index)?)) }
        };
        (0..n_rows).map(|_| value()).collect()
    }

    fn scalars(&mut self, scalar: ScalarType, n_rows: usize) -> Option<Vec<Value>> {
        (0..n_rows).map(|_| self.scalar(scalar)).collect()
    }

    fn scalar(&mut self, scalar: ScalarType) -> Option<Value> {
        Some(match scalar {
            ScalarType::String => json!(self.text()?),
            ScalarType::Bool => json!(self.take()? == [1]),
            ScalarType::Int8 => json!(i8::from_le_bytes(self.take()?)),
            ScalarType::Int16 => json!(i16::from_le_bytes(self.take()?)),
            ScalarType::Int32 => json!(i32::from_le_bytes(self.take()?)),
            ScalarType::Int64 => json!(i64::from_le_bytes(self.take()?)),
            ScalarType::UInt8 => json!(u8::from_le_bytes(self.take()?)),
            ScalarType::UInt16 => json!(u16::from_le_bytes(self.take()?)),
            ScalarType::UInt32 => json!(u32::from_le_bytes(self.take()?)),
            ScalarType::UInt64 => json!(u64::from_le_bytes(self.take()?)),
            ScalarType::Float32 => {
                serde_json::from_str(&f32::from_le_bytes(self.take()?).to_string()).ok()?
            }
            ScalarType::Float64 => json!(f64::from_le_bytes(self.take()?)),
            ScalarType::Decimal { precision, scale } => {
                let number = match precision {
                    0..=9 => i128::from(i32::from_le_bytes(self.take()?)),
                    10..=18 => i128::from(i64::from_le_bytes(self.take()?)),
                    _ => i128::from_le_bytes(self.take()?),
                };
                written(|out| write_decimal(number, scale, out))
            }
            ScalarType::Date => {
                let days = u16::from_le_bytes(self.take()?);
                written(|out| crate::decode::time::write_day(i64::from(days), out))
            }
            ScalarType::DateTime => time(i64::from(u32::from_le_bytes(self.take()?)), scalar),
            ScalarType::DateTime64 { .. } => time(i64::from_le_bytes(self.take()?), scalar),
            ScalarType::Uuid => {
                let upper = u128::from(self.number()?);
                let number = upper << 64 | u128::from(self.number()?);
                written(|out| write_uuid(number, out))
            }
        })
    }
}

fn time(ticks: i64, scalar: ScalarType) -> Value {
    let (moment, precision) = moment_of(ticks, scalar);
    written(|out| moment.write(precision, out))
}

fn written(write: impl Fn(&mut Vec<u8>)) -> Value {
    let mut out = Vec::new();
    write(&mut out);
    json!(String::from_utf8_lossy(&out))
}
