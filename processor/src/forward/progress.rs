//! Progress: which positions of a rule may be committed, and which deliveries are under way.
//!
//! In: partitions that come and go, records that are read, deliveries that start and are settled in any order.
//! Out: for each partition the offset before which everything is settled: that, and nothing beyond, is committed.
//! Not here: the commit itself, and any clock.

use std::collections::BTreeMap;

use tokio::task::AbortHandle;

use crate::record::Position;

/// Positions of a rule's partitions.
#[derive(Debug, Default)]
pub struct Progress {
    partitions: BTreeMap<i32, Partition>,
    n_started: u64,
}

#[derive(Debug)]
struct Partition {
    next: i64,
    /// What the group holds; absent until this process has committed.
    committed: Option<i64>,
    unsettled: BTreeMap<i64, UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    number: u64,
    task: Option<AbortHandle>,
}

impl Partition {
    fn safe(&self) -> i64 {
        self.unsettled.first_key_value().map_or(self.next, |(offset, _)| *offset)
    }
}

impl Drop for UnderWay {
    /// A partition that is given up takes its deliveries with it: its next owner makes them.
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Progress {
    /// Takes a partition that is read from this offset on.
    pub fn assign(&mut self, partition: i32, offset: i64) {
        let fresh = Partition { next: offset, committed: None, unsettled: BTreeMap::new() };
        self.partitions.insert(partition, fresh);
    }

    /// Gives a partition up and ends its deliveries; returns the offset that is safe to commit, when that is news.
    pub fn revoke(&mut self, partition: i32) -> Option<i64> {
        let partition = self.partitions.remove(&partition)?;
        let safe = partition.safe();
        (partition.committed != Some(safe)).then_some(safe)
    }

    /// Returns the partitions.
    pub fn partitions(&self) -> Vec<i32> {
        self.partitions.keys().copied().collect()
    }

    /// Notes that a record was read; false when its partition is not ours.
    pub fn read(&mut self, position: Position) -> bool {
        match self.partitions.get_mut(&position.partition) {
            Some(partition) => {
                partition.next = position.offset + 1;
                true
            }
            None => false,
        }
    }

    /// Notes that only marks of transactions stood before this offset.
    pub fn passed(&mut self, partition: i32, offset: i64) {
        if let Some(partition) = self.partitions.get_mut(&partition) {
            partition.next = partition.next.max(offset);
        }
    }

    /// Notes that the record just read waits for a delivery.
    pub fn start(&mut self, position: Position) {
        if let Some(partition) = self.partitions.get_mut(&position.partition) {
            self.n_started += 1;
            partition.unsettled.insert(position.offset, UnderWay { number: self.n_started, task: None });
        }
    }

    /// Names the task of a delivery that was started.
    pub fn attach(&mut self, position: Position, task: AbortHandle) {
        let partition = self.partitions.get_mut(&position.partition);
        match partition.and_then(|partition| partition.unsettled.get_mut(&position.offset)) {
            Some(under_way) => under_way.task = Some(task),
            None => task.abort(),
        }
    }

    /// Notes that a delivery is settled.
    pub fn settle(&mut self, position: Position) {
        if let Some(partition) = self.partitions.get_mut(&position.partition) {
            partition.unsettled.remove(&position.offset);
        }
    }

    /// Returns how many deliveries were started since the oldest one that is not settled: all of them would be
    /// repeated after a crash.
    pub fn spread(&self) -> u64 {
        let unsettled = self.partitions.values().flat_map(|partition| partition.unsettled.values());
        unsettled.map(|under_way| self.n_started - under_way.number + 1).max().unwrap_or(0)
    }

    /// Returns the offsets to commit: those that changed.
    pub fn commits(&self) -> Vec<(i32, i64)> {
        let partitions = self.partitions.iter().map(|(number, partition)| (*number, partition));
        partitions
            .filter(|(_, partition)| partition.committed != Some(partition.safe()))
            .map(|(number, partition)| (number, partition.safe()))
            .collect()
    }

    /// Notes that an offset was committed.
    pub fn committed(&mut self, partition: i32, offset: i64) {
        if let Some(partition) = self.partitions.get_mut(&partition) {
            partition.committed = Some(offset);
        }
    }

    /// Returns, for a partition of ours, the offset before which everything is settled.
    pub fn safe(&self, partition: i32) -> Option<i64> {
        self.partitions.get(&partition).map(Partition::safe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(partition: i32, offset: i64) -> Position {
        Position { partition, offset }
    }

    fn progress() -> Progress {
        let mut progress = Progress::default();
        progress.assign(0, 10);
        progress.committed(0, 10);
        progress
    }

    #[test]
    fn only_the_contiguous_prefix_is_safe() {
        let mut progress = progress();
        for offset in 10..14 {
            assert!(progress.read(at(0, offset)));
            progress.start(at(0, offset));
        }
        progress.settle(at(0, 11));
        progress.settle(at(0, 13));
        assert_eq!(progress.commits(), []);
        progress.settle(at(0, 10));
        assert_eq!(progress.commits(), [(0, 12)]);
        progress.settle(at(0, 12));
        assert_eq!(progress.commits(), [(0, 14)]);
        progress.committed(0, 14);
        assert_eq!(progress.commits(), []);
    }

    #[test]
    fn records_that_nobody_waits_for_are_safe_at_once() {
        let mut progress = progress();
        progress.read(at(0, 10));
        progress.start(at(0, 10));
        progress.read(at(0, 11));
        assert_eq!(progress.safe(0), Some(10));
        progress.settle(at(0, 10));
        assert_eq!(progress.safe(0), Some(12));
        // A hole in the offsets: compaction or a transaction.
        progress.read(at(0, 40));
        assert_eq!(progress.safe(0), Some(41));
    }

    #[test]
    fn marks_of_transactions_are_passed_but_no_delivery_is() {
        let mut progress = progress();
        progress.read(at(0, 10));
        progress.start(at(0, 10));
        progress.passed(0, 12);
        assert_eq!(progress.commits(), []);
        progress.settle(at(0, 10));
        assert_eq!(progress.commits(), [(0, 12)]);
        progress.passed(0, 3);
        assert_eq!(progress.commits(), [(0, 12)], "nothing goes back");
    }

    #[test]
    fn a_new_partition_is_committed_even_if_nothing_is_read() {
        let mut progress = Progress::default();
        progress.assign(5, 100);
        assert_eq!(progress.commits(), [(5, 100)]);
        assert_eq!(progress.partitions(), [5]);
    }

    #[test]
    fn a_revoked_partition_takes_its_deliveries_with_it() {
        let mut progress = progress();
        progress.read(at(0, 10));
        progress.read(at(0, 11));
        progress.start(at(0, 11));
        assert_eq!(progress.revoke(0), Some(11));
        progress.settle(at(0, 11));
        assert!(!progress.read(at(0, 12)));
        assert_eq!(progress.commits(), []);
        assert_eq!(progress.spread(), 0);
        assert_eq!(progress.revoke(0), None);
    }

    #[tokio::test]
    async fn a_delivery_of_a_revoked_partition_ends() {
        let mut progress = progress();
        progress.read(at(0, 10));
        progress.start(at(0, 10));
        let task = tokio::spawn(std::future::pending::<()>());
        progress.attach(at(0, 10), task.abort_handle());
        progress.revoke(0);
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
    }

    #[test]
    fn spread_counts_from_the_oldest_delivery_under_way() {
        let mut progress = progress();
        for offset in 10..20 {
            progress.read(at(0, offset));
            progress.start(at(0, offset));
        }
        assert_eq!(progress.spread(), 10);
        for offset in 11..19 {
            progress.settle(at(0, offset));
        }
        assert_eq!(progress.spread(), 10);
        progress.settle(at(0, 10));
        assert_eq!(progress.spread(), 1);
    }
}
