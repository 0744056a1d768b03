//! Step: where on its way a batch failed, as the metrics name it. A closed list.
//!
//! In: nothing. Out: words, and the reasons that a step fails for in an ordinary outage.
//! Not here: the failure itself; the flow tells it.

use crds::conditions::Reason;

/// What failed and is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Reading from the topic, or committing.
    Source,
    /// Asking the table what it has.
    Learn,
    /// Inserting rows.
    Insert,
    /// Delivering dead letters.
    DeadLetter,
}

impl Step {
    pub(super) const ALL: [Self; 4] = [Self::Source, Self::Learn, Self::Insert, Self::DeadLetter];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Learn => "learn",
            Self::Insert => "insert",
            Self::DeadLetter => "dead_letter",
        }
    }

    /// Why it may fail for long.
    pub(super) fn reasons(self) -> [Reason; 3] {
        match self {
            Self::Source | Self::DeadLetter => {
                [Reason::KafkaUnreachable, Reason::KafkaAuthFailed, Reason::KafkaRejected]
            }
            Self::Learn | Self::Insert => {
                [Reason::ClickHouseUnreachable, Reason::ClickHouseAuthFailed, Reason::ClickHouseRejected]
            }
        }
    }
}
