//! Memory: the twin of table and dead-letter topic, for tests.
//!
//! In: column buffers and letters. Out: rows in the world's table, each token once, as the server does it.
//! The rows are read back from the Native block, not taken from the buffers.
//! Not here: which fault befalls a call; the [`World`] decides.

use std::collections::BTreeMap;

use crds::conditions::Reason;

use super::{DeadLetters, Newest, Originals, Question, Sink, SinkError, Write};
use crate::batch::{Letter, Original};
use crate::columns::read::Block;
use crate::deduplicate::Seen;
use crate::position::Range;
use crate::record::Position;
use crate::retry::Verdict;
use crate::source::memory::{Call, Fate, StoredRow, World};

/// Table and dead-letter topic of a world, as one member sees them.
#[derive(Clone)]
pub(crate) struct MemorySink {
    pub(crate) world: World,
    pub(crate) member: u64,
}

fn error(verdict: Verdict, message: &str) -> SinkError {
    SinkError { verdict, reason: Reason::ClickHouseUnreachable, message: message.into(), source: None }
}

impl Sink for MemorySink {
    async fn write(&self, write: Write<'_>) -> Result<(), SinkError> {
        let block = Block::of(write.rows, write.part);
        let rows: Vec<StoredRow> = (0..block.n_rows)
            .map(|row| StoredRow {
                partition: i32::try_from(block.value(row, "_partition").as_i64().unwrap()).unwrap(),
                offset: block.value(row, "_offset").as_i64().unwrap(),
                event_id: block.value(row, "event_id").as_str().unwrap().to_owned(),
                milliseconds: 0,
            })
            .collect();
        let fate = self.world.fate(self.member, Call::Write);
        let mut state = self.world.state();
        state.inserts.push(write.token.to_owned());
        let offsets: Vec<i64> = rows.iter().map(|row| row.offset).collect();
        let line = format!("{} writes {} {fate:?} {offsets:?}", self.member, write.token);
        state.story.push(line);
        if fate == Fate::Failed {
            return Err(error(Verdict::Retry, "the table is away"));
        }
        if rows.iter().any(|row| state.refused.contains(&(row.partition, row.offset))) {
            return Err(error(Verdict::RowRefused, "a row is refused"));
        }
        if state.tokens.insert(write.token.to_owned()) {
            let logs: BTreeMap<(i32, i64), i64> = state
                .logs
                .values()
                .flat_map(|log| &log.records)
                .map(|record| {
                    ((record.position.partition, record.position.offset), record.timestamp_milliseconds)
                })
                .collect();
            state.table.extend(rows.into_iter().map(|row| {
                let milliseconds = logs[&(row.partition, row.offset)];
                StoredRow { milliseconds, ..row }
            }));
        }
        if state.view_fails {
            return Err(error(Verdict::RowRefused, "a view fails"));
        }
        if fate == Fate::ReplyLost { Err(error(Verdict::Retry, "the reply is lost")) } else { Ok(()) }
    }

    async fn stored(&self, question: Question) -> Result<Vec<i64>, SinkError> {
        let takes = self.world.state().stored_takes;
        tokio::time::sleep(takes).await;
        if self.world.fate(self.member, Call::Stored) != Fate::Done {
            return Err(error(Verdict::Retry, "the table is away"));
        }
        let state = self.world.state();
        let rows = state.table.iter().filter(|row| row.partition == question.partition);
        let rows = rows.filter(|row| {
            let is_within = |(earliest, latest)| (earliest..=latest).contains(&row.milliseconds);
            question.range.contains(row.offset) && question.received.is_none_or(is_within)
        });
        let mut offsets: Vec<i64> = rows.map(|row| row.offset).collect();
        offsets.sort_unstable();
        Ok(offsets)
    }

    async fn newest(
        &self,
        partition: i32,
        range: Range,
        after: Option<i64>,
    ) -> Result<Option<Newest>, SinkError> {
        if self.world.fate(self.member, Call::Stored) != Fate::Done {
            return Err(error(Verdict::Retry, "the table is away"));
        }
        let state = self.world.state();
        let rows = state.table.iter().filter(|row| row.partition == partition && range.contains(row.offset));
        let later = rows.filter(|row| after.is_none_or(|after| row.milliseconds > after));
        let newest = later.max_by_key(|row| row.offset);
        Ok(newest.map(|row| Newest { offset: row.offset, received_at: row.milliseconds }))
    }

    async fn seen(&self, partition: i32, before: i64, mut seen: Seen) -> Result<Seen, SinkError> {
        if self.world.fate(self.member, Call::Stored) != Fate::Done {
            return Err(error(Verdict::Retry, "the table is away"));
        }
        for row in &self.world.state().table {
            if row.partition == partition && row.offset < before {
                seen.insert(&row.event_id, row.milliseconds);
            }
        }
        Ok(seen)
    }
}

impl DeadLetters for MemorySink {
    async fn deliver(&self, letters: &mut Vec<Letter>) -> Result<(), SinkError> {
        while let Some(letter) = letters.last() {
            let fate = self.world.fate(self.member, Call::Deliver);
            if fate == Fate::Failed {
                return Err(error(Verdict::Stop, "the dead-letter topic is missing"));
            }
            let Position { partition, offset } = letter.original.position;
            let reason = letter.rejected.reason.to_string();
            self.world.state().letters.push((partition, offset, reason));
            if fate == Fate::ReplyLost {
                return Err(error(Verdict::Retry, "the reply is lost"));
            }
            letters.pop();
        }
        Ok(())
    }
}

impl Originals for MemorySink {
    async fn fetch(&self, partition: i32, offsets: Vec<i64>) -> Result<Vec<Original>, SinkError> {
        let mut state = self.world.state();
        state.n_fetches += 1;
        let records = state.logs.get(&partition).into_iter().flat_map(|log| &log.records);
        Ok(records.filter(|record| offsets.contains(&record.position.offset)).cloned().collect())
    }
}
