//! Installs the chart as a platform team does: `helm upgrade --install`, with the addresses of Kafka and ClickHouse.
//!
//! In: connections and what forwarding may reach. Out: a release whose operator runs the image that the cluster holds now; and
//! before that, what of Tributary others have put on the cluster.
//! It builds no image and brings none into the cluster; `environment images` does.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use crds::AnalyticsPipeline;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::ListParams;
use kube::runtime::wait::conditions::is_crd_established;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::cluster::{Cluster, run};
use crate::connections::Connections;
use crate::wait::{self, Seen};

/// Namespace of the operator.
pub const NAMESPACE: &str = "tributary-system";
/// Name of the release.
pub const RELEASE: &str = "tributary";
/// Labels of the operator's pods.
pub const OPERATOR_SELECTOR: &str = "app.kubernetes.io/name=tributary-operator";

/// Label of what the demo and the tests have put on a cluster, so that nobody else's is ever replaced or deleted: the operator's
/// pods, the tests' namespaces.
pub const OWN: (&str, &str) = ("tributary.dev/installed-by", "e2e");
/// How long old pods of the operator may take to end.
const ROLLOUT: Duration = Duration::from_secs(120);
/// Name of the Secret that the chart makes.
const SECRET: &str = "tributary-connection";

/// What the platform team decides in the demo and in the tests.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Networks in CIDR form that forwarding may reach although they are private, by `http` too.
    pub allowed_networks: Vec<String>,
}

/// The chart's values.
#[must_use]
pub fn values(connections: &Connections, policy: &Policy) -> Value {
    json!({
        "kafka": { "bootstrapServers": connections.kafka_for_pods() },
        "clickhouse": { "url": connections.clickhouse_for_pods() },
        "connection": { "create": {
            "clickhouseUser": connections.clickhouse_user,
            "clickhousePassword": connections.clickhouse_password,
        } },
        // Drift of topics and tables is looked for often, so that nobody waits for a minute to see it mended.
        "operator": {
            "image": image(&connections.image_operator),
            "resync": "10s",
            "podLabels": { OWN.0: OWN.1 },
        },
        "processor": { "image": image(&connections.image_processor) },
        "forwarding": {
            "allowHttp": !policy.allowed_networks.is_empty(),
            "allowedNetworks": policy.allowed_networks,
        },
    })
}

/// Installs or upgrades the release and waits until the operator runs. An operator that ran before is started anew, as its
/// image's tag may be the old one.
pub async fn install(cluster: &Cluster, connections: &Connections, policy: &Policy) -> Result<()> {
    let ran_before = !cluster.operator_pods().await?.is_empty();
    upgrade(cluster, connections, &values(connections, policy)).await?;
    if ran_before {
        restart_operator(cluster).await?;
    }
    established(cluster).await
}

/// Waits until the apiserver takes objects of the three kinds.
pub async fn established(cluster: &Cluster) -> Result<()> {
    let crds: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    for plural in ["analyticspipelines", "eventschemas", "forwardingrules"] {
        let name = format!("{plural}.tributary.dev");
        wait::holds(&crds, &name, "established", Duration::from_secs(30), is_crd_established()).await?;
    }
    Ok(())
}

/// What of Tributary is on a cluster that neither the demo nor the tests have put there: operators, the Secret of a connection,
/// pipelines outside the demo's namespace.
pub async fn strangers(cluster: &Cluster, own_namespace: &str) -> Result<Vec<String>> {
    let (mut found, mut is_own) = (Vec::new(), false);
    let operators = ListParams::default().labels(OPERATOR_SELECTOR);
    for deployment in Api::<Deployment>::all(cluster.client.clone()).list(&operators).await? {
        let template = deployment.spec.template.metadata.as_ref();
        let labels = template.and_then(|template| template.labels.as_ref());
        if labels.and_then(|labels| labels.get(OWN.0)).is_some_and(|label| label == OWN.1) {
            is_own = true;
        } else {
            let namespace = deployment.namespace().unwrap_or_default();
            found.push(format!("Deployment {namespace}/{}", deployment.name_any()));
        }
    }
    // Made by hand, for an operator that is still to come.
    if !is_own && cluster.api::<Secret>(NAMESPACE).get_opt(SECRET).await?.is_some() {
        found.push(format!("Secret {NAMESPACE}/{SECRET}"));
    }
    found.extend(strange_pipelines(cluster, own_namespace).await?);
    Ok(found)
}

async fn strange_pipelines(cluster: &Cluster, own_namespace: &str) -> Result<Vec<String>> {
    let own = ListParams::default().labels(&format!("{}={}", OWN.0, OWN.1));
    let namespaces = Api::<Namespace>::all(cluster.client.clone()).list(&own).await?;
    let mut own: Vec<String> = namespaces.iter().map(ResourceExt::name_any).collect();
    own.push(own_namespace.to_owned());
    let pipelines: Api<AnalyticsPipeline> = Api::all(cluster.client.clone());
    let pipelines = match pipelines.list_metadata(&ListParams::default()).await {
        Ok(pipelines) => pipelines.items,
        // The kind is not there yet.
        Err(kube::Error::Api(status)) if status.code == 404 => Vec::new(),
        Err(error) => return Err(error).context("listing the AnalyticsPipelines of all namespaces"),
    };
    let strange =
        pipelines.iter().filter(|pipeline| !own.contains(&pipeline.namespace().unwrap_or_default()));
    Ok(strange
        .map(|found| {
            format!("AnalyticsPipeline {}/{}", found.namespace().unwrap_or_default(), found.name_any())
        })
        .collect())
}

/// Gives the release other values and waits until the operator runs with them, and nowhere without them any more.
pub async fn upgrade(cluster: &Cluster, connections: &Connections, values: &Value) -> Result<()> {
    let chart = repository().join("charts/tributary");
    let chart = chart.to_str().context("the path of the chart is not UTF-8")?;
    let mut arguments =
        vec!["upgrade", RELEASE, chart, "--install", "--namespace", NAMESPACE, "--create-namespace"];
    // The definitions may stand there already, applied with kubectl from manifests/crds/.
    arguments.extend(["--values", "-", "--wait", "--timeout", "3m", "--take-ownership"]);
    helm(cluster, connections, &arguments, Some(&values.to_string())).await?;
    rolled_out(cluster).await
}

/// Uninstalls the release.
pub async fn uninstall(cluster: &Cluster, connections: &Connections) -> Result<()> {
    let arguments = ["uninstall", RELEASE, "--namespace", NAMESPACE, "--wait", "--timeout", "2m"];
    helm(cluster, connections, &arguments, None).await
}

/// Runs `helm test` on the release.
pub async fn test(cluster: &Cluster, connections: &Connections) -> Result<()> {
    let arguments = ["test", RELEASE, "--namespace", NAMESPACE, "--timeout", "2m"];
    helm(cluster, connections, &arguments, None).await
}

/// Runs helm; what explains a failure goes with it.
async fn helm(
    cluster: &Cluster,
    connections: &Connections,
    arguments: &[&str],
    input: Option<&str>,
) -> Result<()> {
    let variables = [("KUBECONFIG", connections.kubeconfig.as_str())];
    match run(&connections.helm, arguments, &variables, input).await {
        Ok(_) => Ok(()),
        Err(error) => Err(anyhow!("{error:#}\n\n{}", cluster.dump(NAMESPACE).await)),
    }
}

/// Starts the operator's pods anew and waits until they run.
pub async fn restart_operator(cluster: &Cluster) -> Result<()> {
    let restart =
        ["rollout", "restart", "deployment", "--namespace", NAMESPACE, "--selector", OPERATOR_SELECTOR];
    cluster.kubectl(&restart).await?;
    rolled_out(cluster).await
}

/// Waits until only pods of the newest template are left: helm is content while an older one still leads.
async fn rolled_out(cluster: &Cluster) -> Result<()> {
    let status = [
        "rollout",
        "status",
        "deployment",
        "--namespace",
        NAMESPACE,
        "--selector",
        OPERATOR_SELECTOR,
        "--timeout",
        "2m",
    ];
    cluster.kubectl(&status).await?;
    let pods = cluster.api::<Pod>(NAMESPACE);
    let of_the_operator = ListParams::default().labels(OPERATOR_SELECTOR);
    wait::until("the operator's old pods to be gone", ROLLOUT, || async {
        let found = pods.list(&of_the_operator).await?;
        let old: Vec<_> = found.iter().filter(|pod| pod.metadata.deletion_timestamp.is_some()).collect();
        let names = old.iter().map(|pod| pod.name_any()).collect::<Vec<_>>().join(", ");
        Ok(if old.is_empty() { Seen::Done(()) } else { Seen::NotYet(names) })
    })
    .await
}

/// The project's own folder.
#[must_use]
pub fn repository() -> PathBuf {
    PathBuf::from(env!("TRIBUTARY_REPOSITORY"))
}

/// Splits `repository:tag` or `repository@digest` as the chart's values want it.
fn image(reference: &str) -> Value {
    if let Some((repository, digest)) = reference.split_once('@') {
        return json!({ "repository": repository, "digest": digest });
    }
    // A colon before the last slash belongs to the registry's port.
    match reference.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => json!({ "repository": repository, "tag": tag }),
        _ => json!({ "repository": reference, "tag": "latest" }),
    }
}

#[cfg(test)]
mod tests {
    use super::image;
    use serde_json::json;

    #[test]
    fn an_image_is_split_at_its_tag_and_not_at_a_port() {
        assert_eq!(
            image("tributary/operator:dev"),
            json!({ "repository": "tributary/operator", "tag": "dev" })
        );
        assert_eq!(
            image("registry:5000/operator"),
            json!({ "repository": "registry:5000/operator", "tag": "latest" })
        );
        assert_eq!(image("a/b@sha256:1"), json!({ "repository": "a/b", "digest": "sha256:1" }));
    }
}
