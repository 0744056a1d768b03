//! Mark: what the group keeps beside a committed offset, so that the next owner of a partition knows what was under way.
//!
//! In: the metadata of an offset commit. Out: the intent, if there is one, and what else the next owner needs:
//!
//! ```text
//! v1:<first>-<last>:h<rules>:e<epoch>[:a<attempts>][:s<first>-<last>[:again]][:split]
//!    │              │       │        │            │                           └ the range is being written in parts
//!    │              │       │        │            └ records that were being taken when the process may have died; not the first time
//!    │              │       │        └ starts since the group last moved on
//!    │              │       └ life of the topic; a mark of another life says nothing
//!    │              └ hash of all that makes rows of records; another one means: look what the table has
//!    └ the intent; empty when nothing is under way
//! ```
//!
//! Not here: when a mark is written (`flow`), and what a token means to the server (`sink`).

use std::fmt;

use crate::position::Range;

/// What stands beside a committed offset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    /// The range whose insert may have happened.
    pub intent: Option<Range>,
    /// Hash of schemas, envelope and whatever else rows depend on.
    pub rules: String,
    /// Life of the topic.
    pub epoch: u32,
    /// How often the partition was taken up at this very position.
    pub attempts: u32,
    /// Records one of which may end the process.
    pub suspect: Option<Range>,
    /// Whether that one record was suspected before.
    pub again: bool,
    /// Whether the range is written in parts, because the server refused it whole.
    pub split: bool,
}

/// Why a partition cannot be taken up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MarkError {
    /// A newer processor wrote it.
    #[error(
        "the committed offset carries the mark `{0}` of a newer processor: run that version again, or reset the group's offsets"
    )]
    Newer(String),
    /// It begins like a mark but is none.
    #[error("the committed offset carries the broken mark `{0}`: reset the group's offsets to mend it")]
    Broken(String),
}

impl Mark {
    /// Reads the metadata of a committed offset. Text that is no mark of ours says nothing.
    ///
    /// # Errors
    /// When it is a mark that cannot be understood; to go on without it could double rows.
    pub fn parse(metadata: &str) -> Result<Option<Self>, MarkError> {
        let Some((version, rest)) = metadata.split_once(':') else { return Ok(None) };
        let is_version = version
            .strip_prefix('v')
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
        if !is_version {
            return Ok(None);
        }
        if version != "v1" {
            return Err(MarkError::Newer(metadata.to_owned()));
        }
        let mut parts = rest.split(':');
        let mut mark = Self::default();
        let broken = || MarkError::Broken(metadata.to_owned());
        match parts.next() {
            None | Some("") => {}
            Some(range) => mark.intent = Some(range.parse().map_err(|_no_range| broken())?),
        }
        for part in parts {
            mark.read(part).ok_or_else(broken)?;
        }
        Ok(Some(mark))
    }

    /// Reads one part. A part of a kind unknown here was optional to its writer.
    fn read(&mut self, part: &str) -> Option<()> {
        match part {
            "split" => self.split = true,
            "again" => self.again = true,
            _ => return self.read_value(part),
        }
        Some(())
    }

    fn read_value(&mut self, part: &str) -> Option<()> {
        let mut characters = part.chars();
        let kind = characters.next()?;
        let rest = characters.as_str();
        match kind {
            'h' => self.rules = rest.to_owned(),
            'e' => self.epoch = rest.parse().ok()?,
            'a' => self.attempts = rest.parse().ok()?,
            's' => self.suspect = Some(rest.parse().ok()?),
            _ => {}
        }
        Some(())
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("v1:")?;
        if let Some(intent) = self.intent {
            write!(formatter, "{intent}")?;
        }
        write!(formatter, ":h{}:e{}", self.rules, self.epoch)?;
        if self.attempts > 0 {
            write!(formatter, ":a{}", self.attempts)?;
        }
        if let Some(suspect) = self.suspect {
            write!(formatter, ":s{suspect}")?;
        }
        if self.again {
            formatter.write_str(":again")?;
        }
        if self.split {
            formatter.write_str(":split")?;
        }
        Ok(())
    }
}

/// Makes the insert tokens of a stream: the same range gives the same token in every process, for ever.
#[derive(Debug, Clone)]
pub struct Tokens {
    prefix: String,
}

impl Tokens {
    /// Builds the maker of one stream's tokens.
    pub fn new(stream_id: &str, epoch: u32, topic: &str) -> Self {
        Self { prefix: format!("{stream_id}:{epoch}:{topic}") }
    }

    /// Returns the token of a range.
    pub fn token(&self, partition: i32, range: Range) -> String {
        format!("{}:{partition}:{range}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_reads_back_what_it_writes() {
        let mark = Mark {
            intent: Some(Range { first: 100, last: 199 }),
            rules: "9f3a01c2".into(),
            epoch: 3,
            attempts: 2,
            suspect: Some(Range { first: 100, last: 355 }),
            again: true,
            split: true,
        };
        assert_eq!(mark.to_string(), "v1:100-199:h9f3a01c2:e3:a2:s100-355:again:split");
        assert_eq!(Mark::parse(&mark.to_string()), Ok(Some(mark)));
        let plain = Mark { rules: "9f3a01c2".into(), epoch: 1, ..Mark::default() };
        assert_eq!(plain.to_string(), "v1::h9f3a01c2:e1");
        assert_eq!(Mark::parse(&plain.to_string()), Ok(Some(plain)));
    }

    #[test]
    fn metadata_of_others_says_nothing() {
        for metadata in ["", "hello", "consumer-1:42", "version:1", "v:1"] {
            assert_eq!(Mark::parse(metadata), Ok(None), "{metadata}");
        }
    }

    #[test]
    fn a_mark_of_a_newer_processor_is_refused_rather_than_forgotten() {
        assert!(matches!(Mark::parse("v2:1-5"), Err(MarkError::Newer(_))));
    }

    #[test]
    fn a_broken_mark_is_refused_rather_than_forgotten() {
        for metadata in ["v1:5-1", "v1:x", "v1:1-2:ex", "v1:1-2:s9"] {
            assert!(matches!(Mark::parse(metadata), Err(MarkError::Broken(_))), "{metadata}");
        }
    }

    #[test]
    fn a_part_of_an_unknown_kind_is_passed_over() {
        let mark = Mark::parse("v1:1-2:h0:e1:zebra").expect("known version").expect("a mark");
        assert_eq!(mark.intent, Some(Range { first: 1, last: 2 }));
    }

    #[test]
    fn the_token_names_stream_epoch_topic_partition_and_range() {
        let tokens = Tokens::new("0ab1", 2, "shop.ios");
        assert_eq!(tokens.token(5, Range { first: 7, last: 9 }), "0ab1:2:shop.ios:5:7-9");
    }
}
