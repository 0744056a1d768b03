//! Condition types and reasons: closed lists, one word for condition, Event and metric label.
//!
//! In: nothing. Out: the words, each reason with cause and remedy.
//! Not here: which reason fits, which the step that failed knows, and how they become conditions; the operator builds those.

mod meaning;

use std::fmt;

/// Type of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConditionType {
    /// All others hold.
    Ready,
    /// Work is under way and will end by itself (kstatus InProgress). Present only when True.
    Reconciling,
    /// Nothing will happen until somebody changes something (kstatus Failed). Present only when True.
    Stalled,
    /// The schema is understood and compatible.
    SchemaAccepted,
    /// The topic is as the spec says.
    TopicReady,
    /// The table is as the spec says.
    TableReady,
    /// The processor reads and writes.
    ProcessorReady,
    /// The number of processor pods follows the lag. Present only where it is to.
    ScalingActive,
    /// The destination takes events.
    DestinationReachable,
}

impl fmt::Display for ConditionType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// Why a condition is as it is. The variant's name is the reason in conditions, Events and metric labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Reason {
    /// All is as the spec says.
    Succeeded,
    /// Work is under way.
    Progressing,
    /// `spec.suspend` is true.
    Suspended,
    /// The lag asked for more processor pods.
    ScaledOut,
    /// The lag asked for fewer processor pods.
    ScaledIn,
    /// An object that this one names is missing or not ready.
    DependencyNotReady,
    /// The spec breaks a rule that the apiserver cannot check.
    SpecInvalid,
    /// The apiserver holds an object that cannot be read as its kind.
    Unreadable,
    /// The new version of a schema breaks its compatibility, or the table cannot take it.
    SchemaIncompatible,
    /// The table has the column with another type.
    TableColumnTypeConflict,
    /// Another pipeline has the older claim on the topic or table.
    ResourceConflict,
    /// A topic or table of that name exists that Tributary did not make.
    OwnershipMismatch,
    /// The platform team has not let the namespace use Tributary, or not under this name.
    NamespaceNotAllowed,
    /// More is asked for than the platform team gives.
    QuotaExceeded,
    /// A Secret is missing.
    SecretNotFound,
    /// A Secret lacks a key, or what stands there cannot be used.
    SecretKeyMissing,
    /// Kafka does not answer.
    KafkaUnreachable,
    /// Kafka refuses user or password.
    KafkaAuthFailed,
    /// Kafka refuses what was asked.
    KafkaRejected,
    /// The topic has more partitions than the spec, and they cannot be taken away.
    TopicPartitionsDecreaseNotSupported,
    /// ClickHouse does not answer.
    ClickHouseUnreachable,
    /// ClickHouse refuses user or password.
    ClickHouseAuthFailed,
    /// ClickHouse refuses what was asked.
    ClickHouseRejected,
    /// The processor's container ends again and again.
    ProcessorCrashLooping,
    /// The processor's image cannot be had.
    ProcessorImagePullFailed,
    /// The processor's pods cannot be started.
    ProcessorNotStarted,
    /// The platform team does not allow the destination's address.
    DestinationForbidden,
    /// The destination refuses every event (401, 403, 404, 410, a bad signature).
    DestinationRejected,
    /// The destination does not answer.
    DestinationUnreachable,
    /// A defect of Tributary.
    InternalError,
}

impl Reason {
    /// Every reason, in the order of the reference.
    pub const ALL: [Self; 30] = [
        Self::Succeeded,
        Self::Progressing,
        Self::Suspended,
        Self::ScaledOut,
        Self::ScaledIn,
        Self::DependencyNotReady,
        Self::SpecInvalid,
        Self::Unreadable,
        Self::SchemaIncompatible,
        Self::TableColumnTypeConflict,
        Self::ResourceConflict,
        Self::OwnershipMismatch,
        Self::NamespaceNotAllowed,
        Self::QuotaExceeded,
        Self::SecretNotFound,
        Self::SecretKeyMissing,
        Self::KafkaUnreachable,
        Self::KafkaAuthFailed,
        Self::KafkaRejected,
        Self::TopicPartitionsDecreaseNotSupported,
        Self::ClickHouseUnreachable,
        Self::ClickHouseAuthFailed,
        Self::ClickHouseRejected,
        Self::ProcessorCrashLooping,
        Self::ProcessorImagePullFailed,
        Self::ProcessorNotStarted,
        Self::DestinationForbidden,
        Self::DestinationRejected,
        Self::DestinationUnreachable,
        Self::InternalError,
    ];

    /// Returns the PascalCase word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Progressing => "Progressing",
            Self::Suspended => "Suspended",
            Self::ScaledOut => "ScaledOut",
            Self::ScaledIn => "ScaledIn",
            Self::DependencyNotReady => "DependencyNotReady",
            Self::SpecInvalid => "SpecInvalid",
            Self::Unreadable => "Unreadable",
            Self::SchemaIncompatible => "SchemaIncompatible",
            Self::TableColumnTypeConflict => "TableColumnTypeConflict",
            Self::ResourceConflict => "ResourceConflict",
            Self::OwnershipMismatch => "OwnershipMismatch",
            Self::NamespaceNotAllowed => "NamespaceNotAllowed",
            Self::QuotaExceeded => "QuotaExceeded",
            Self::SecretNotFound => "SecretNotFound",
            Self::SecretKeyMissing => "SecretKeyMissing",
            Self::KafkaUnreachable => "KafkaUnreachable",
            Self::KafkaAuthFailed => "KafkaAuthFailed",
            Self::KafkaRejected => "KafkaRejected",
            Self::TopicPartitionsDecreaseNotSupported => "TopicPartitionsDecreaseNotSupported",
            Self::ClickHouseUnreachable => "ClickHouseUnreachable",
            Self::ClickHouseAuthFailed => "ClickHouseAuthFailed",
            Self::ClickHouseRejected => "ClickHouseRejected",
            Self::ProcessorCrashLooping => "ProcessorCrashLooping",
            Self::ProcessorImagePullFailed => "ProcessorImagePullFailed",
            Self::ProcessorNotStarted => "ProcessorNotStarted",
            Self::DestinationForbidden => "DestinationForbidden",
            Self::DestinationRejected => "DestinationRejected",
            Self::DestinationUnreachable => "DestinationUnreachable",
            Self::InternalError => "InternalError",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
