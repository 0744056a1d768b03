//! Lease: at most one operator writes.
//!
//! In: a Lease in the operator's namespace. Out: the right to write, held until it is lost or given back.
//! Every write names the resourceVersion it was decided on, so that of two that reach for the Lease one gets a conflict.
//! Whether another's Lease has run out is measured from when *this* process saw it last change: clocks may differ.
//! A holder that cannot renew gives up after two thirds of the duration, before anybody else may take over, and the
//! process ends: a Lease that is lost means that nothing is written any more.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::fence::Tenure;

/// Name of the Lease.
pub const LEASE_NAME: &str = "tributary-operator";

/// The Lease cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Somebody else holds it now.
    #[error("the lease is held by `{holder}`")]
    Lost {
        /// Who holds it.
        holder: String,
    },
    /// It could not be renewed in time.
    #[error("failed to renew the lease within {n_seconds} s")]
    Expired {
        /// How long it was tried.
        n_seconds: u64,
    },
    /// The apiserver refused or did not answer.
    #[error("failed to reach the lease `{LEASE_NAME}`")]
    Reach(#[source] kube::Error),
}

/// What to do about the Lease as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Create,
    Take,
    Renew,
    Wait { holder: String },
}

/// When this process saw the Lease last change.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    spec: Option<LeaseSpec>,
    at: Instant,
}

/// One process that reaches for the Lease.
pub struct Candidate {
    api: Api<Lease>,
    identity: String,
    duration: Duration,
    seen: Option<Seen>,
    tenure: Tenure,
}

impl Candidate {
    /// Reaches for the Lease of a namespace.
    pub fn new(client: Client, namespace: &str, identity: &str, duration: Duration) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            identity: identity.into(),
            duration,
            seen: None,
            tenure: Tenure::default(),
        }
    }

    /// Returns what says whether this process holds the Lease, as it goes on.
    pub fn tenure(&self) -> Tenure {
        self.tenure.clone()
    }

    /// How long a holder counts on the Lease after it asked for it: nobody else takes it before.
    fn patience(&self) -> Duration {
        self.duration * 2 / 3
    }

    /// Waits until this process holds the Lease, and returns since when at the latest: from before it asked. `on_answer` is
    /// called whenever the apiserver has answered.
    pub async fn acquire(&mut self, on_answer: impl Fn()) -> Instant {
        loop {
            let asked = Instant::now();
            match self.step().await {
                Ok(Step::Create | Step::Take | Step::Renew) => {
                    on_answer();
                    self.tenure.renew(asked + self.patience());
                    info!(identity = self.identity, "took the lease");
                    return asked;
                }
                Ok(Step::Wait { holder }) => {
                    on_answer();
                    debug!(holder, "waiting for the lease");
                }
                Err(error) => warn!(error = %crate::report::Chain(&error), "failed to reach for the lease"),
            }
            tokio::time::sleep(self.duration / 7).await;
        }
    }

    /// Renews the Lease, held since `renewed`, until it is lost; returns why.
    pub async fn hold(&mut self, renewed: Instant) -> LeaseError {
        let lost = self.renew_until_lost(renewed).await;
        self.tenure.end();
        lost
    }

    async fn renew_until_lost(&mut self, mut renewed: Instant) -> LeaseError {
        let patience = self.patience();
        loop {
            tokio::time::sleep(self.duration / 5).await;
            // The reply may take long; the write that others count from came before it.
            let asked = Instant::now();
            let left = patience.saturating_sub(renewed.elapsed());
            match tokio::time::timeout(left, self.step()).await {
                Ok(Ok(Step::Renew)) => {
                    renewed = asked;
                    self.tenure.renew(asked + patience);
                }
                Ok(Ok(Step::Wait { holder })) => return LeaseError::Lost { holder },
                // The Lease was deleted, or had run out: somebody else may have held it in between.
                Ok(Ok(Step::Create | Step::Take)) => return LeaseError::Lost { holder: "nobody".into() },
                Ok(Err(error)) => warn!(error = %crate::report::Chain(&error), "failed to renew the lease"),
                Err(_) => {}
            }
            if renewed.elapsed() >= patience {
                return LeaseError::Expired { n_seconds: patience.as_secs() };
            }
        }
    }

    /// Gives the Lease back, so that a successor need not wait until it runs out.
    pub async fn release(&mut self) -> Result<(), LeaseError> {
        self.tenure.end();
        let Some(mut lease) = self.api.get_opt(LEASE_NAME).await.map_err(LeaseError::Reach)? else {
            return Ok(());
        };
        let spec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_deref() != Some(&self.identity) {
            return Ok(());
        }
        spec.holder_identity = None;
        self.api.replace(LEASE_NAME, &PostParams::default(), &lease).await.map_err(LeaseError::Reach)?;
        info!("gave the lease back");
        Ok(())
    }

    async fn step(&mut self) -> Result<Step, LeaseError> {
        let lease = self.api.get_opt(LEASE_NAME).await.map_err(LeaseError::Reach)?;
        let spec = lease.as_ref().and_then(|lease| lease.spec.clone());
        let now = Instant::now();
        if self.seen.as_ref().is_none_or(|seen| seen.spec != spec) {
            self.seen = Some(Seen { spec: spec.clone(), at: now });
        }
        let unchanged_for = self.seen.as_ref().map(|seen| now - seen.at).unwrap_or_default();
        let step = decide(lease.is_some().then_some(spec.as_ref()), &self.identity, unchanged_for);
        match &step {
            Step::Wait { .. } => return Ok(step),
            Step::Create => {
                let metadata = ObjectMeta { name: Some(LEASE_NAME.into()), ..ObjectMeta::default() };
                let lease = Lease { metadata, spec: Some(self.renewed(None, &step)) };
                self.api.create(&PostParams::default(), &lease).await.map_err(LeaseError::Reach)?;
            }
            Step::Take | Step::Renew => {
                let metadata = lease.map(|lease| lease.metadata).unwrap_or_default();
                let lease = Lease { metadata, spec: Some(self.renewed(spec, &step)) };
                self.api
                    .replace(LEASE_NAME, &PostParams::default(), &lease)
                    .await
                    .map_err(LeaseError::Reach)?;
            }
        }
        Ok(step)
    }

    fn renewed(&self, before: Option<LeaseSpec>, step: &Step) -> LeaseSpec {
        let now = Some(MicroTime(Timestamp::now()));
        let before = before.unwrap_or_default();
        let is_renewal = *step == Step::Renew;
        LeaseSpec {
            acquire_time: if is_renewal { before.acquire_time } else { now.clone() },
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.duration.as_secs()).ok(),
            lease_transitions: Some(before.lease_transitions.unwrap_or(0) + i32::from(!is_renewal)),
            renew_time: now,
            ..LeaseSpec::default()
        }
    }
}

/// Decides about the Lease as it stands. Outer `None`: there is none; inner `None`: it has no spec.
fn decide(lease: Option<Option<&LeaseSpec>>, identity: &str, unchanged_for: Duration) -> Step {
    let Some(spec) = lease else { return Step::Create };
    let holder = spec.and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default();
    let seconds = spec.and_then(|spec| spec.lease_duration_seconds).unwrap_or(0);
    let runs_out_after = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    if holder == identity {
        Step::Renew
    } else if holder.is_empty() || unchanged_for > runs_out_after {
        Step::Take
    } else {
        Step::Wait { holder: holder.to_owned() }
    }
}

#[cfg(test)]
mod tests;
