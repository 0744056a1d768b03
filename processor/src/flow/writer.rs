//! Writer: the bridge between the reading thread, which decides, and the tasks that write.
//!
//! In: jobs and questions. Out: reports, in the order in which they end.
//! A job makes exactly one try and comes back; a try that panics comes back as [`Report::Broken`], never as silence.
//! Not here: retries.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::deliver::{End, Job, Sinks, deliver};
use crate::learn::{Learned, Load, learn};
use crate::sink::{DeadLetters, Originals, Sink, SinkError};

/// What comes back.
pub enum Report {
    /// A try ended.
    Ended(Box<Job>, End),
    /// The table answered, or did not.
    Loaded(Load, Result<Learned, SinkError>),
    /// A task panicked.
    Broken,
}

/// Who makes the tries.
pub trait Writer {
    /// Starts one try.
    fn submit(&mut self, job: Box<Job>);
    /// Starts to ask the table about a partition.
    fn load(&mut self, load: Load);
    /// Returns the next report, waiting at most this long.
    fn report(&mut self, wait: Duration) -> Option<Report>;
}

/// The writer that runs tries as tasks.
pub struct TaskWriter<S, D, O> {
    runtime: tokio::runtime::Handle,
    sinks: Arc<Sinks<S, D, O>>,
    sender: Sender<Report>,
    receiver: Receiver<Report>,
}

impl<S: Sink, D: DeadLetters, O: Originals> TaskWriter<S, D, O> {
    /// Builds a writer over these sinks.
    pub fn new(runtime: tokio::runtime::Handle, sinks: Sinks<S, D, O>) -> Self {
        let (sender, receiver) = channel();
        Self { runtime, sinks: Arc::new(sinks), sender, receiver }
    }

    fn spawn(&self, work: impl Future<Output = Report> + Send + 'static) {
        let sender = self.sender.clone();
        let task = self.runtime.spawn(work);
        self.runtime.spawn(async move {
            let report = task.await.unwrap_or(Report::Broken);
            // The flow that asked may have ended; then nobody waits for the answer.
            drop(sender.send(report));
        });
    }
}

impl<S: Sink, D: DeadLetters, O: Originals> Writer for TaskWriter<S, D, O> {
    fn submit(&mut self, mut job: Box<Job>) {
        let sinks = Arc::clone(&self.sinks);
        self.spawn(async move {
            let end = deliver(&mut job, &sinks).await;
            Report::Ended(job, end)
        });
    }

    fn load(&mut self, load: Load) {
        let sinks = Arc::clone(&self.sinks);
        self.spawn(async move {
            let learned = learn(&load, &sinks.rows, &sinks.originals).await;
            Report::Loaded(load, learned)
        });
    }

    fn report(&mut self, wait: Duration) -> Option<Report> {
        self.receiver.recv_timeout(wait).ok()
    }
}
