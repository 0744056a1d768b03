//! Faults of Kafka: which reason an error has, in one `match`.
//!
//! In: librdkafka's error code. Out: a reason that people know, and whether a new client is needed.
//! Not here: how often something is repeated.

use crds::conditions::Reason;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::source::SourceError;

/// Builds the error of an action that Kafka did not do.
pub fn fault(action: &'static str, error: KafkaError) -> SourceError {
    SourceError {
        action,
        reason: error.rdkafka_error_code().map_or(Reason::KafkaRejected, reason),
        fatal: matches!(
            error,
            KafkaError::MessageConsumptionFatal(_)
                | KafkaError::ClientCreation(_)
                | KafkaError::ClientConfig(..)
        ),
        rebalance: matches!(
            error.rdkafka_error_code(),
            Some(
                RDKafkaErrorCode::IllegalGeneration
                    | RDKafkaErrorCode::RebalanceInProgress
                    | RDKafkaErrorCode::UnknownMemberId
            )
        ),
        source: Box::new(error),
    }
}

/// Returns the reason of a code.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "librdkafka has 200 codes; whatever is not named is a refusal"
)]
pub fn reason(code: RDKafkaErrorCode) -> Reason {
    match code {
        RDKafkaErrorCode::Authentication
        | RDKafkaErrorCode::SaslAuthenticationFailed
        | RDKafkaErrorCode::UnsupportedSASLMechanism
        | RDKafkaErrorCode::IllegalSASLState
        | RDKafkaErrorCode::SSL
        | RDKafkaErrorCode::SecurityDisabled => Reason::KafkaAuthFailed,
        RDKafkaErrorCode::BrokerTransportFailure
        | RDKafkaErrorCode::AllBrokersDown
        | RDKafkaErrorCode::Resolve
        | RDKafkaErrorCode::OperationTimedOut
        | RDKafkaErrorCode::TimedOutQueue
        | RDKafkaErrorCode::MessageTimedOut
        | RDKafkaErrorCode::RequestTimedOut
        | RDKafkaErrorCode::NetworkException
        | RDKafkaErrorCode::BrokerNotAvailable
        | RDKafkaErrorCode::LeaderNotAvailable
        | RDKafkaErrorCode::NotLeaderForPartition
        | RDKafkaErrorCode::CoordinatorLoadInProgress
        | RDKafkaErrorCode::CoordinatorNotAvailable
        | RDKafkaErrorCode::NotCoordinator
        | RDKafkaErrorCode::WaitingForCoordinator
        | RDKafkaErrorCode::NotEnoughReplicas
        | RDKafkaErrorCode::NotEnoughReplicasAfterAppend => Reason::KafkaUnreachable,
        _ => Reason::KafkaRejected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_password_a_silent_broker_and_a_refusal_have_their_own_reasons() {
        assert_eq!(reason(RDKafkaErrorCode::SaslAuthenticationFailed), Reason::KafkaAuthFailed);
        assert_eq!(reason(RDKafkaErrorCode::AllBrokersDown), Reason::KafkaUnreachable);
        assert_eq!(reason(RDKafkaErrorCode::TopicAuthorizationFailed), Reason::KafkaRejected);
    }

    #[test]
    fn what_the_group_answers_while_it_hands_partitions_out_is_told_apart_from_a_refusal() {
        use RDKafkaErrorCode as Code;
        for (code, rebalance) in [
            (Code::IllegalGeneration, true),
            (Code::RebalanceInProgress, true),
            (Code::UnknownMemberId, true),
            (Code::GroupAuthorizationFailed, false),
            (Code::FencedInstanceId, false),
            (Code::BrokerTransportFailure, false),
        ] {
            let fault = fault("commit positions", KafkaError::ConsumerCommit(code));
            assert_eq!((fault.rebalance, fault.fatal), (rebalance, false), "{code:?}");
        }
    }
}
