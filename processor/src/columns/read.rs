//! Reader of Native blocks, for tests only: what the encoder wrote is read back by other code.
//!
//! In: the bytes of one block. Out: names and, row by row, values as JSON; decimals as text, as a float would lose digits.
//! Not here: what ClickHouse itself makes of the bytes; `tests/native.rs` asks it.

use crds::columns::{ColumnType, ScalarType};
use serde_json::{Value, json};

use crate::check::plan::moment_of;
use crate::map::json::{write_decimal, write_uuid};

/// A block that was read.
pub(crate) struct Block {
    pub(crate) names: Vec<String>,
    /// Values of each column.
    pub(crate) columns: Vec<Vec<Value>>,
    pub(crate) n_rows: usize,
}

impl Block {
    /// Reads one block, which must end where the bytes end.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut reader = Reader { bytes, at: 0 };
        let n_columns = reader.length();
        let n_rows = reader.length();
        let mut block = Self { names: Vec::new(), columns: Vec::new(), n_rows };
        for _ in 0..n_columns {
            block.names.push(reader.text());
            let column_type: ColumnType = reader.text().parse().unwrap();
            block.columns.push(reader.column(&column_type, n_rows));
        }
        assert_eq!(reader.at, bytes.len(), "the block ends where the bytes end");
        block
    }

    /// One value.
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
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let bytes = *self.bytes[self.at..].first_chunk::<N>().unwrap();
        self.at += N;
        bytes
    }

    fn length(&mut self) -> usize {
        let mut length = 0;
        for shift in (0..).step_by(7) {
            let [byte] = self.take();
            length |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        length
    }

    fn text(&mut self) -> String {
        let length = self.length();
        self.at += length;
        String::from_utf8(self.bytes[self.at - length..self.at].to_vec()).unwrap()
    }

    fn number(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    fn column(&mut self, column_type: &ColumnType, n_rows: usize) -> Vec<Value> {
        match column_type {
            ColumnType::Plain(scalar) => self.scalars(*scalar, n_rows),
            ColumnType::Nullable(scalar) => {
                let nulls: Vec<u8> = (0..n_rows).map(|_| self.take::<1>()[0]).collect();
                let values = self.scalars(*scalar, n_rows);
                nulls
                    .iter()
                    .zip(values)
                    .map(|(null, value)| if *null == 1 { Value::Null } else { value })
                    .collect()
            }
            ColumnType::LowCardinality => self.dictionary(n_rows, false),
            ColumnType::LowCardinalityNullable => self.dictionary(n_rows, true),
            ColumnType::Array(scalar) => {
                let ends: Vec<usize> = (0..n_rows).map(|_| self.number() as usize).collect();
                let elements = self.scalars(*scalar, ends.last().copied().unwrap_or(0));
                let starts = std::iter::once(0).chain(ends.iter().copied());
                starts.zip(&ends).map(|(start, end)| Value::Array(elements[start..*end].to_vec())).collect()
            }
            ColumnType::Json => {
                assert_eq!(self.number(), 1);
                (0..n_rows).map(|_| serde_json::from_str(&self.text()).unwrap()).collect()
            }
        }
    }

    fn dictionary(&mut self, n_rows: usize, nullable: bool) -> Vec<Value> {
        assert_eq!(self.number(), 1);
        let flags = self.number();
        assert_eq!(flags & !3, 0x600);
        let keys: Vec<String> = (0..self.number()).map(|_| self.text()).collect();
        assert_eq!(self.number() as usize, n_rows);
        (0..n_rows)
            .map(|_| {
                let index = match flags & 3 {
                    0 => usize::from(self.take::<1>()[0]),
                    1 => usize::from(u16::from_le_bytes(self.take())),
                    _ => u32::from_le_bytes(self.take()) as usize,
                };
                if nullable && index == 0 { Value::Null } else { json!(keys[index]) }
            })
            .collect()
    }

    fn scalars(&mut self, scalar: ScalarType, n_rows: usize) -> Vec<Value> {
        (0..n_rows).map(|_| self.scalar(scalar)).collect()
    }

    fn scalar(&mut self, scalar: ScalarType) -> Value {
        match scalar {
            ScalarType::String => json!(self.text()),
            ScalarType::Bool => json!(self.take::<1>()[0] == 1),
            ScalarType::Int8 => json!(i8::from_le_bytes(self.take())),
            ScalarType::Int16 => json!(i16::from_le_bytes(self.take())),
            ScalarType::Int32 => json!(i32::from_le_bytes(self.take())),
            ScalarType::Int64 => json!(i64::from_le_bytes(self.take())),
            ScalarType::UInt8 => json!(u8::from_le_bytes(self.take())),
            ScalarType::UInt16 => json!(u16::from_le_bytes(self.take())),
            ScalarType::UInt32 => json!(u32::from_le_bytes(self.take())),
            ScalarType::UInt64 => json!(u64::from_le_bytes(self.take())),
            ScalarType::Float32 => {
                serde_json::from_str(&f32::from_le_bytes(self.take()).to_string()).unwrap()
            }
            ScalarType::Float64 => json!(f64::from_le_bytes(self.take())),
            ScalarType::Decimal { precision, scale } => {
                let number = match precision {
                    0..=9 => i128::from(i32::from_le_bytes(self.take())),
                    10..=18 => i128::from(i64::from_le_bytes(self.take())),
                    _ => i128::from_le_bytes(self.take()),
                };
                written(|out| write_decimal(number, scale, out))
            }
            ScalarType::Date => {
                let days = u16::from_le_bytes(self.take());
                written(|out| crate::decode::time::write_day(i64::from(days), out))
            }
            ScalarType::DateTime => time(i64::from(u32::from_le_bytes(self.take())), scalar),
            ScalarType::DateTime64 { .. } => time(i64::from_le_bytes(self.take()), scalar),
            ScalarType::Uuid => {
                let upper = u128::from(self.number());
                let number = upper << 64 | u128::from(self.number());
                written(|out| write_uuid(number, out))
            }
        }
    }
}

fn time(ticks: i64, scalar: ScalarType) -> Value {
    let (moment, precision) = moment_of(ticks, scalar);
    written(|out| moment.write(precision, out))
}

fn written(write: impl Fn(&mut Vec<u8>)) -> Value {
    let mut out = Vec::new();
    write(&mut out);
    json!(String::from_utf8(out).unwrap())
}
