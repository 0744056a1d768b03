//! The files of a processor pod: configuration, connection, hash key, and one secret a rule.
//!
//! In: the plan. Out: projected volumes and where they are mounted, as [`crds::stream_config::paths`] says.
//! The secrets of rules are optional sources: a rule whose Secret goes away must not keep a pod from starting.

use k8s_openapi::api::core::v1::{
    ConfigMapProjection, KeyToPath, ProjectedVolumeSource, SecretProjection, Volume, VolumeMount,
    VolumeProjection,
};

use crds::shared::SecretKeyReference;
use crds::stream_config::paths;

use super::config_map;
use crate::pipeline::build::object_name;
use crate::pipeline::plan::Plan;

/// Readable by the process and nobody else: 0440.
const MODE: i32 = 0o440;

const CONFIG: &str = "config";
const CONNECTION: &str = "connection";
const HASH_KEY: &str = "hash-key";
const RULES: &str = "rules";

/// Returns the volumes of a pod.
pub(super) fn volumes(plan: &Plan) -> Vec<Volume> {
    let name = object_name(&plan.name);
    let config = VolumeProjection {
        config_map: Some(ConfigMapProjection {
            name: name.clone(),
            items: Some(vec![file(config_map::FILE, config_map::FILE)]),
            ..ConfigMapProjection::default()
        }),
        ..VolumeProjection::default()
    };
    let connection = VolumeProjection {
        secret: Some(SecretProjection { name, ..SecretProjection::default() }),
        ..VolumeProjection::default()
    };
    let mut volumes = vec![volume(CONFIG, vec![config]), volume(CONNECTION, vec![connection])];
    if let Some(reference) = &plan.hash_key {
        volumes.push(volume(HASH_KEY, vec![secret(reference, file_name(paths::HASH_KEY), None)]));
    }
    if !plan.rule_secrets.is_empty() {
        let sources = plan.rule_secrets.iter().map(|(rule, reference)| secret(reference, rule, Some(true)));
        volumes.push(volume(RULES, sources.collect()));
    }
    volumes
}

/// Returns where the volumes are mounted.
pub(super) fn mounts(plan: &Plan) -> Vec<VolumeMount> {
    let mut mounts = vec![mount(CONFIG, folder(paths::STREAM_CONFIG)), mount(CONNECTION, paths::CONNECTION)];
    if plan.hash_key.is_some() {
        mounts.push(mount(HASH_KEY, folder(paths::HASH_KEY)));
    }
    if !plan.rule_secrets.is_empty() {
        mounts.push(mount(RULES, paths::RULES));
    }
    mounts
}

fn volume(name: &str, sources: Vec<VolumeProjection>) -> Volume {
    Volume {
        name: name.into(),
        projected: Some(ProjectedVolumeSource {
            default_mode: Some(MODE),
            sources: Some(sources),
            ..ProjectedVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn mount(name: &str, path: &str) -> VolumeMount {
    VolumeMount {
        name: name.into(),
        mount_path: path.into(),
        read_only: Some(true),
        ..VolumeMount::default()
    }
}

fn secret(reference: &SecretKeyReference, path: &str, optional: Option<bool>) -> VolumeProjection {
    VolumeProjection {
        secret: Some(SecretProjection {
            name: reference.name.clone(),
            items: Some(vec![file(&reference.key, path)]),
            optional,
        }),
        ..VolumeProjection::default()
    }
}

fn file(key: &str, path: &str) -> KeyToPath {
    KeyToPath { key: key.into(), path: path.into(), ..KeyToPath::default() }
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(folder, _)| folder)
}

fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}
