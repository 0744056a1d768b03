//! A round: letters that are under way together, and one word when the last of them has its answer.
//!
//! In: one receipt a letter, given back by the client's thread. Out: which letters failed, and why.
//! A future for each letter would wake the waiting task as often as there are letters; a flood of bad input would pay for that.
//! Not here: the letters themselves.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use tokio::sync::Notify;

use crate::source::kafka::listener::Listener;

/// Letters that are under way together.
#[derive(Debug)]
pub(crate) struct Round {
    /// Letters without an answer.
    n_open: AtomicUsize,
    failures: Mutex<Vec<(usize, KafkaError)>>,
    all_answered: Notify,
}

/// One letter of a round, by its place in it.
#[derive(Debug)]
pub(crate) struct Receipt {
    round: Arc<Round>,
    place: usize,
}

impl Round {
    /// Begins a round of so many letters.
    pub(crate) fn of(n_letters: usize) -> Arc<Self> {
        Arc::new(Self {
            n_open: AtomicUsize::new(n_letters),
            failures: Mutex::default(),
            all_answered: Notify::new(),
        })
    }

    /// Returns the receipt of a letter. Each must be answered once.
    pub(crate) fn receipt(self: &Arc<Self>, place: usize) -> Receipt {
        Receipt { round: Arc::clone(self), place }
    }

    /// Waits for the last answer and returns the failures, by place.
    pub(crate) async fn failures(&self) -> Vec<(usize, KafkaError)> {
        while self.n_open.load(Ordering::Acquire) > 0 {
            self.all_answered.notified().await;
        }
        let mut failures = std::mem::take(&mut *self.failures.lock().unwrap_or_else(PoisonError::into_inner));
        failures.sort_unstable_by_key(|(place, _)| *place);
        failures
    }
}

impl Receipt {
    /// Answers: the letter is delivered, or it is not.
    pub(crate) fn answer(&self, result: Result<(), KafkaError>) {
        if let Err(error) = result {
            self.round.failures.lock().unwrap_or_else(PoisonError::into_inner).push((self.place, error));
        }
        if self.round.n_open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.round.all_answered.notify_one();
        }
    }
}

/// Hands the client's answers to the rounds.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    pub(crate) listener: Listener,
}

impl ClientContext for Receipts {
    fn error(&self, error: KafkaError, text: &str) {
        self.listener.error(error, text);
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.listener.log(level, facility, text);
    }
}

impl ProducerContext for Receipts {
    type DeliveryOpaque = Box<Receipt>;

    fn delivery(&self, result: &DeliveryResult<'_>, receipt: Box<Receipt>) {
        if result.is_ok() {
            self.listener.works();
        }
        receipt.answer(result.as_ref().map(|_delivered| ()).map_err(|(error, _message)| error.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::{KafkaError, Round};

    #[tokio::test]
    async fn a_round_ends_with_its_last_answer_and_names_what_failed() {
        let round = Round::of(3);
        let receipts: Vec<_> = (0..3).map(|place| round.receipt(place)).collect();
        let waiting = tokio::spawn(async move { round.failures().await });
        tokio::task::yield_now().await;
        receipts[2].answer(Err(KafkaError::Canceled));
        receipts[0].answer(Ok(()));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "one letter has no answer yet");
        receipts[1].answer(Err(KafkaError::Canceled));
        let places: Vec<usize> = waiting.await.unwrap().into_iter().map(|(place, _)| place).collect();
        assert_eq!(places, [1, 2]);
    }

    #[tokio::test]
    async fn a_round_that_was_answered_before_anybody_waits_ends_at_once() {
        let round = Round::of(1);
        round.receipt(0).answer(Ok(()));
        assert!(round.failures().await.is_empty());
    }
}
