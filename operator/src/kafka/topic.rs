//! Topics as values: what is wanted, what is there, and the changes between the two. Pure.
//!
//! In: wanted and actual [`Topic`]s. Out: [`TopicChange`]s, or the [`TopicProblem`] that no change can mend.
//! Not here: who owns a topic (the plan asks the table's mark), and nothing is ever deleted because it is not wanted:
//! a diff never makes [`TopicChange::Delete`], only a deleted pipeline does.
//! Only settings that are wanted are compared; what somebody else set on the topic stays.

use std::collections::BTreeMap;

use crds::conditions::Reason;

/// A topic, wanted or actual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Name.
    pub name: String,
    /// Number of partitions.
    pub partitions: i32,
    /// Copies of each partition.
    pub replicas: i32,
    /// Settings. Of an actual topic: those set on the topic itself, not the brokers' defaults.
    pub config: BTreeMap<String, String>,
}

/// One step from what is there to what is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicChange {
    /// Creates a topic.
    Create(Topic),
    /// Adds partitions.
    AddPartitions {
        /// Topic.
        name: String,
        /// Partitions before.
        from: i32,
        /// Partitions after.
        to: i32,
    },
    /// Changes settings; every other setting of the topic stays.
    AlterConfig {
        /// Topic.
        name: String,
        /// Settings to change.
        changes: Vec<ConfigChange>,
    },
    /// Deletes a topic with all its records.
    Delete {
        /// Topic.
        name: String,
    },
    /// Deletes the consumer group and those below it (`<group>.<rule>`), so that a topic that is made anew does not inherit positions.
    DeleteGroups {
        /// Group of the table.
        group: String,
    },
}

/// One setting of a topic that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigChange {
    /// Name of the setting.
    pub key: String,
    /// Value on the topic before; none when the brokers' default held.
    pub from: Option<String>,
    /// Value after.
    pub to: String,
}

impl ConfigChange {
    /// Returns whether records go that would have stayed. Where the brokers' default held it is not known how long they stay, and
    /// that is no loss to tell of.
    pub fn deletes_records(&self) -> bool {
        // -1 is without a limit.
        let limit = |text: &str| text.parse::<i64>().ok().map(|it| if it < 0 { i64::MAX } else { it });
        match (self.key.as_str(), self.from.as_deref()) {
            ("retention.ms" | "retention.bytes", Some(from)) => {
                matches!((limit(from), limit(&self.to)), (Some(from), Some(to)) if to < from)
            }
            ("cleanup.policy", Some("compact")) => self.to.contains("delete"),
            ("cleanup.policy", Some("delete")) => self.to.contains("compact"),
            _ => false,
        }
    }
}

/// A difference that no change can mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicProblem {
    /// Fewer partitions are wanted than there are.
    #[error(
        "topic `{name}` has {actual} partitions and spec.kafka.partitions asks for {wanted}; partitions can only be added: \
         set spec.kafka.partitions to {actual} or more"
    )]
    PartitionsDecrease {
        /// Topic.
        name: String,
        /// Partitions wanted.
        wanted: i32,
        /// Partitions there.
        actual: i32,
    },
    /// Another number of copies is wanted than there is.
    #[error(
        "topic `{name}` has {actual} replicas of each partition and spec.kafka.replicas asks for {wanted}; Tributary moves no \
         partitions: reassign them with Kafka's own tools"
    )]
    Replicas {
        /// Topic.
        name: String,
        /// Copies wanted.
        wanted: i32,
        /// Copies there.
        actual: i32,
    },
}

impl TopicProblem {
    /// Returns the reason for condition, Event and metric.
    pub fn reason(&self) -> Reason {
        match self {
            Self::PartitionsDecrease { .. } => Reason::TopicPartitionsDecreaseNotSupported,
            Self::Replicas { .. } => Reason::SpecInvalid,
        }
    }
}

impl TopicChange {
    /// Returns the name of the topic, or of the group whose positions go.
    pub fn subject(&self) -> &str {
        match self {
            Self::Create(topic) => &topic.name,
            Self::AddPartitions { name, .. } | Self::AlterConfig { name, .. } | Self::Delete { name } => name,
            Self::DeleteGroups { group } => group,
        }
    }

    /// Returns what the change does, in words for messages: `create topic `shop.ios``.
    pub fn action(&self) -> String {
        let verb = match self {
            Self::Create(_) => "create topic",
            Self::AddPartitions { .. } => "add partitions to topic",
            Self::AlterConfig { .. } => "change settings of topic",
            Self::Delete { .. } => "delete topic",
            Self::DeleteGroups { .. } => "delete consumer groups of",
        };
        format!("{verb} `{}`", self.subject())
    }
}

/// Compares topics by name; the changes stand in the order of the wanted topics.
///
/// # Errors
/// When a topic has more partitions than wanted, or another number of replicas. No change is returned then.
pub fn diff(wanted: &[Topic], actual: &[Topic]) -> Result<Vec<TopicChange>, TopicProblem> {
    let mut changes = Vec::new();
    for topic in wanted {
        match actual.iter().find(|there| there.name == topic.name) {
            None => changes.push(TopicChange::Create(topic.clone())),
            Some(there) => changes.extend(diff_one(topic, there)?),
        }
    }
    Ok(changes)
}

fn diff_one(wanted: &Topic, actual: &Topic) -> Result<Vec<TopicChange>, TopicProblem> {
    let name = || wanted.name.clone();
    if wanted.partitions < actual.partitions {
        return Err(TopicProblem::PartitionsDecrease {
            name: name(),
            wanted: wanted.partitions,
            actual: actual.partitions,
        });
    }
    if wanted.replicas != actual.replicas {
        return Err(TopicProblem::Replicas {
            name: name(),
            wanted: wanted.replicas,
            actual: actual.replicas,
        });
    }
    let mut changes = Vec::new();
    if wanted.partitions > actual.partitions {
        changes.push(TopicChange::AddPartitions {
            name: name(),
            from: actual.partitions,
            to: wanted.partitions,
        });
    }
    let settings: Vec<_> = wanted
        .config
        .iter()
        .filter(|(key, value)| actual.config.get(*key) != Some(*value))
        .map(|(key, value)| ConfigChange {
            key: key.clone(),
            from: actual.config.get(key).cloned(),
            to: value.clone(),
        })
        .collect();
    if !settings.is_empty() {
        changes.push(TopicChange::AlterConfig { name: name(), changes: settings });
    }
    Ok(changes)
}

#[cfg(test)]
mod tests;
