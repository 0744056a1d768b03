//! Stream: what is known of a stream that runs, from what the operator tells its processors.
//!
//! In: ConfigMap, Secret and Deployment of the pipeline, or of another one of its namespace where it has none yet. Out: where its servers are, and
//! what is known of settings and names where the platform team does not tell.
//! Not here: a guess. Where no stream is there, nothing is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use crds::AnalyticsPipeline;
use crds::stream_config::StreamConfig;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use operator::pipeline::build::object_name;
use operator::pipeline::claims;
use operator::settings::Settings;
use operator::tenants::Standing;

use super::dry_run::told;
use crate::online::cluster::Cluster;

/// What is known of a stream, and of another one beside it.
#[derive(Default)]
pub(super) struct Stream {
    /// A stream of the namespace whose processors are told something: this one, or another.
    told: Option<Told>,
    /// Users and passwords of the processors.
    pub(super) secret: Option<BTreeMap<String, Vec<u8>>>,
    /// What could not be read.
    pub(super) unread: Vec<String>,
}

/// What processors are told, and how they run.
struct Told {
    pipeline: AnalyticsPipeline,
    config: StreamConfig,
    deployment: Option<Deployment>,
}

impl Stream {
    /// Reads what is known of a stream; of `others`, the first that runs is asked where the stream itself does not.
    pub(super) async fn find(cluster: &Cluster, name: &str, others: &[AnalyticsPipeline]) -> Self {
        let mut stream = Self::default();
        let (itself, beside): (Vec<_>, Vec<_>) = others.iter().partition(|other| other.name_any() == name);
        for pipeline in itself.into_iter().chain(beside) {
            let of = pipeline.name_any();
            let config = stream.read(cluster.stream_config(&of).await);
            let Some(config) = config.flatten() else { continue };
            let secret = stream.read(cluster.find::<Secret>(&object_name(&of)).await).flatten();
            let data = secret.and_then(|secret| secret.data);
            stream.secret = data.map(|data| data.into_iter().map(|(key, value)| (key, value.0)).collect());
            let deployment = stream.read(cluster.find(&object_name(&of)).await).flatten();
            stream.told = Some(Told { pipeline: pipeline.clone(), config, deployment });
            break;
        }
        stream
    }

    fn read<T>(&mut self, read: anyhow::Result<T>) -> Option<T> {
        read.map_err(|error| self.unread.push(told(&error))).ok()
    }

    /// Returns the name of the stream that tells what is not known otherwise.
    pub(super) fn teller(&self) -> Option<String> {
        self.told.as_ref().map(|told| told.pipeline.name_any())
    }

    /// Completes settings by what the processors are told.
    pub(super) fn settings(&self, mut settings: Settings) -> Settings {
        let Some(Told { config, deployment, .. }) = &self.told else { return settings };
        settings.kafka_bootstrap.clone_from(&config.kafka.bootstrap);
        settings.kafka_properties = config.kafka.properties.clone().into_iter().collect();
        settings.clickhouse_url.clone_from(&config.clickhouse.url);
        settings.forwarding_allow_http = config.egress.allow_http;
        settings.forwarding_allowed_networks.clone_from(&config.egress.allowed_networks);
        let pod = deployment.as_ref().and_then(|deployment| deployment.spec.template.spec.as_ref());
        if let Some((pod, container)) = pod.and_then(|pod| Some((pod, pod.containers.first()?))) {
            settings.processor_image = container.image.clone().unwrap_or(settings.processor_image);
            settings.processor_image_pull_policy =
                container.image_pull_policy.clone().unwrap_or(settings.processor_image_pull_policy);
            let secrets = pod.image_pull_secrets.iter().flatten();
            settings.processor_image_pull_secrets = secrets.map(|secret| secret.name.clone()).collect();
        }
        settings
    }

    /// Returns the prefixes that stand before the names of the namespace.
    pub(super) fn standing(&self, namespace: &str) -> Standing {
        let standing = Standing::of_a_single_team(true);
        let Some(Told { pipeline, config, .. }) = &self.told else { return standing };
        let prefix = |whole: &str, name: &str| whole.strip_suffix(name).unwrap_or_default().to_owned();
        Standing {
            topic_prefix: prefix(&config.kafka.topic, &claims::topic(pipeline)),
            database_prefix: prefix(&config.clickhouse.database, namespace),
            ..standing
        }
    }
}

/// Returns the values of a Secret as text, as programs read them.
pub(super) fn texts(secret: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, String> {
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).trim_end_matches(['\r', '\n']).to_owned();
    secret.iter().map(|(key, value)| (key.clone(), text(value))).collect()
}

/// Returns the authorities that sign ClickHouse's certificate, where it is not one of the public ones.
pub(super) fn authorities(secret: &BTreeMap<String, Vec<u8>>) -> Option<Arc<str>> {
    secret.get("clickhouse-ca.crt").map(|pem| String::from_utf8_lossy(pem).into())
}
