//! Answers of ClickHouse in RowBinary: numbers, and event ids with their times.
//!
//! In: bytes, in pieces of any size. Out: values. What is cut off waits for the next piece.
//! Not here: the questions.

/// Reads `Int64` values.
pub(super) fn numbers(bytes: &[u8]) -> Vec<i64> {
    bytes.as_chunks::<8>().0.iter().map(|chunk| i64::from_le_bytes(*chunk)).collect()
}

/// Reads pairs of `String` and `Int64`.
#[derive(Default)]
pub(super) struct Ids {
    rest: Vec<u8>,
}

impl Ids {
    /// Takes a piece, and hands on every pair that is complete.
    pub(super) fn take(&mut self, chunk: &[u8], each: &mut dyn FnMut(&str, i64)) {
        self.rest.extend_from_slice(chunk);
        let mut used = 0;
        while let Some((id, milliseconds, length)) = pair(&self.rest[used..]) {
            each(&String::from_utf8_lossy(id), milliseconds);
            used += length;
        }
        self.rest.drain(..used);
    }
}

fn pair(bytes: &[u8]) -> Option<(&[u8], i64, usize)> {
    let (length, prefix) = variable_length(bytes)?;
    let id = bytes.get(prefix..prefix.checked_add(length)?)?;
    let end = prefix + length;
    let number = bytes.get(end..end + 8)?;
    Some((id, i64::from_le_bytes(number.try_into().ok()?), end + 8))
}

fn variable_length(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0_usize;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((length, index + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_wherever_the_pieces_are_cut() {
        let long = "x".repeat(300);
        let mut bytes = Vec::new();
        for (id, milliseconds) in [("a", 1_i64), ("", -5), (long.as_str(), 1 << 40)] {
            let mut length = id.len();
            while length >= 0x80 {
                bytes.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
                length >>= 7;
            }
            bytes.push(u8::try_from(length).expect("seven bits"));
            bytes.extend_from_slice(id.as_bytes());
            bytes.extend_from_slice(&milliseconds.to_le_bytes());
        }
        for size in [1, 2, 7, 300, bytes.len()] {
            let (mut ids, mut found) = (Ids::default(), Vec::new());
            for chunk in bytes.chunks(size) {
                ids.take(chunk, &mut |id, milliseconds| found.push((id.to_owned(), milliseconds)));
            }
            assert_eq!(found, [("a".to_owned(), 1), (String::new(), -5), (long.clone(), 1 << 40)], "{size}");
        }
    }

    #[test]
    fn numbers_are_little_endian() {
        assert_eq!(numbers(&[1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]), [1, -1]);
    }
}
