//! What a person sees: steps, lines that renew themselves on a terminal, tables, bars.
//!
//! In: words and numbers. Out: text on standard output. It knows nothing of what the numbers mean.

use std::io::{IsTerminal, Result, Write, stdout};
use std::time::{Duration, Instant};

/// How often a line of progress is printed where it cannot renew itself.
const QUIET: Duration = Duration::from_secs(2);
const BAR: usize = 48;

/// Standard output, and what was printed last.
pub(crate) struct Screen {
    steps: u32,
    is_terminal: bool,
    printed: Option<Instant>,
    open: bool,
}

impl Screen {
    /// Takes standard output.
    pub(crate) fn new() -> Self {
        Self { steps: 0, is_terminal: stdout().is_terminal(), printed: None, open: false }
    }

    /// Begins a step: what is done, and the command that does it.
    pub(crate) fn step(&mut self, what: &str, command: &str) -> Result<()> {
        self.steps += 1;
        let number = self.steps;
        let command = if command.is_empty() { String::new() } else { format!("   $ {command}") };
        let (bold, plain) = if self.is_terminal { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        self.line(&format!("\n{bold}{number}. {what}{plain}{command}"))
    }

    /// Prints a line.
    pub(crate) fn line(&mut self, text: &str) -> Result<()> {
        self.close()?;
        writeln!(stdout(), "{text}")
    }

    /// Prints a line that the next one of its kind replaces; on no terminal, now and then only.
    pub(crate) fn progress(&mut self, text: &str) -> Result<()> {
        if self.is_terminal {
            self.open = true;
            write!(stdout(), "\r\x1b[2K{text}")?;
            return stdout().flush();
        }
        if self.printed.is_none_or(|printed| printed.elapsed() >= QUIET) {
            self.printed = Some(Instant::now());
            writeln!(stdout(), "{text}")?;
        }
        Ok(())
    }

    /// Prints a table: the first row is the head, the first column and those marked text are left-aligned.
    pub(crate) fn table(&mut self, rows: &[Vec<String>], text_columns: &[usize]) -> Result<()> {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
        };
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        for (number, row) in rows.iter().enumerate() {
            let mut line = String::from("  ");
            for (column, cell) in row.iter().enumerate() {
                let padding = " ".repeat(widths[column] - cell.chars().count());
                let left = column == 0 || text_columns.contains(&column);
                line += &if left { format!(" {cell}{padding} ") } else { format!(" {padding}{cell} ") };
            }
            self.line(line.trim_end())?;
            if number == 0 {
                let total: usize = widths.iter().map(|width| width + 2).sum();
                self.line(&format!("   {}", "─".repeat(total.saturating_sub(2))))?;
            }
        }
        Ok(())
    }

    /// Prints a bar a row, the longest over the whole width.
    pub(crate) fn bars(&mut self, rows: &[(String, u64)]) -> Result<()> {
        let most = rows.iter().map(|(_, number)| *number).max().unwrap_or(1).max(1);
        for (label, number) in rows {
            // Eighths of a character, so that small differences show.
            let eighths = (*number as usize * BAR * 8).div_ceil(most as usize);
            let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
            let bar = format!("{}{rest}", "█".repeat(eighths / 8));
            self.line(&format!("   {label} {bar:<BAR$} {:>7}", thousands(*number)))?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        if self.open {
            self.open = false;
            writeln!(stdout())?;
        }
        Ok(())
    }
}

/// Writes a number with a comma after each thousand.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_000), "1,000");
        assert_eq!(thousands(1_234_567), "1,234,567");
    }
}
