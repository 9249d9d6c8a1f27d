//! Blocks of rows as bytes.
//!
//! ```text
//! block  = crc32 u32 of what follows, rows u32, column…
//! column = encoding u8, width u8, zeros u8, base i64, least i64, rows × width bytes
//! ```
//!
//! All numbers are little-endian. A column's values are divided by 10^`zeros`, the largest power
//! of ten that divides all of them. Then, whichever needs the narrowest `width` of 0, 1, 2, 4 or 8
//! bytes (after Lemire and Boytsov, "Decoding billions of integers per second through
//! vectorization", 2015: frame of reference and its differential variant, on byte boundaries so
//! that decoding is a copy and an addition):
//!
//! | encoding | value |
//! |---|---|
//! | 0 | `base + k` |
//! | 1 | the one before `+ least + k`; the first is `base` |
//! | 2 | that of the first column in the same row `+ base + k` |

use flate2::Crc;

use super::Record;

/// The most rows in a block.
pub const BLOCK_ROWS: usize = 4_096;
const HEAD_BYTES: usize = 8;
const COLUMN_HEAD_BYTES: usize = 19;
const POWERS: [i64; 19] = {
    let mut powers = [1; 19];
    let mut place = 1;
    while place < powers.len() {
        powers[place] = powers[place - 1] * 10;
        place += 1;
    }
    powers
};

const PLAIN: u8 = 0;
const DIFFERENCES: u8 = 1;
const BESIDE_FIRST: u8 = 2;

/// Buffers that are used again from block to block.
#[derive(Debug, Default)]
pub struct Buffers {
    first: Vec<i64>,
    values: Vec<i64>,
    candidate: Vec<i64>,
}

/// Appends one block to `out`. Differences wrap, so that every value can be written.
pub fn encode<R: Record>(rows: &[R], buffers: &mut Buffers, out: &mut Vec<u8>) {
    debug_assert!(rows.len() <= BLOCK_ROWS, "blocks are bounded");
    let start = out.len();
    let count = u32::try_from(rows.len()).expect("a block has at most 4,096 rows");
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&count.to_le_bytes());
    for column in 0..R::COLUMNS.len() {
        R::gather(column, rows, &mut buffers.values);
        if column == 0 {
            buffers.first.clone_from(&buffers.values);
        }
        let beside = (column > 0).then_some(&buffers.first[..]);
        encode_column(&mut buffers.values, beside, &mut buffers.candidate, out);
    }
    let mut crc = Crc::new();
    crc.update(&out[start + 4..]);
    out[start..start + 4].copy_from_slice(&crc.sum().to_le_bytes());
}

/// What a column is written with.
struct Frame {
    encoding: u8,
    width: usize,
    zeros: usize,
    base: i64,
    least: i64,
}

fn encode_column(
    values: &mut Vec<i64>,
    first: Option<&[i64]>,
    candidate: &mut Vec<i64>,
    out: &mut Vec<u8>,
) {
    let zeros = common_zeros(values);
    // Instants of the venue beside ours: their difference has other zeros than they have.
    let mut frame = Frame { encoding: PLAIN, ..Frame::of(values, zeros) };
    if frame.width > 0
        && let Some(first) = first
    {
        candidate.clear();
        candidate.extend(values.iter().zip(first).map(|(value, first)| value.wrapping_sub(*first)));
        let zeros = common_zeros(candidate);
        let beside = Frame { encoding: BESIDE_FIRST, ..Frame::of(candidate, zeros) };
        if beside.width < frame.width {
            frame = beside;
        }
    }
    if frame.width > 0 {
        let differences = Frame::of_differences(values, zeros);
        if differences.width < frame.width {
            frame = differences;
        }
    }
    out.extend_from_slice(&[frame.encoding, narrow(frame.width), narrow(frame.zeros)]);
    out.extend_from_slice(&frame.base.to_le_bytes());
    out.extend_from_slice(&frame.least.to_le_bytes());
    let power = POWERS[frame.zeros];
    let mut before = values.first().map_or(0, |value| value / power).wrapping_sub(frame.least);
    let source = if frame.encoding == BESIDE_FIRST { &*candidate } else { &*values };
    for value in source {
        let value = value / power;
        let k = match frame.encoding {
            DIFFERENCES => value.wrapping_sub(before).wrapping_sub(frame.least),
            _ => value.wrapping_sub(frame.base),
        };
        before = value;
        out.extend_from_slice(&k.to_le_bytes()[..frame.width]);
    }
}

fn narrow(small: usize) -> u8 {
    u8::try_from(small).expect("widths end at 8 and zeros at 18")
}

/// The exponent of the largest power of ten that divides every value.
fn common_zeros(values: &[i64]) -> usize {
    let mut zeros = POWERS.len() - 1;
    let mut has_any = false;
    for value in values.iter().filter(|value| **value != 0) {
        has_any = true;
        while value % POWERS[zeros] != 0 {
            zeros -= 1;
        }
        if zeros == 0 {
            break;
        }
    }
    if has_any { zeros } else { 0 }
}

impl Frame {
    fn of(values: &[i64], zeros: usize) -> Self {
        let power = POWERS[zeros];
        let scaled = values.iter().map(|value| value / power);
        let (low, high) = scaled
            .fold((i64::MAX, i64::MIN), |(low, high), value| (low.min(value), high.max(value)));
        let low = if values.is_empty() { 0 } else { low };
        let width = width_of(high.wrapping_sub(low).cast_unsigned());
        let width = if values.is_empty() { 0 } else { width };
        Self { encoding: PLAIN, width, zeros, base: low, least: 0 }
    }

    fn of_differences(values: &[i64], zeros: usize) -> Self {
        let power = POWERS[zeros];
        let (mut low, mut high) = (i64::MAX, i64::MIN);
        for pair in values.windows(2) {
            let difference = (pair[1] / power).wrapping_sub(pair[0] / power);
            (low, high) = (low.min(difference), high.max(difference));
        }
        let base = values.first().map_or(0, |value| value / power);
        let width =
            if values.len() < 2 { 8 } else { width_of(high.wrapping_sub(low).cast_unsigned()) };
        Self { encoding: DIFFERENCES, width, zeros, base, least: low }
    }
}

const fn width_of(span: u64) -> usize {
    match span {
        0 => 0,
        1..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        0x1_0000_0000.. => 8,
    }
}

/// Reads one block into `rows`, which is emptied first.
///
/// # Errors
/// What is wrong with the bytes. No bytes make it panic.
pub fn decode<R: Record>(
    bytes: &[u8],
    buffers: &mut Buffers,
    rows: &mut Vec<R>,
) -> Result<(), &'static str> {
    let (head, mut rest) = bytes.split_at_checked(HEAD_BYTES).ok_or("a block without its head")?;
    let number =
        |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let mut crc = Crc::new();
    crc.update(&bytes[4..]);
    if crc.sum() != number(0) {
        return Err("a block whose checksum is wrong");
    }
    let count = number(4) as usize;
    if count > BLOCK_ROWS {
        return Err("a block of too many rows");
    }
    rows.clear();
    rows.resize(count, R::default());
    for column in 0..R::COLUMNS.len() {
        rest = decode_column(rest, count, column, buffers)?;
        if column == 0 {
            buffers.first.clone_from(&buffers.values);
        }
        R::scatter(column, &buffers.values, rows);
    }
    if rest.is_empty() { Ok(()) } else { Err("a block with something behind it") }
}

fn decode_column<'a>(
    bytes: &'a [u8],
    count: usize,
    column: usize,
    buffers: &mut Buffers,
) -> Result<&'a [u8], &'static str> {
    const CUT_OFF: &str = "a block that is cut off";
    let (head, rest) = bytes.split_at_checked(COLUMN_HEAD_BYTES).ok_or(CUT_OFF)?;
    let number = |at: usize| {
        let mut number = [0; 8];
        number.copy_from_slice(&head[at..at + 8]);
        i64::from_le_bytes(number)
    };
    let (encoding, width, zeros) = (head[0], usize::from(head[1]), usize::from(head[2]));
    let (base, least) = (number(3), number(11));
    let power = *POWERS.get(zeros).ok_or("a column of too many zeros")?;
    let (payload, rest) = rest.split_at_checked(width * count).ok_or(CUT_OFF)?;
    let values = &mut buffers.values;
    values.clear();
    match encoding {
        PLAIN => {
            expand(payload, width, count, values, |k| base.wrapping_add(k).wrapping_mul(power))?
        }
        DIFFERENCES => {
            let mut value = base.wrapping_sub(least);
            expand(payload, width, count, values, |k| {
                value = value.wrapping_add(least).wrapping_add(k);
                value.wrapping_mul(power)
            })?;
        }
        BESIDE_FIRST if column > 0 => {
            expand(payload, width, count, values, |k| base.wrapping_add(k).wrapping_mul(power))?;
            for (value, first) in values.iter_mut().zip(&buffers.first) {
                *value = value.wrapping_add(*first);
            }
        }
        _ => return Err("a column of an unknown encoding"),
    }
    Ok(rest)
}

fn expand(
    payload: &[u8],
    width: usize,
    count: usize,
    values: &mut Vec<i64>,
    mut value_of: impl FnMut(i64) -> i64,
) -> Result<(), &'static str> {
    match width {
        0 => values.extend((0..count).map(|_| value_of(0))),
        1 => values.extend(payload.iter().map(|byte| value_of(i64::from(*byte)))),
        2 => {
            let (numbers, _) = payload.as_chunks();
            values.extend(numbers.iter().map(|k| value_of(i64::from(u16::from_le_bytes(*k)))));
        }
        4 => {
            let (numbers, _) = payload.as_chunks();
            values.extend(numbers.iter().map(|k| value_of(i64::from(u32::from_le_bytes(*k)))));
        }
        8 => {
            let (numbers, _) = payload.as_chunks();
            values.extend(numbers.iter().map(|k| value_of(i64::from_le_bytes(*k))));
        }
        _ => return Err("a column of an unknown width"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::super::Trade;
    use super::*;

    fn trade(at: i64, event_at: i64, id: i64, price: i64, quantity: i64) -> Trade {
        let received_at = Timestamp::from_nanos(at);
        let event_at = Timestamp::from_nanos(event_at);
        Trade { received_at, event_at, id, price, quantity, is_buyer_maker: id % 3 == 0 }
    }

    #[track_caller]
    fn check(rows: &[Trade], most_bytes_a_row: usize) {
        let (mut bytes, mut buffers) = (Vec::new(), Buffers::default());
        encode(rows, &mut buffers, &mut bytes);
        let mut read = vec![Trade::default(); 7];
        assert_eq!(decode(&bytes, &mut buffers, &mut read), Ok(()));
        assert_eq!(read, rows);
        let heads = HEAD_BYTES + COLUMN_HEAD_BYTES * Trade::COLUMNS.len();
        assert!(bytes.len() <= heads + most_bytes_a_row * rows.len(), "{} bytes", bytes.len());
    }

    #[test]
    fn what_is_written_is_read() {
        check(&[], 0);
        check(&[trade(1, 1, 1, 1, 1)], 0);
        check(&[trade(i64::MAX, i64::MIN, 0, -5, 7), trade(i64::MIN, i64::MAX, -9, 8, 7)], 48);
        // As a venue's file has them: two bytes of price, four of instant and quantity, one flag.
        let start = 1_759_536_000_000_000_000;
        let plain: Vec<Trade> = (0..4_096)
            .map(|n| {
                let at = start + n * n * 1_000;
                trade(at, at, 7 + n, 6_000_000_000_000 + n % 500 * 1_000_000, 1_000 * (n * 7 % 99))
            })
            .collect();
        check(&plain, 2 + 2 + 1 + 1 + 1);
        // As a recording has them: our nanoseconds, the venue's milliseconds, out of order.
        let wild: Vec<Trade> = (0..999)
            .map(|n| trade(start + n * 1_234_567 % 9_999_999, start - n % 10 * 1_000_000, n, 3, n))
            .collect();
        // Instants of four bytes each, a quantity of two and a flag: ids and prices need none.
        check(&wild, 4 + 4 + 2 + 1);
    }

    #[test]
    fn random_rows_survive_and_damaged_bytes_are_refused() {
        use rand::{Rng as _, SeedableRng as _};
        let mut random = rand_pcg::Pcg64::seed_from_u64(11);
        let mut buffers = Buffers::default();
        for round in 0..200 {
            let bits = random.random_range(1..64);
            let mut any = || random.random::<i64>() >> (63 - bits);
            let rows: Vec<Trade> =
                (0..round % 37).map(|_| trade(any(), any(), any(), any(), any())).collect();
            check(&rows, 48);
            let mut bytes = Vec::new();
            encode(&rows, &mut buffers, &mut bytes);
            let at = random.random_range(0..bytes.len());
            bytes[at] ^= 1 << random.random_range(0..8);
            let damaged = decode::<Trade>(&bytes, &mut buffers, &mut Vec::new());
            assert!(damaged.is_err(), "round {round}: byte {at} changed and nobody saw it");
            bytes.truncate(at);
            assert!(decode::<Trade>(&bytes, &mut buffers, &mut Vec::new()).is_err());
        }
    }
}
