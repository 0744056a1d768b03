//! The contract of a source: the twin in memory and, with the feature `real`, Kafka do the same.
//!
//! In: a [`Ground`]. Out: a failed assertion where one of them gives, keeps or takes something else than the flow leans on.
//! `cargo test -p processor --features real --lib contract` with KAFKA runs it on the real broker too.
//! Not here: a member that the group gives up on. That takes Kafka 12 s, and the end-to-end tests freeze a process for it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::memory::{MemorySource, World};
use super::{Change, Commit, Message, Reader, Source};

/// How long anything may take. The group waits for members up to 3 s at its first assignment.
const PATIENCE: Duration = Duration::from_secs(60);

/// A topic of two partitions and one group.
trait Ground {
    type Source: Source;
    /// Appends a record.
    fn append(&self, partition: i32);
    /// Appends a record in a transaction, which ends with a mark of its own.
    fn append_in_transaction(&self, partition: i32);
    /// A member joins. The first is given both partitions; the second is given one of them.
    fn join(&self, member: u64) -> Self::Source;
    /// The second member leaves.
    fn leave(&self, source: Self::Source);
}

/// What a member was told, in order.
#[derive(Default)]
struct Told {
    records: Vec<(i32, i64)>,
    ends: Vec<i32>,
    assigned: BTreeSet<i32>,
    revoked: BTreeSet<i32>,
    was_asked: bool,
}

impl Told {
    fn offsets(&self, partition: i32) -> Vec<i64> {
        self.records.iter().filter(|(from, _)| *from == partition).map(|(_, offset)| *offset).collect()
    }
}

impl Reader for Told {
    fn record(&mut self, message: &Message<'_>) {
        let position = message.record.position;
        self.records.push((position.partition, position.offset));
    }

    fn end(&mut self, partition: i32) {
        self.ends.push(partition);
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Assigned(partitions) => {
                // Kafka asks those too who are given nothing.
                self.was_asked |= partitions.is_empty();
                self.assigned.extend(partitions);
            }
            Change::Revoked { partitions, .. } => self.revoked.extend(partitions),
        }
    }
}

struct Member<S> {
    source: S,
    told: Told,
}

impl<S: Source> Member<S> {
    fn of(source: S) -> Self {
        Self { source, told: Told::default() }
    }

    fn turn(&mut self) {
        self.source.poll(Duration::from_millis(50), &mut self.told).expect("the source is there");
        if std::mem::take(&mut self.told.was_asked) {
            self.source.start(&[]).expect("nothing is taken up");
        }
    }

    /// Takes up what was assigned, each partition at this offset.
    fn take_up(&mut self, offset: i64) {
        let starts: Vec<_> = std::mem::take(&mut self.told.assigned)
            .into_iter()
            .map(|partition| (partition, offset))
            .collect();
        self.source.start(&starts).expect("they are ours");
    }

    fn held(&mut self, partition: i32) -> (Option<i64>, String) {
        let held = self.source.committed(&[partition]).expect("the group is there").remove(0);
        (held.offset, held.metadata)
    }
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
    }
}

fn joined<G: Ground>(ground: &G) -> Member<G::Source> {
    for partition in [0, 1] {
        (0..6).for_each(|_| ground.append(partition));
    }
    let mut first = Member::of(ground.join(1));
    until("the first member is given both partitions", || {
        first.turn();
        first.told.assigned == BTreeSet::from([0, 1])
    });
    first
}

/// Reading, pausing, and what the group holds.
fn one_member_reads_and_commits<G: Ground>(ground: &G) {
    let mut member = joined(ground);
    assert_eq!(member.held(0), (None, String::new()), "nothing was ever committed");
    member.take_up(2);
    until("both partitions are read to their ends", || {
        member.turn();
        member.told.ends.len() >= 2
    });
    assert_eq!((member.told.offsets(0), member.told.offsets(1)), (vec![2, 3, 4, 5], vec![2, 3, 4, 5]));

    member.source.pause(&[1]).expect("it is ours");
    ground.append(1);
    ground.append(0);
    until("the partition that is not paused goes on", || {
        member.turn();
        member.told.offsets(0).last() == Some(&6)
    });
    assert_eq!(member.told.offsets(1).last(), Some(&5), "a paused partition gives nothing");
    member.source.resume(&[1]).expect("it is ours");
    until("the resumed partition goes on where it stopped", || {
        member.turn();
        member.told.offsets(1) == [2, 3, 4, 5, 6]
    });

    let commit = Commit { partition: 1, offset: 7, metadata: "t4-6".into() };
    member.source.commit(&[commit]).expect("it is ours");
    assert_eq!(member.held(1), (Some(7), "t4-6".into()));
    assert_eq!(member.held(0), (None, String::new()));
    let ends = member.source.ends(1).expect("the leader is there");
    assert_eq!((ends.low, ends.high), (0, 7));
}

/// The mark of a transaction is given to nobody, and is passed all the same.
fn marks_of_transactions_are_passed<G: Ground>(ground: &G) {
    let mut member = joined(ground);
    ground.append_in_transaction(0);
    member.take_up(0);
    until("both partitions are read to their ends, with the transaction", || {
        member.turn();
        member.told.offsets(0).last() == Some(&6) && member.told.offsets(1).last() == Some(&5)
    });
    let ends = member.source.ends(0).expect("the leader is there");
    assert_eq!(ends.high, 8, "the mark takes an offset");
    until("the mark is passed", || {
        member.turn();
        member.source.reached(0).expect("it is ours") == Some(8)
    });
    assert_eq!(
        member.source.reached(1).expect("it is ours"),
        Some(6),
        "where there is none, the last record is the end"
    );
    ground.append(0);
    until("what comes next is read", || {
        member.turn();
        member.told.offsets(0).last() == Some(&8)
    });
    assert_eq!(member.source.reached(0).expect("it is ours"), Some(9));
}

/// While the group hands partitions out anew, commits may be refused, and then they are made again.
fn a_rebalance_refuses_a_commit_at_most_for_a_while<G: Ground>(ground: &G) {
    let mut first = joined(ground);
    first.take_up(0);
    let mut second = Member::of(ground.join(2));
    let (mut kept, mut committed) = (None, 0);
    until("a commit of the partition that stays is taken after the other was given up", || {
        committed += 1;
        let commit = Commit { partition: kept.unwrap_or(0), offset: 1, metadata: format!("try {committed}") };
        let outcome = first.source.commit(&[commit]);
        if let Err(error) = &outcome {
            assert!(error.rebalance, "{error:?}");
        }
        first.turn();
        second.turn();
        if let Some(moved) = first.told.revoked.pop_first() {
            first.source.release(&[moved]).expect("it was ours");
            kept = Some(1 - moved);
            return false;
        }
        kept.is_some() && outcome.is_ok()
    });
    let kept = kept.expect("one stayed");
    assert_eq!(first.held(kept), (Some(1), format!("try {committed}")));
}

/// A partition goes to another member, and comes back.
fn a_partition_changes_hands<G: Ground>(ground: &G) {
    let mut first = joined(ground);
    first.take_up(0);
    first.source.pause(&[0, 1]).expect("they are ours");
    let mut second = Member::of(ground.join(2));
    until("the first member is asked for a partition", || {
        first.turn();
        second.turn();
        !first.told.revoked.is_empty()
    });
    let moved = first.told.revoked.pop_first().expect("one was asked for");
    assert!(first.told.revoked.is_empty(), "only one moves");
    assert!(second.told.assigned.is_empty(), "nobody else has it before it is given up");
    let commit = Commit { partition: moved, offset: 4, metadata: "t2-3".into() };
    first.source.commit(&[commit]).expect("it is fenced until it is given up");
    first.source.release(&[moved]).expect("it was ours");

    until("the second member is given it", || {
        first.turn();
        second.turn();
        second.told.assigned == BTreeSet::from([moved])
    });
    assert_eq!(second.held(moved), (Some(4), "t2-3".into()));
    second.take_up(4);
    until("the second member reads it", || {
        first.turn();
        second.turn();
        second.told.offsets(moved) == [4, 5]
    });

    ground.leave(second.source);
    until("it comes back", || {
        first.turn();
        first.told.assigned == BTreeSet::from([moved])
    });
    first.told.records.clear();
    first.take_up(5);
    until("it is read, although it was paused before it was given up", || {
        first.turn();
        first.told.offsets(moved) == [5]
    });
}

#[derive(Default)]
struct Memory(World);

impl Ground for Memory {
    type Source = MemorySource;

    fn append(&self, partition: i32) {
        self.0.append(partition, 0, Some("record"));
    }

    fn append_in_transaction(&self, partition: i32) {
        self.append(partition);
        self.0.state().logs.get_mut(&partition).expect("it has a record").high += 1;
    }

    fn join(&self, member: u64) -> MemorySource {
        self.0.join(member, if member == 1 { &[0, 1] } else { &[1] })
    }

    fn leave(&self, source: MemorySource) {
        self.0.expel(source.member, 1);
    }
}

#[test]
fn the_twin_in_memory_reads_and_commits() {
    one_member_reads_and_commits(&Memory::default());
}

#[test]
fn the_twin_in_memory_hands_partitions_over() {
    a_partition_changes_hands(&Memory::default());
}

#[test]
fn the_twin_in_memory_passes_marks_of_transactions() {
    marks_of_transactions_are_passed(&Memory::default());
}

#[test]
fn the_twin_in_memory_refuses_commits_only_for_a_rebalance() {
    a_rebalance_refuses_a_commit_at_most_for_a_while(&Memory::default());
}

#[cfg(feature = "real")]
mod real {
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

    use super::*;
    use crate::source::kafka::KafkaSource;
    use crate::source::kafka::own_topic::{client, with_topic};
    use crate::source::kafka::properties::Connection;

    struct Kafka {
        connection: Connection,
        producer: BaseProducer,
        topic: String,
    }

    impl Ground for Kafka {
        type Source = KafkaSource;

        fn append(&self, partition: i32) {
            let record = BaseRecord::<(), str>::to(&self.topic).partition(partition).payload("record");
            self.producer.send(record).expect("it is queued");
            self.producer.flush(PATIENCE).expect("it is written");
        }

        fn append_in_transaction(&self, partition: i32) {
            let mut config = self.connection.producer();
            config.set("transactional.id", &self.topic);
            let producer: BaseProducer = config.create().expect("a producer");
            producer.init_transactions(PATIENCE).expect("it is ours");
            producer.begin_transaction().expect("it begins");
            let record = BaseRecord::<(), str>::to(&self.topic).partition(partition).payload("record");
            producer.send(record).expect("it is queued");
            producer.commit_transaction(PATIENCE).expect("it is written");
        }

        fn join(&self, _member: u64) -> KafkaSource {
            KafkaSource::join(&self.connection, &self.topic, &self.topic).expect("a consumer")
        }

        fn leave(&self, source: KafkaSource) {
            drop(source);
        }
    }

    fn on_kafka(name: &str, test: impl Fn(&Kafka)) {
        with_topic(name, 2, |connection, topic| {
            let producer = client().create().expect("a producer");
            test(&Kafka { connection, producer, topic: topic.to_owned() });
        });
    }

    fn leaves(source: KafkaSource) {
        let (left, has_left) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            drop(source);
            left.send(()).expect("the test waits");
        });
        has_left.recv_timeout(PATIENCE).expect("the member leaves although a question is open");
    }

    #[test]
    fn kafka_reads_and_commits() {
        on_kafka("reads", one_member_reads_and_commits);
    }

    #[test]
    fn kafka_hands_partitions_over() {
        on_kafka("hands-over", a_partition_changes_hands);
    }

    #[test]
    fn kafka_passes_marks_of_transactions() {
        on_kafka("transactions", marks_of_transactions_are_passed);
    }

    #[test]
    fn kafka_refuses_commits_only_for_a_rebalance() {
        on_kafka("rebalances", a_rebalance_refuses_a_commit_at_most_for_a_while);
    }

    #[test]
    fn a_member_leaves_although_it_owes_the_client_an_answer() {
        on_kafka("open-question", |kafka| {
            // Asked to take partitions up.
            leaves(joined(kafka).source);
            let mut second = Member::of(kafka.join(2));
            until("the next member is given both partitions", || {
                second.turn();
                second.told.assigned == BTreeSet::from([0, 1])
            });
            second.take_up(0);
            // Asked to give one up.
            let mut third = Member::of(kafka.join(3));
            until("the member is asked to give one up", || {
                second.turn();
                third.turn();
                !second.told.revoked.is_empty()
            });
            leaves(second.source);
            until("the last member is given all", || {
                third.turn();
                third.told.assigned == BTreeSet::from([0, 1])
            });
        });
    }
}
