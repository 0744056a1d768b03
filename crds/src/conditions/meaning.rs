//! Cause and remedy of every reason, for docs/reference/reasons.md and for tools that explain a condition.
//!
//! In: a [`Reason`]. Out: two sentences.
//! Not here: the message of a condition, which names the very object.

use super::Reason;

impl Reason {
    /// Says what has happened when this reason stands in a condition.
    #[must_use]
    pub fn cause(self) -> &'static str {
        match self {
            Self::Succeeded => "All is as the spec says.",
            Self::Progressing => "Work is under way and ends by itself.",
            Self::Suspended => {
                "`spec.suspend` is true: the processor or the rule is stopped, everything else stays."
            }
            Self::ScaledOut => "The lag asked for more processor pods, or a bound was raised.",
            Self::ScaledIn => "The lag asked for fewer processor pods for a while, or a bound was lowered.",
            Self::DependencyNotReady => {
                "An object that this one names does not exist yet or is not ready itself."
            }
            Self::SpecInvalid => "The spec breaks a rule that the apiserver cannot check alone.",
            Self::Unreadable => {
                "The apiserver holds an object that this version of Tributary cannot read as its kind."
            }
            Self::SchemaIncompatible => {
                "The new version of an EventSchema breaks its `compatibility`, or the table cannot take it. The version before stays in force."
            }
            Self::TableColumnTypeConflict => {
                "The table has the column with a type that does not take the schema's values."
            }
            Self::ResourceConflict => "Another pipeline has the older claim on the topic or the table.",
            Self::OwnershipMismatch => {
                "A topic or a table of that name exists that Tributary did not make; it is left alone."
            }
            Self::NamespaceNotAllowed => {
                "The platform team has not let this namespace use Tributary, or keeps the name for others. Nothing is made; what runs goes on."
            }
            Self::QuotaExceeded => {
                "More is asked for than the platform team gives: the message names the cap and the value. The youngest pipeline is the one over; what runs goes on."
            }
            Self::SecretNotFound => "A Secret that the spec names does not exist in the object's namespace.",
            Self::SecretKeyMissing => {
                "The Secret exists, but lacks the key, or what stands there cannot be used."
            }
            Self::KafkaUnreachable => "Kafka does not answer.",
            Self::KafkaAuthFailed => "Kafka refuses the user, the password or the certificate.",
            Self::KafkaRejected => "Kafka answers, and refuses what was asked.",
            Self::TopicPartitionsDecreaseNotSupported => {
                "The topic has more partitions than the spec; Kafka cannot take one away without its records."
            }
            Self::ClickHouseUnreachable => "ClickHouse does not answer.",
            Self::ClickHouseAuthFailed => "ClickHouse refuses the user or the password.",
            Self::ClickHouseRejected => "ClickHouse answers, and refuses what was asked.",
            Self::ProcessorCrashLooping => "The processor's container ends again and again.",
            Self::ProcessorImagePullFailed => "The node cannot get the processor's image.",
            Self::ProcessorNotStarted => "The processor's pods cannot be made or placed on a node.",
            Self::DestinationForbidden => "The platform team does not allow the destination's address.",
            Self::DestinationRejected => {
                "The destination refuses every event (401, 403, 404, 410, a bad signature). The rule is parked."
            }
            Self::DestinationUnreachable => "The destination does not answer, or answers 5xx.",
            Self::InternalError => "A defect of Tributary.",
        }
    }

    /// Says what to do.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a table: one arm a reason")]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Succeeded => "Nothing.",
            Self::Progressing => "Wait; if it lasts, the message names the step.",
            Self::Suspended => "Set `spec.suspend: false` to go on from the position where it stopped.",
            Self::ScaledOut | Self::ScaledIn => {
                "Nothing; where pods come and go too often, raise `processor.autoscaling.targetLag` or `scaleInAfter`."
            }
            Self::DependencyNotReady => {
                "Apply the object that the message names, or mend it; this one follows by itself, in any order."
            }
            Self::SpecInvalid => "Change the spec as the message says.",
            Self::Unreadable => {
                "Apply the object again in the shape of `kubectl explain`, or bring operator and CRDs to the same version."
            }
            Self::SchemaIncompatible => {
                "Do what the message proposes (mostly: make the field optional, or add a new field), or choose another `compatibility`."
            }
            Self::TableColumnTypeConflict => {
                "Give the field its former type again and add a new field with the new type, or rename the field."
            }
            Self::ResourceConflict => {
                "Choose another topic or name for this pipeline, or delete the older one."
            }
            Self::OwnershipMismatch => {
                "Choose another name, or remove the topic or table yourself once its content is no longer needed; or take it over with `spec.adopt: true` where the platform team allows it."
            }
            Self::NamespaceNotAllowed => {
                "Ask the platform team to add the namespace to a tenant (Helm value `tenants`), or choose another name where the message says so."
            }
            Self::QuotaExceeded => {
                "Ask for less, or delete what is no longer needed, or ask the platform team to raise the cap (Helm value `tenants`)."
            }
            Self::SecretNotFound => {
                "Create the Secret in the namespace of the object; this one follows by itself."
            }
            Self::SecretKeyMissing => {
                "Add the key to the Secret, with content as the message asks; this one follows by itself."
            }
            Self::KafkaUnreachable => {
                "Platform team: see that the brokers run and that the address of the Helm values leads there. It is tried again by itself."
            }
            Self::KafkaAuthFailed => "Platform team: mend the connection Secret; it is read again by itself.",
            Self::KafkaRejected => {
                "Do what the message says: mostly a setting, a quota or a missing right of the platform's Kafka user."
            }
            Self::TopicPartitionsDecreaseNotSupported => {
                "Set `kafka.partitions` to the number that the message names, or make a new pipeline."
            }
            Self::ClickHouseUnreachable => {
                "Platform team: see that the server runs and that the address of the Helm values leads there. It is tried again by itself."
            }
            Self::ClickHouseAuthFailed => {
                "Platform team: mend the connection Secret; it is read again by itself."
            }
            Self::ClickHouseRejected => {
                "Do what the message says: mostly a quota, a full disk or a missing right of the platform's ClickHouse user."
            }
            Self::ProcessorCrashLooping => {
                "Look at `kubectl logs deployment/<pipeline>-processor --previous`; when it was out of memory, raise `processor.resources.memory`."
            }
            Self::ProcessorImagePullFailed => {
                "Platform team: see that the image of the Helm values exists and that the nodes may pull it."
            }
            Self::ProcessorNotStarted => {
                "Look at the message: mostly a ResourceQuota, or no node with enough room."
            }
            Self::DestinationForbidden => {
                "Use a public `https` address, or ask the platform team to allow the network (Helm value `forwarding`)."
            }
            Self::DestinationRejected => {
                "Mend the address or the signing secret; the rule goes on from its position by itself."
            }
            Self::DestinationUnreachable => {
                "Wait, or mend the destination; the rule goes on from its position by itself."
            }
            Self::InternalError => "Report it with the operator's log; it is tried again by itself.",
        }
    }
}
