//! Producer: hands records to Kafka and gives each its answer.
//!
//! In: records with a receipt each. Out: every receipt is answered, once: delivered on all replicas, or why not.
//! The client's answers come on a thread of its own, which waits for them for seconds at a time. rdkafka's own thread waits for tenths of a
//! second, and spins through the last millisecond of each, as a wait is cut to whole ones: 0.6 CPU seconds a minute of a stream at rest.
//! Not here: what the records are, and what a failure means.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::ToBytes;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

mod round;

use round::Receipts;
pub(crate) use round::{Receipt, Round};

/// How long the thread waits for an answer; a client that nobody has any more goes as late as this.
const WAIT: Duration = Duration::from_secs(5);
/// How long a record waits for a place in the client's queue before it is tried again.
const QUEUE_FULL_WAIT: Duration = Duration::from_millis(20);

/// A client that is made when it is first needed, and anew when it is broken.
pub(crate) struct OnDemand {
    config: ClientConfig,
    client: Mutex<Option<Producer>>,
}

impl OnDemand {
    /// Keeps the settings of a client.
    pub(crate) fn new(config: ClientConfig) -> Self {
        Self { config, client: Mutex::default() }
    }

    /// Returns the client.
    ///
    /// # Errors
    /// When it cannot be used with these settings.
    pub(crate) fn client(&self) -> KafkaResult<Producer> {
        let mut kept = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = kept.as_ref().filter(|client| !client.is_broken()) {
            return Ok(client.clone());
        }
        Ok(kept.insert(Producer::start(&self.config)?).clone())
    }
}

/// A client of Kafka; clones share it.
#[derive(Clone)]
pub(crate) struct Producer(Arc<BaseProducer<Receipts>>);

impl Producer {
    /// Makes the client and starts its thread.
    fn start(config: &ClientConfig) -> KafkaResult<Self> {
        let client = Arc::new(config.create_with_context(Receipts::default())?);
        let answered = Arc::downgrade(&client);
        std::thread::Builder::new()
            .name("producer".to_owned())
            .spawn(move || answer(&answered))
            .map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
        Ok(Self(client))
    }

    /// Whether the client can deliver nothing any more.
    fn is_broken(&self) -> bool {
        self.0.client().fatal_error().is_some()
    }

    /// Returns the code behind this one: a refused password explains that nobody answers.
    pub(crate) fn cause(&self, code: RDKafkaErrorCode) -> RDKafkaErrorCode {
        self.0.context().listener.cause(code, Instant::now())
    }

    /// Hands a record to the client, waiting while its queue is full; the receipt is answered in any case.
    pub(crate) async fn send<K: ToBytes + ?Sized, P: ToBytes + ?Sized>(
        &self,
        mut record: BaseRecord<'_, K, P, Box<Receipt>>,
    ) {
        while let Err((error, refused)) = self.0.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return refused.delivery_opaque.answer(Err(error));
            }
            record = refused;
            tokio::time::sleep(QUEUE_FULL_WAIT).await;
        }
    }
}

/// Hands answers on until nobody has the client any more.
fn answer(client: &Weak<BaseProducer<Receipts>>) {
    while let Some(client) = client.upgrade() {
        client.poll(WAIT);
    }
}
