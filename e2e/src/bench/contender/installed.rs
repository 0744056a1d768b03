//! Movers that somebody has installed on this machine.
//!
//! In: the search path. Out: those that are there.

use std::sync::Arc;

use super::Contender;
use crate::environment::settings::Settings;

/// All that are installed.
#[must_use]
pub fn all(_settings: &Settings) -> Vec<Arc<dyn Contender>> {
    Vec::new()
}
