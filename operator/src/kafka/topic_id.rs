//! The id of a topic, which tells a topic from another one of the same name that was made after it was deleted.
//! This is the one place of the project with `unsafe`: rust-rdkafka wraps no call of librdkafka that tells it.
//!
//! In: an admin client and a name. Out: the id as Kafka prints it, 22 characters; none where the topic is not there, or the brokers
//! are too old to give ids (before Kafka 2.8).
//! It blocks until Kafka answers. Everything that librdkafka hands out belongs to a value here that gives it back when it goes.
//! Source: `rd_kafka_DescribeTopics` of librdkafka's `rdkafka.h`; topic ids are KIP-516.

#![expect(
    unsafe_code,
    reason = "rust-rdkafka wraps no call that tells a topic's id; every block says why it is sound"
)]

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as native;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::types::{RDKafkaAdminOp, RDKafkaRespErr};

/// Something of librdkafka's that is ours to give back.
struct Owned<T> {
    pointer: NonNull<T>,
    give_back: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    /// Takes what a call has handed out; nothing when the call failed.
    fn new(pointer: *mut T, give_back: unsafe extern "C" fn(*mut T)) -> Result<Self, Code> {
        NonNull::new(pointer).map(|pointer| Self { pointer, give_back }).ok_or(Code::Fail)
    }

    fn pointer(&self) -> *mut T {
        self.pointer.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from the call that belongs to this function, and nobody else gives it back.
        unsafe { (self.give_back)(self.pointer()) }
    }
}

/// Asks for the id of a topic.
pub(super) fn topic_id<C: ClientContext>(
    client: &Client<C>,
    name: &str,
    timeout: Duration,
) -> Result<Option<String>, Code> {
    let name = CString::new(name).map_err(|_| Code::InvalidTopic)?;
    let milliseconds = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
    let event = ask(client, &name, milliseconds)?;
    // SAFETY: the event lives until the end of this function, and with it all that is read from it.
    unsafe {
        succeeded(native::rd_kafka_event_error(event.pointer()))?;
        let result = native::rd_kafka_event_DescribeTopics_result(event.pointer());
        let mut n_topics = 0;
        let topics = NonNull::new(result.cast_mut()).and_then(|result| {
            NonNull::new(native::rd_kafka_DescribeTopics_result_topics(result.as_ptr(), &raw mut n_topics))
        });
        let (Some(topics), 1..) = (topics, n_topics) else { return Err(Code::Fail) };
        let topic = *topics.as_ptr();
        // SAFETY, also: a code may be asked of an error that is none.
        match succeeded(native::rd_kafka_error_code(native::rd_kafka_TopicDescription_error(topic))) {
            Err(Code::UnknownTopicOrPartition | Code::UnknownTopic) => return Ok(None),
            other => other?,
        }
        let id = native::rd_kafka_TopicDescription_topic_id(topic);
        if id.is_null()
            || native::rd_kafka_Uuid_most_significant_bits(id) == 0
                && native::rd_kafka_Uuid_least_significant_bits(id) == 0
        {
            return Ok(None);
        }
        let text = native::rd_kafka_Uuid_base64str(id);
        Ok((!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned()))
    }
}

/// Sends the question and waits for the event that answers it.
fn ask<C: ClientContext>(
    client: &Client<C>,
    name: &CStr,
    milliseconds: c_int,
) -> Result<Owned<native::rd_kafka_event_t>, Code> {
    let client = client.native_ptr();
    let mut names = [name.as_ptr()];
    let mut message: [c_char; 512] = [0; 512];
    // SAFETY: the client outlives this call, as it is borrowed; the names and the options are copied by librdkafka; the queue is
    // given back after the event that came from it was taken, and an answer that comes later finds its queue closed.
    unsafe {
        let topics = Owned::new(
            native::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len()),
            native::rd_kafka_TopicCollection_destroy,
        )?;
        let options = Owned::new(
            native::rd_kafka_AdminOptions_new(client, RDKafkaAdminOp::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS),
            native::rd_kafka_AdminOptions_destroy,
        )?;
        succeeded(native::rd_kafka_AdminOptions_set_request_timeout(
            options.pointer(),
            milliseconds,
            message.as_mut_ptr(),
            message.len(),
        ))?;
        let queue = Owned::new(native::rd_kafka_queue_new(client), native::rd_kafka_queue_destroy)?;
        native::rd_kafka_DescribeTopics(client, topics.pointer(), options.pointer(), queue.pointer());
        Owned::new(native::rd_kafka_queue_poll(queue.pointer(), milliseconds), native::rd_kafka_event_destroy)
            .map_err(|_| Code::OperationTimedOut)
    }
}

fn succeeded(code: RDKafkaRespErr) -> Result<(), Code> {
    let code = Code::from(code);
    if code == Code::NoError { Ok(()) } else { Err(code) }
}
