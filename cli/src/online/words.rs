//! Words: numbers, spans of time and tables as people read them.
//!
//! In: values. Out: text. Pure.

use jiff::Timestamp;

/// Returns how long something has lasted, in its largest unit.
pub(super) fn span(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.duration_since(from).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Returns bytes in a unit of their size.
pub(super) fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut rest = n;
    let mut shown = format!("{n} B");
    for unit in UNITS {
        if rest < 1024 {
            break;
        }
        let tenths = u128::from(rest) * 10 / 1024;
        shown = format!("{}.{} {unit}", tenths / 10, tenths % 10);
        rest /= 1024;
    }
    shown
}

/// Returns a number with its noun.
pub(super) fn count(n: u64, noun: &str) -> String {
    let ending = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{ending}")
}

/// Lays out rows below each other, each line behind two blanks; the columns whose name begins with `>` stand to the right.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let named: Vec<String> = head.iter().map(|name| name.trim_start_matches('>').to_owned()).collect();
    let width = |column: usize| {
        let cells = std::iter::once(&named).chain(rows).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    for row in std::iter::once(&named).chain(rows) {
        let cells = row.iter().zip(head).zip(&widths).map(|((cell, name), width)| {
            if name.starts_with('>') { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(&format!("  {}\n", line.trim_end()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_spans_are_told_in_a_unit_that_fits() {
        assert_eq!([0, 1023, 1024, 1_572_864].map(bytes), ["0 B", "1023 B", "1.0 KiB", "1.5 MiB"]);
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let spans = [5, 119, 120, 7_200, 200_000].map(|seconds| span(at(0), at(seconds)));
        assert_eq!(spans, ["5 s", "119 s", "2 min", "2 h", "2 d"]);
        assert_eq!(span(at(10), at(5)), "0 s", "clocks may differ");
    }
}
