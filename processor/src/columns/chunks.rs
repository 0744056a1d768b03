//! Chunks: the values of a column, in pieces of one size.
//!
//! In: values, one after another. Out: the same, as slices.
//! A column that grows as one piece takes up to three times what is in it: twice while it is copied, and room for what never comes.
//! Here the first piece grows with what is in it, so that small batches stay small, and those behind it are all alike: what one batch
//! gives back fits the next one, whatever its columns are.
//! Not here: what the values mean.

use std::ops::Range;

/// Bytes of a piece.
const CHUNK_BYTES: usize = 16 * 1024;
/// Values for which the first piece has room at least.
const FIRST: usize = 16;

/// Values in pieces.
#[derive(Debug)]
pub(crate) struct Chunks<T> {
    full: Vec<Vec<T>>,
    last: Vec<T>,
}

impl<T: Copy> Chunks<T> {
    const LENGTH: usize = CHUNK_BYTES / size_of::<T>();

    /// Starts empty.
    pub(crate) fn new() -> Self {
        Self { full: Vec::new(), last: Vec::new() }
    }

    /// Takes all values away; the room of one piece stays.
    pub(crate) fn clear(&mut self) {
        self.full.clear();
        self.last.clear();
        self.last.shrink_to(Self::LENGTH);
    }

    /// Gives back the room that nothing has come for.
    pub(crate) fn shrink(&mut self) {
        self.last.shrink_to_fit();
    }

    /// Number of values.
    pub(crate) fn len(&self) -> usize {
        self.full.iter().map(Vec::len).sum::<usize>() + self.last.len()
    }

    /// Adds a value.
    #[inline]
    pub(crate) fn push(&mut self, value: T) {
        if self.last.capacity() == self.last.len() {
            self.make_room(1);
        }
        self.last.push(value);
    }

    /// Adds values; they stay together.
    #[inline]
    pub(crate) fn extend(&mut self, values: &[T]) {
        if self.last.capacity() - self.last.len() < values.len() {
            self.make_room(values.len());
        }
        self.last.extend_from_slice(values);
    }

    /// Adds the same value again and again.
    pub(crate) fn repeat(&mut self, value: T, mut times: usize) {
        while times > 0 {
            if self.last.capacity() == self.last.len() {
                self.make_room(1);
            }
            let now = times.min(self.last.capacity() - self.last.len());
            self.last.resize(self.last.len() + now, value);
            times -= now;
        }
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self, n_more: usize) {
        let (length, capacity) = (self.last.len(), self.last.capacity());
        if capacity < Self::LENGTH {
            let wanted = (2 * capacity).clamp(FIRST, Self::LENGTH).max(length + n_more);
            self.last.reserve_exact(wanted - length);
            return;
        }
        let next = Vec::with_capacity(n_more.max(Self::LENGTH));
        self.full.push(std::mem::replace(&mut self.last, next));
    }

    /// The last value.
    #[inline]
    pub(crate) fn last(&self) -> Option<T> {
        self.last.last().or_else(|| self.full.last()?.last()).copied()
    }

    /// Calls `visit` for the values of a range, piece by piece.
    pub(crate) fn each(&self, range: Range<usize>, mut visit: impl FnMut(&[T])) {
        let mut begin = 0;
        for chunk in self.full.iter().chain([&self.last]) {
            let (from, to) = (range.start.max(begin) - begin, range.end.saturating_sub(begin));
            if let Some(values) = chunk.get(from.min(chunk.len())..to.min(chunk.len()))
                && !values.is_empty()
            {
                visit(values);
            }
            begin += chunk.len();
        }
    }

    /// Returns the values of a range as one piece.
    pub(crate) fn joined(&self, range: Range<usize>) -> Vec<T> {
        let mut values = Vec::with_capacity(range.len());
        self.each(range, |chunk| values.extend_from_slice(chunk));
        values
    }

    /// Returns the value of an index. It is looked for piece by piece.
    pub(crate) fn get(&self, mut index: usize) -> Option<T> {
        for chunk in self.full.iter().chain([&self.last]) {
            if let Some(value) = chunk.get(index) {
                return Some(*value);
            }
            index -= chunk.len();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Chunks;

    /// Some numbers, by all the ways in which they can come.
    fn filled() -> (Chunks<u32>, Vec<u32>) {
        let (mut chunks, mut expected) = (Chunks::new(), Vec::new());
        for number in 0..3_000 {
            let some: Vec<u32> = (0..number % 23).map(|more| number + more).collect();
            chunks.extend(&some);
            chunks.push(number);
            chunks.repeat(7, number as usize % 5);
            expected.extend(some);
            expected.push(number);
            expected.extend(vec![7; number as usize % 5]);
        }
        (chunks, expected)
    }

    #[test]
    fn what_is_added_comes_out_in_order_from_every_place_to_every_place() {
        let (chunks, expected) = filled();
        assert_eq!(chunks.len(), expected.len());
        assert_eq!(chunks.last(), expected.last().copied());
        for start in (0..expected.len()).step_by(997) {
            assert_eq!(chunks.get(start), Some(expected[start]));
            for end in (start..=expected.len()).step_by(1_009) {
                assert_eq!(chunks.joined(start..end), expected[start..end]);
            }
        }
        assert_eq!(chunks.joined(0..expected.len() + 5), expected);
        assert_eq!(chunks.get(expected.len()), None);
    }

    #[test]
    fn what_was_emptied_and_shrunk_takes_what_is_in_it() {
        let (mut chunks, _) = filled();
        chunks.clear();
        chunks.extend(&[1, 2, 3]);
        assert!(chunks.last.capacity() >= Chunks::<u32>::LENGTH, "the room of one piece stays");
        chunks.shrink();
        assert_eq!((chunks.last.capacity(), chunks.joined(0..9)), (3, vec![1, 2, 3]));
    }

    #[test]
    fn few_values_take_little_room_and_many_hardly_more_than_they_are() {
        let room = |n_values: usize| {
            let mut chunks = Chunks::<u64>::new();
            (0..n_values as u64).for_each(|value| chunks.push(value));
            chunks.full.iter().chain([&chunks.last]).map(Vec::capacity).sum::<usize>()
        };
        assert!(room(20) <= 40);
        assert!(room(50_000) <= 50_000 + Chunks::<u64>::LENGTH);
    }
}
