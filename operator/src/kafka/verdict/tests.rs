//! One code a class; a password never reaches a text.

use crds::conditions::Reason;
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::types::RDKafkaConfRes;

use super::*;

#[test]
fn each_class_has_its_reason_and_says_whether_waiting_helps() {
    let expected = [
        (Code::BrokerTransportFailure, Reason::KafkaUnreachable, true),
        (Code::OperationTimedOut, Reason::KafkaUnreachable, true),
        (Code::SaslAuthenticationFailed, Reason::KafkaAuthFailed, false),
        (Code::SSL, Reason::KafkaAuthFailed, false),
        (Code::NonEmptyGroup, Reason::KafkaRejected, true),
        (Code::TopicAuthorizationFailed, Reason::KafkaRejected, false),
        (Code::InvalidReplicationFactor, Reason::KafkaRejected, false),
        (Code::UnsupportedVersion, Reason::KafkaRejected, false),
    ];
    for (code, reason, transient) in expected {
        let error = judge("create topic `a`", ClientError::AdminOp(code));
        assert_eq!((error.reason(), error.is_transient()), (reason, transient), "{code:?}");
        assert!(error.to_string().starts_with("failed to create topic `a`: Kafka "), "{error}");
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[test]
fn a_refused_property_is_named_and_its_value_is_not() {
    let wrong = ClientError::ClientConfig(
        RDKafkaConfRes::RD_KAFKA_CONF_INVALID,
        "invalid value hunter2".into(),
        "sasl.password".into(),
        "hunter2".into(),
    );
    let error = judge("connect", wrong);
    let text = format!("{error} {:?}", std::error::Error::source(&error));
    assert!(text.contains("sasl.password") && !text.contains("hunter2"), "{text}");
    assert_eq!(error.reason(), Reason::KafkaRejected);
}
