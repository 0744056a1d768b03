//! Turns: which trials have the environment at the same time.
//!
//! In: a trial that shares the environment, or one that needs it alone. Out: a [`Turn`], which ends when it is dropped.
//! Those that share it go first, eight at a time; one that needs it alone begins when none of them is left that has begun or waits.
//! Otherwise it would wait for the slowest of those at work, and all that come after it would wait with it.
//! Not here: the threads that start trials. There must be more of them than trials that go alone.

use std::sync::LazyLock;

use anyhow::{Context, Result};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard, Semaphore, SemaphorePermit, watch};

/// Trials at once: the machine has two cores, and they mostly wait.
const AT_ONCE: usize = 8;

static PLACES: Semaphore = Semaphore::const_new(AT_ONCE);
static ENVIRONMENT: RwLock<()> = RwLock::const_new(());
/// Trials that share the environment and are not over yet.
static SHARING: LazyLock<watch::Sender<usize>> = LazyLock::new(|| watch::Sender::new(0));

/// What a trial holds while it runs.
pub(super) enum Turn {
    /// Beside others.
    Beside { _place: SemaphorePermit<'static>, _environment: RwLockReadGuard<'static, ()>, _counted: Counted },
    /// Alone.
    Alone { _environment: RwLockWriteGuard<'static, ()> },
}

/// One of [`SHARING`].
pub(super) struct Counted;

impl Drop for Counted {
    fn drop(&mut self) {
        SHARING.send_modify(|sharing| *sharing -= 1);
    }
}

/// Waits for the turn of a trial.
///
/// # Errors
/// Never, unless the counters of this file are gone.
pub(super) async fn turn(alone: bool) -> Result<Turn> {
    if alone {
        SHARING.subscribe().wait_for(|sharing| *sharing == 0).await.context("counting trials")?;
        return Ok(Turn::Alone { _environment: ENVIRONMENT.write().await });
    }
    SHARING.send_modify(|sharing| *sharing += 1);
    let counted = Counted;
    let place = PLACES.acquire().await.context("waiting for a place among the trials")?;
    Ok(Turn::Beside { _place: place, _environment: ENVIRONMENT.read().await, _counted: counted })
}
