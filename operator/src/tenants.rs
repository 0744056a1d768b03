//! Tenants: which namespaces the platform team lets use Tributary, under which names, and how much of it.
//!
//! In: the Helm value `tenants`, as a file that is read once at the start (a change of it starts the operator anew), and what
//! the apiserver says of a namespace. Out: the [`Standing`] of that namespace, or the fault that says whom to ask.
//! Without tenants all namespaces are one team's: no prefix, no cap, no look at the namespace itself.
//! Not here: what follows from a standing (`pipeline/plan/tenancy.rs`, `forwarding_rule/check.rs`).

pub mod file;
pub mod gather;
pub mod quota;
pub mod servers;

use std::collections::BTreeMap;

use crds::conditions::{ConditionType, Reason};

use crate::fault::{Cure, Fault};
use file::{Caps, Tenant};

/// What the platform team lets a namespace do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standing {
    /// Name of its tenant; absent where there are no tenants.
    pub tenant: Option<String>,
    /// Stands before the name of every topic of the namespace.
    pub topic_prefix: String,
    /// Stands before the name of the namespace's database.
    pub database_prefix: String,
    /// Longer prefixes of other tenants: no topic of this namespace may begin with one.
    pub reserved: Vec<String>,
    /// Hosts that its ForwardingRules may name; absent: all.
    pub destination_hosts: Option<Vec<String>>,
    /// Whether its pipelines may take over what Tributary did not make.
    pub allows_adoption: bool,
    /// The most of everything.
    pub caps: Caps,
    /// UID of the namespace; absent where there are no tenants.
    pub namespace_uid: Option<String>,
}

/// What the apiserver says of a namespace.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Namespace {
    /// UID.
    pub uid: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// The tenants of the Helm value; none of them: all namespaces are one team's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tenants(Vec<Tenant>);

impl Tenants {
    /// Takes checked tenants; `file.rs` checks.
    fn new(tenants: Vec<Tenant>) -> Self {
        Self(tenants)
    }

    /// Goes through the tenants.
    pub fn each(&self) -> impl Iterator<Item = &Tenant> {
        self.0.iter()
    }

    /// Returns whether all namespaces are one team's.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the tenant of a namespace: the one that names it, else the first whose labels it has.
    pub fn tenant_of(&self, name: &str, namespace: &Namespace) -> Option<&Tenant> {
        let by_name = self.0.iter().find(|tenant| tenant.namespaces.names.iter().any(|it| it == name));
        by_name.or_else(|| self.0.iter().find(|tenant| tenant.namespaces.has_labels(&namespace.labels)))
    }

    /// Returns the standing of a namespace.
    ///
    /// # Errors
    /// When no tenant has it.
    pub fn standing(&self, name: &str, namespace: &Namespace) -> Result<Standing, Fault> {
        let tenant = self.tenant_of(name, namespace).ok_or_else(|| nobodys(name))?;
        let is_reserved = |prefix: &&String| prefix.len() > tenant.topic_prefix.len();
        let prefixes = self.0.iter().filter(|other| other.name != tenant.name).map(|it| &it.topic_prefix);
        Ok(Standing {
            tenant: Some(tenant.name.clone()),
            topic_prefix: tenant.topic_prefix.clone(),
            database_prefix: tenant.database_prefix.clone(),
            reserved: prefixes.filter(is_reserved).cloned().collect(),
            destination_hosts: tenant.destination_hosts.clone(),
            allows_adoption: tenant.allow_adopt,
            caps: tenant.caps.clone(),
            namespace_uid: namespace.uid.clone(),
        })
    }
}

impl Standing {
    /// Returns the standing of every namespace where there are no tenants.
    pub fn of_a_single_team(allows_adoption: bool) -> Self {
        Self { allows_adoption, ..Self::default() }
    }

    /// Returns the whole name of a topic, from the name that a spec gives it.
    pub fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.topic_prefix)
    }

    /// Returns the prefix of another tenant that the whole name of a topic begins with, if there is one. `.` and `_` are taken for
    /// the same, as Kafka does for its metrics, and therefore refuses two topics that differ in nothing else.
    pub fn reserved_prefix(&self, topic: &str) -> Option<&str> {
        let alike = |text: &str| text.replace('_', ".");
        let topic = alike(topic);
        self.reserved.iter().map(String::as_str).find(|prefix| topic.starts_with(&alike(prefix)))
    }

    /// Says who lets a namespace adopt: the end of messages about it.
    pub fn adoption_is_allowed_by(&self) -> String {
        match &self.tenant {
            Some(tenant) => format!("`allowAdopt` of tenant `{tenant}`, Helm value `tenants`"),
            None => "Helm value `adoption.allowed`".into(),
        }
    }
}

/// Makes the fault of a namespace, or of a name in it, that the platform team has not allowed.
pub fn not_allowed(message: impl Into<String>) -> Fault {
    Fault::new(ConditionType::Ready, Reason::NamespaceNotAllowed, Cure::Change, message)
}

fn nobodys(namespace: &str) -> Fault {
    not_allowed(format!(
        "no tenant has namespace `{namespace}`, so nothing is made for it, and what runs goes on as it was; ask the platform team to add its name or labels to a tenant (Helm value `tenants`)"
    ))
}

#[cfg(test)]
mod tests;
