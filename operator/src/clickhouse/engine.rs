//! Reads what `system.tables` says of a table's engine: TTL, settings, sorting key. Pure.
//!
//! In: the texts of `engine_full` and `sorting_key`. Out: their parts as values, without quotes.
//! ClickHouse writes the clauses in a fixed order, keywords in capitals, settings last:
//! `MergeTree PARTITION BY … ORDER BY … TTL … SETTINGS a = 1, b = 'x'`. A keyword counts only outside of quotes and brackets.
//! Not here: the meaning of a TTL; it is compared as text.

use std::collections::BTreeMap;

/// TTL and settings of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineClauses {
    /// TTL expression; none when the table has none.
    pub ttl: Option<String>,
    /// Settings that stand on the table.
    pub settings: BTreeMap<String, String>,
}

/// Reads `engine_full`.
pub fn parse_engine(engine_full: &str) -> EngineClauses {
    let (before, settings) = split_once_outside(engine_full, " SETTINGS ");
    let (_, ttl) = split_once_outside(before, " TTL ");
    let settings = settings.map(|settings| split_outside(settings, ", ")).unwrap_or_default();
    EngineClauses {
        ttl: ttl.map(str::to_owned),
        settings: settings
            .into_iter()
            .filter_map(|setting| setting.split_once(" = "))
            .map(|(name, value)| (name.to_owned(), unquote(value, '\'')))
            .collect(),
    }
}

/// Reads `sorting_key`: the columns, without quotes; expressions stay as they are written.
pub fn parse_sorting_key(sorting_key: &str) -> Vec<String> {
    let inside = match sorting_key.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inside) if split_outside(sorting_key, ", ").len() == 1 => inside,
        _ => sorting_key,
    };
    let columns = split_outside(inside, ", ").into_iter().filter(|column| !column.is_empty());
    columns.map(|column| unquote(column, '`')).collect()
}

fn split_once_outside<'a>(text: &'a str, separator: &str) -> (&'a str, Option<&'a str>) {
    match positions_outside(text, separator).first() {
        Some(at) => {
            let (before, rest) = text.split_at(*at);
            (before, rest.strip_prefix(separator))
        }
        None => (text, None),
    }
}

fn split_outside<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let (part, Some(after)) = split_once_outside(rest, separator) {
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    parts
}

/// Returns where the separator stands outside of quotes and brackets.
fn positions_outside(text: &str, separator: &str) -> Vec<usize> {
    let mut positions = Vec::new();
    let (mut quote, mut depth, mut is_escaped) = (None, 0_usize, false);
    for (at, character) in text.char_indices() {
        match quote {
            Some(_) if is_escaped => is_escaped = false,
            Some(_) if character == '\\' => is_escaped = true,
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None => match character {
                '\'' | '`' | '"' => quote = Some(character),
                '(' | '[' => depth += 1,
                ')' | ']' => depth = depth.saturating_sub(1),
                _ if depth == 0 && text.get(at..).is_some_and(|rest| rest.starts_with(separator)) => {
                    positions.push(at)
                }
                _ => {}
            },
        }
    }
    positions
}

fn unquote(text: &str, quote: char) -> String {
    match text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
        Some(inside) => inside.to_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
