//! What the processors count themselves: a witness of its own beside Kafka, ClickHouse and the receiver.
//!
//! In: their reports. Out: what they have counted since the load began; or that it cannot be said, because one of them was
//! started anew and counts from zero, or gave a partition to another. It judges nothing.

use std::time::Duration;

use anyhow::{Result, ensure};
use crds::processor_report::Counters;
use kube::ResourceExt;

use super::load::{PerApp, topic};
use super::{Demo, NAMESPACE};
use crate::cluster::restarts;
use crate::generator::App;
use crate::wait::{self, Seen};

/// How long the processors may take to share the partitions among them.
const ASSIGNED_WITHIN: Duration = Duration::from_secs(60);
/// How long their counts may be behind what ClickHouse and Kafka show.
const COUNTED_WITHIN: Duration = Duration::from_secs(15);

/// The processors of a stream at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Processors {
    /// One process each, and what it reads: another process counts from zero, and what two have read may be counted by both.
    lives: Vec<Life>,
    counters: Counters,
}

#[derive(Debug, Clone, PartialEq)]
struct Life {
    pod: String,
    restarts: i32,
    partitions: Vec<i32>,
}

impl Processors {
    /// What they have counted since then; none when they are not the same processes with the same partitions.
    pub(super) fn since(&self, before: &Self) -> Option<Counters> {
        let (now, then) = (&self.counters, &before.counters);
        if self.lives != before.lives {
            return None;
        }
        // A process may have begun anew before its pod's status says so.
        Some(Counters {
            read: now.read.checked_sub(then.read)?,
            stored: now.stored.checked_sub(then.stored)?,
            dead_lettered: now.dead_lettered.checked_sub(then.dead_lettered)?,
            filtered: now.filtered.checked_sub(then.filtered)?,
            deduplicated: now.deduplicated.checked_sub(then.deduplicated)?,
        })
    }

    /// Whether each partition has one reader and each processor something to read.
    fn share(&self, n_partitions: usize) -> bool {
        let mut partitions: Vec<i32> = self.lives.iter().flat_map(|life| life.partitions.clone()).collect();
        partitions.sort_unstable();
        let all = (0..n_partitions).map(|number| i32::try_from(number).unwrap_or(i32::MAX));
        partitions.into_iter().eq(all) && self.lives.iter().all(|life| !life.partitions.is_empty())
    }
}

impl Demo {
    /// Asks the processors of a stream.
    pub(super) async fn processors(&self, app: App) -> Result<Processors> {
        let mut found = Processors::default();
        for pod in self.cluster.processors(NAMESPACE, app.pipeline()).await? {
            let mut report = self.cluster.report(&pod).await?;
            report.partitions.sort_unstable();
            let uid = pod.uid().unwrap_or_default();
            found.lives.push(Life { pod: uid, restarts: restarts(&pod), partitions: report.partitions });
            found.counters = sum(found.counters, report.counters);
        }
        ensure!(
            !found.lives.is_empty(),
            "the pipeline {} has no processor that can be asked",
            app.pipeline()
        );
        found.lives.sort_by(|one, other| one.pod.cmp(&other.pod));
        Ok(found)
    }

    /// Waits until the processors have shared the partitions among them, and returns what they counted so far.
    pub(super) async fn assigned(&self) -> Result<PerApp<Processors>> {
        let mut assigned = PerApp::<Processors>::default();
        for app in App::ALL {
            let n_partitions = self.kafka.end_offsets(&topic(app)).await?.len();
            let what = format!("the processors of {} to share {n_partitions} partitions", topic(app));
            assigned[app as usize] = wait::until(&what, ASSIGNED_WITHIN, || async {
                let found = self.processors(app).await?;
                let seen = format!("{:?}", found.lives);
                Ok(if found.share(n_partitions) { Seen::Done(found) } else { Seen::NotYet(seen) })
            })
            .await?;
        }
        Ok(assigned)
    }

    /// What the processors of a stream have counted since the load began, once they have counted as many records as were sent.
    pub(super) async fn counted(&self, app: App, sent: u64) -> Result<Option<Counters>> {
        let since = || async {
            let found = self.processors(app).await?;
            anyhow::Ok(found.since(&self.before[app as usize]))
        };
        let all = wait::until("the processors to count every record", COUNTED_WITHIN, || async {
            Ok(match since().await? {
                Some(counters) if counters.read < sent => Seen::NotYet(format!("{} read", counters.read)),
                counted => Seen::Done(counted),
            })
        });
        match all.await {
            Ok(counted) => Ok(counted),
            // Too few is a finding, not the end of the demo.
            Err(_) => since().await,
        }
    }
}

fn sum(one: Counters, other: Counters) -> Counters {
    Counters {
        read: one.read + other.read,
        stored: one.stored + other.stored,
        dead_lettered: one.dead_lettered + other.dead_lettered,
        filtered: one.filtered + other.filtered,
        deduplicated: one.deduplicated + other.deduplicated,
    }
}

#[cfg(test)]
mod tests {
    use super::{Life, Processors};
    use crds::processor_report::Counters;

    fn processors(read: u64, restarts: [i32; 2], partitions: [&[i32]; 2]) -> Processors {
        let life = |number: usize| Life {
            pod: number.to_string(),
            restarts: restarts[number],
            partitions: partitions[number].to_vec(),
        };
        Processors {
            lives: vec![life(0), life(1)],
            counters: Counters { read, stored: read, ..Counters::default() },
        }
    }

    #[test]
    fn the_same_processes_tell_what_they_counted_in_between() {
        let (before, after) =
            (processors(10, [0, 0], [&[0, 1], &[2]]), processors(110, [0, 0], [&[0, 1], &[2]]));
        assert_eq!(after.since(&before).map(|counters| counters.read), Some(100));
    }

    #[test]
    fn a_process_that_was_started_anew_or_a_partition_that_moved_tells_nothing() {
        let before = processors(10, [0, 0], [&[0, 1], &[2]]);
        assert_eq!(processors(90, [0, 1], [&[0, 1], &[2]]).since(&before), None);
        assert_eq!(processors(110, [0, 0], [&[0], &[1, 2]]).since(&before), None);
    }

    #[test]
    fn partitions_are_shared_when_each_has_one_reader_and_each_reader_one() {
        assert!(processors(0, [0, 0], [&[0, 2], &[1]]).share(3));
        assert!(!processors(0, [0, 0], [&[0, 1, 2], &[]]).share(3));
        assert!(!processors(0, [0, 0], [&[0], &[1]]).share(3));
        assert!(!processors(0, [0, 0], [&[0, 1], &[1, 2]]).share(3));
    }
}
