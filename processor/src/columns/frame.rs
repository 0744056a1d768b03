//! Frame: one piece of a compressed stream as ClickHouse takes it: 16 bytes of checksum, a head of 9 bytes, and a block of LZ4.
//!
//! In: bytes. Out: a frame that can be sent as often as wanted without a copy, and the bytes again.
//! Source: the description of the Native format's compression at clickhouse.com (`interfaces/specs/NativeFormat`, "Frame format"): the
//! checksum is CityHash128 in its version 1.0.2 over all behind it, its halves exchanged; the length in the head is that of the head
//! and what follows. The client library frames alike, but hands out nothing that is kept for a second try.
//! Not here: what the bytes mean.

use bytes::Bytes;

const CHECKSUM: usize = 16;
const HEAD: usize = 9;
/// The head's first byte, for LZ4.
const LZ4: u8 = 0x82;
/// Bytes of room that a packer keeps at most.
const MOST_ROOM: usize = 1 << 20;

/// A frame does not hold what was packed: the memory of the process is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("packed rows do not unpack: the memory of this machine is damaged")]
pub struct Damaged;

/// Makes frames; what it works in is used again.
#[derive(Debug, Default)]
pub struct Packer {
    /// What the next frame is made of.
    pub(super) plain: Vec<u8>,
    packed: Vec<u8>,
}

impl Packer {
    /// Packs what is in `plain`, and empties it.
    #[inline(never)]
    pub(super) fn pack(&mut self) -> Bytes {
        let start = CHECKSUM + HEAD;
        self.packed.truncate(MOST_ROOM);
        self.packed.shrink_to(MOST_ROOM);
        self.packed.resize(start + lz4_flex::block::get_maximum_output_size(self.plain.len()), 0);
        let packed = lz4_flex::block::compress_into(&self.plain, &mut self.packed[start..]);
        let n_bytes = packed.expect("there is room for bytes that do not get fewer");
        let (checksum, rest) = self.packed[..start + n_bytes].split_at_mut(CHECKSUM);
        rest[0] = LZ4;
        rest[1..5].copy_from_slice(&((HEAD + n_bytes) as u32).to_le_bytes());
        rest[5..9].copy_from_slice(&(self.plain.len() as u32).to_le_bytes());
        checksum.copy_from_slice(&hash(rest));
        self.plain.clear();
        // One huge row must not take room for ever.
        self.plain.shrink_to(MOST_ROOM);
        Bytes::copy_from_slice(&self.packed[..start + n_bytes])
    }
}

/// Returns what a frame was made of.
pub(super) fn unpack(frame: &[u8]) -> Result<Vec<u8>, Damaged> {
    let (checksum, rest) = frame.split_at_checked(CHECKSUM).ok_or(Damaged)?;
    let (head, packed) = rest.split_at_checked(HEAD).ok_or(Damaged)?;
    let n_bytes = head[5..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    if head[0] != LZ4 || *checksum != hash(rest) {
        return Err(Damaged);
    }
    lz4_flex::block::decompress(packed, n_bytes as usize).map_err(|_| Damaged)
}

fn hash(bytes: &[u8]) -> [u8; CHECKSUM] {
    cityhash_rs::cityhash_102_128(bytes).rotate_right(64).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::{Damaged, Packer, unpack};

    #[test]
    fn what_was_packed_unpacks_and_the_packer_is_empty_again() {
        let mut packer = Packer::default();
        for length in [0, 1, 100, 1 << 20] {
            let plain: Vec<u8> = (0..length).map(|at: usize| (at * at % 251) as u8).collect();
            packer.plain.extend_from_slice(&plain);
            let frame = packer.pack();
            assert!(packer.plain.is_empty());
            assert_eq!(unpack(&frame), Ok(plain), "{length} bytes");
        }
    }

    #[test]
    fn a_frame_in_which_a_bit_has_changed_is_damaged() {
        let mut packer = Packer::default();
        packer.plain.extend_from_slice(b"rows and rows and rows");
        let frame = packer.pack().to_vec();
        for at in 0..frame.len() {
            let mut changed = frame.clone();
            changed[at] ^= 4;
            assert_eq!(unpack(&changed), Err(Damaged), "byte {at}");
        }
        assert_eq!(unpack(&frame[..frame.len() - 1]), Err(Damaged));
        assert_eq!(unpack(&frame[..20]), Err(Damaged));
        assert_eq!(unpack(&[]), Err(Damaged));
    }
}
