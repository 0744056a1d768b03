//! The gateways' contract, on the twins. It needs nothing; `real.rs` runs the same contract on the real thing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this whole crate is a test")]

mod hostile;
mod statements;
mod tables;
mod topics;

use std::sync::Arc;

use operator::clickhouse::memory::MemoryTables;
use operator::kafka::memory::MemoryTopics;

struct Twin(Arc<MemoryTopics>);

impl topics::Groups for Twin {
    async fn make(&self, group: &str, _topic: &str) {
        self.0.insert_group(group);
    }

    async fn list(&self) -> Vec<String> {
        self.0.groups()
    }
}

#[tokio::test]
async fn topics_keep_the_contract() {
    let twin = Arc::new(MemoryTopics::new());
    topics::contract(twin.as_ref(), &Twin(Arc::clone(&twin)), "contract").await;
}

#[tokio::test]
async fn tables_keep_the_contract() {
    tables::contract(&MemoryTables::new(), "contract").await;
}
