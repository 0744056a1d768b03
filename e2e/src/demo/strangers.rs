//! What the demo must not touch on a cluster that somebody uses: an operator, pipelines, a namespace of others.
//!
//! In: the cluster. Out: nothing when all that is there is the demo's or the tests' own; else one line that names what is not, before
//! anything was installed or deleted.

use anyhow::{Result, bail};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt};

use super::{Demo, NAMESPACE};
use crate::install;

/// Label by which the demo knows its namespace.
const LABEL: (&str, &str) = ("tributary.dev/sample", "first-stream");

impl Demo {
    pub(super) async fn spare_strangers(&self) -> Result<()> {
        self.own_namespace().await?;
        if self.settings.local || self.settings.replace_installation {
            return Ok(());
        }
        let strangers = install::strangers(&self.cluster, NAMESPACE).await?;
        let Some(first) = strangers.first() else { return Ok(()) };
        let others =
            if strangers.len() > 1 { format!(" and {} more", strangers.len() - 1) } else { String::new() };
        bail!(
            "the cluster has a Tributary that is not the demo's ({first}{others}), and the demo would replace the operator's image, its \
             addresses and its Secret; give the demo another cluster, or say REPLACE_INSTALLATION=yes"
        )
    }

    /// The demo's namespace, when an earlier run left it.
    pub(super) async fn own_namespace(&self) -> Result<Option<Namespace>> {
        let namespaces: Api<Namespace> = Api::all(self.cluster.client.clone());
        let Some(namespace) = namespaces.get_opt(NAMESPACE).await? else { return Ok(None) };
        if namespace.labels().get(LABEL.0).map(String::as_str) == Some(LABEL.1) {
            return Ok(Some(namespace));
        }
        bail!(
            "the cluster has a namespace {NAMESPACE} that is not the demo's (no label {}={}), and the demo deletes nothing \
             of yours: give it another cluster, or rename that namespace",
            LABEL.0,
            LABEL.1
        )
    }
}
