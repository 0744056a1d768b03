//! The demo's last words: the verdict, what to try next, and how to take everything away again.
//!
//! In: the numbers that are wrong, and whether all could be judged. Out: lines on the screen.

use std::time::Duration;

use anyhow::Result;

use super::{Demo, NAMESPACE, SAMPLE};
use crate::environment::settings::CLICKHOUSE_PASSWORD;
use crate::install;

impl Demo {
    pub(super) fn conclude(&mut self, wrong: &[String], is_whole: bool, took: Duration) -> Result<()> {
        let seconds = took.as_secs();
        if !wrong.is_empty() {
            self.screen.line(&format!(
                "\nWrong after {seconds} s. These numbers are not what the generator says:"
            ))?;
            for difference in wrong {
                self.screen.line(&format!("   {difference}"))?;
            }
            return Ok(());
        }
        let judged = if is_whole { "Every number" } else { "Every number that could be judged" };
        self.screen.line(&format!("\n{judged} is what the generator says it must be ({seconds} s)."))?;
        let connections = &self.settings.connections;
        let (kubectl, kubeconfig) = (&connections.kubectl, &connections.kubeconfig);
        // The development password guards nothing; anybody else's is not for the screen.
        let password = match connections.clickhouse_password.as_str() {
            CLICKHOUSE_PASSWORD => CLICKHOUSE_PASSWORD,
            _ => "…",
        };
        let (url, user) = (&connections.clickhouse_url, &connections.clickhouse_user);
        let address = format!("'{url}/?user={user}&password={password}'");
        let mut steps = vec![
            ("kubectl get ap,evs,fwd -A".to_owned(), "the three kinds, and how they are"),
            (format!("kubectl -n {NAMESPACE} describe ap ios"), "conditions and Events"),
            ("kubectl apply -f manifests/samples/invalid/".to_owned(), "mistakes, and what each is told"),
            (format!("kubectl apply -f {SAMPLE}/3-pipelines.yaml"), "after changing a line in it"),
            (format!("curl {address} -d 'SELECT * FROM shop.ios LIMIT 3 FORMAT Vertical'"), ""),
        ];
        if self.settings.local {
            steps.push(("make down".to_owned(), "takes the environment away"));
        }
        self.screen.line("\nTo try next:")?;
        self.screen.line(&format!("   export KUBECONFIG={kubeconfig}; alias kubectl={kubectl}"))?;
        for (command, what) in steps {
            self.screen.line(format!("   {command:<58}  {what}").trim_end())?;
        }
        if self.settings.local { Ok(()) } else { self.tell_how_to_remove() }
    }

    /// On a cluster that stays, what the demo has put there can be taken away again.
    fn tell_how_to_remove(&mut self) -> Result<()> {
        let delete = r#"--type merge -p '{"spec": {"deletionPolicy": "Delete"}}'"#;
        let (namespace, release) = (install::NAMESPACE, install::RELEASE);
        self.screen.line("\nTo take it away again, in this order:")?;
        for command in [
            format!("kubectl -n {NAMESPACE} patch ap ios {delete}   # topics and tables go with their pipelines"),
            format!("kubectl -n {NAMESPACE} patch ap android {delete}"),
            format!("kubectl -n {NAMESPACE} delete ap --all && kubectl delete namespace {NAMESPACE}"),
            format!("{} uninstall {release} -n {namespace} && kubectl delete namespace {namespace}", self.settings.connections.helm),
            "kubectl delete -f manifests/crds/   # with every object of the three kinds that anybody still has".to_owned(),
        ] {
            self.screen.line(&format!("   {command}"))?;
        }
        Ok(())
    }
}
