//! What Kafka's error codes mean: one match, so that a new code is looked at in one place. Pure.
//!
//! In: an error of the client and what was tried. Out: a [`KafkaError`] with class and remedy.
//! Not here: codes that are no errors for one action (a topic that exists, a group that is gone); `admin.rs` knows its actions.

use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};

use super::KafkaError;

/// Returns the code behind an error of the client; none when it never came to a request.
#[expect(clippy::wildcard_enum_match_arm, reason = "the client knows the code of all others that have one")]
pub(super) fn code(error: &ClientError) -> Option<Code> {
    match error {
        ClientError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    }
}

/// Whether a group has no broker that coordinates it yet, or none any more: asked again in a moment, it has one.
pub(super) fn has_no_coordinator(code: Code) -> bool {
    matches!(code, Code::CoordinatorNotAvailable | Code::CoordinatorLoadInProgress | Code::NotCoordinator)
}

/// Whether Kafka lets nobody in with this user, password or certificate.
pub(super) fn is_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::IllegalSASLState
            | Code::SSL
            | Code::SecurityDisabled
    )
}

/// Judges an error of the client.
pub(super) fn judge(action: &str, error: ClientError) -> KafkaError {
    let action = action.to_owned();
    match (code(&error), error) {
        (Some(code), _) => judge_code(&action, code),
        (None, ClientError::Canceled) => {
            KafkaError::Unreachable { action, source: Box::new(ClientError::Canceled) }
        }
        // The error's own text holds the value, which may be a password.
        (None, ClientError::ClientConfig(_, _, key, _)) => KafkaError::Rejected {
            action,
            remedy: "check kafka.properties in the Helm values and the `kafka.<property>` files of the connection Secret",
            source: format!("librdkafka refuses the value of property `{key}`").into(),
        },
        (None, error) => KafkaError::Rejected {
            action,
            remedy: "check kafka.properties in the Helm values and the `kafka.<property>` files of the connection Secret",
            source: Box::new(error),
        },
    }
}

/// Judges the code of an answer.
#[expect(clippy::wildcard_enum_match_arm, reason = "no other code is an answer to what is asked here")]
pub(super) fn judge_code(action: &str, code: Code) -> KafkaError {
    let (action, source) = (action.to_owned(), Box::new(code));
    let remedy = match code {
        code if is_refusal(code) => return KafkaError::AuthFailed { action, source },
        code if has_no_coordinator(code) => return KafkaError::NotYet { action, source },
        Code::AllBrokersDown
        | Code::BrokerTransportFailure
        | Code::Resolve
        | Code::OperationTimedOut
        | Code::MessageTimedOut
        | Code::TimedOutQueue
        | Code::RequestTimedOut
        | Code::NetworkException
        | Code::BrokerNotAvailable
        | Code::BrokerDestroy
        | Code::DestroyBroker
        | Code::Partial => return KafkaError::Unreachable { action, source },
        Code::LeaderNotAvailable
        | Code::NotController
        | Code::NonEmptyGroup
        | Code::ReassignmentInProgress
        | Code::ThrottlingQuotaExceeded
        | Code::KafkaStorageError
        | Code::TopicAlreadyExists
        | Code::UnknownTopic
        | Code::UnknownTopicOrPartition => return KafkaError::NotYet { action, source },
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed => {
            "grant the operator's Kafka user Create, Describe, Alter, DescribeConfigs, AlterConfigs and Delete on the streams' topics and groups"
        }
        Code::InvalidReplicationFactor => {
            "take at most as many spec.kafka.replicas as there are brokers (they cannot be changed: delete the pipeline - Retain keeps the data - and apply it anew)"
        }
        Code::InvalidConfig | Code::PolicyViolation => {
            "check spec.kafka.retention and spec.kafka.config against the rules of the brokers"
        }
        Code::InvalidPartitions => "check spec.kafka.partitions",
        Code::InvalidTopic => {
            "check spec.kafka.topic: letters, digits, `.`, `_` and `-`, at most 249 of them"
        }
        Code::TopicDeletionDisabled => {
            "set spec.deletionPolicy to Retain, or delete.topic.enable on the brokers"
        }
        _ => "check the brokers' logs and the operator's log",
    };
    KafkaError::Rejected { action, remedy, source }
}

#[cfg(test)]
mod tests;
