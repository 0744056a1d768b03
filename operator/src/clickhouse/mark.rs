//! The mark: what the comment of a table says about its owner. It survives the operator and etcd.
//!
//! In: a [`Mark`] or a table's comment. Out: the other of the two.
//! The mark claims the table *and* the topic that it names. A comment that cannot be read is no mark of ours.
//! Not here: what follows from a foreign mark; the diff says that.

use serde::{Deserialize, Serialize};

/// Version of the mark that this build writes and reads.
const VERSION: u32 = 1;

/// End of the name of the topic that keeps a stream's dead letters.
pub const DEAD_LETTERS: &str = ".dead-letters";

/// Who owns a table, and which topic with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The AnalyticsPipeline, `<namespace>/<name>`.
    pub pipeline: String,
    /// Id of the stream: UID of the AnalyticsPipeline that made the table first. Stands first in every insert token.
    pub id: String,
    /// Counts the lives of the topic.
    pub epoch: u32,
    /// Name of the topic.
    pub topic: String,
    /// Id of the topic; absent in older marks, until the topic is made, and where Kafka gives none.
    pub topic_id: Option<String>,
    /// Id of the Kafka cluster that the topic is on; absent in older marks, and where Kafka does not say.
    pub cluster: Option<String>,
    /// UID of the pipeline's namespace; absent in older marks, and where there are no tenants.
    pub namespace: Option<String>,
    /// Name of that namespace's tenant; absent likewise.
    pub tenant: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Comment {
    tributary: u32,
    pipeline: String,
    id: String,
    epoch: u32,
    topic: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    topic_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
}

impl Mark {
    /// Reads the comment of a table; `None` when it is no mark that this build understands.
    pub fn parse(comment: &str) -> Option<Self> {
        let Comment { tributary, pipeline, id, epoch, topic, topic_id, cluster, namespace, tenant } =
            serde_json::from_str(comment).ok()?;
        (tributary == VERSION).then_some(Self {
            pipeline,
            id,
            epoch,
            topic,
            topic_id,
            cluster,
            namespace,
            tenant,
        })
    }

    /// Returns whether a comment is a mark, also of a newer build that this one does not understand.
    pub fn is_there(comment: &str) -> bool {
        let comment: Result<serde_json::Value, _> = serde_json::from_str(comment);
        comment.is_ok_and(|comment| comment.get("tributary").is_some())
    }

    /// Returns the cluster that the topic is on, where that is certainly not the one that was asked.
    pub fn elsewhere(&self, asked: Option<&str>) -> Option<&str> {
        let marked = self.cluster.as_deref()?;
        asked.is_some_and(|asked| asked != marked).then_some(marked)
    }

    /// Returns whether the mark claims a topic, or is that of a stream whose dead letters it keeps.
    pub fn claims(&self, topic: &str) -> bool {
        topic.strip_suffix(DEAD_LETTERS).unwrap_or(topic) == self.topic || topic == self.topic
    }

    /// Returns the comment of the table.
    pub fn comment(&self) -> String {
        let Self { pipeline, id, epoch, topic, topic_id, cluster, namespace, tenant } = self.clone();
        let comment =
            Comment { tributary: VERSION, pipeline, id, epoch, topic, topic_id, cluster, namespace, tenant };
        serde_json::to_string(&comment).expect("strings and numbers are always JSON")
    }
}

#[cfg(test)]
mod tests;
