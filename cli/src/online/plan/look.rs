//! Look: the operator's own look at a pipeline, over what is there, with nothing written.
//!
//! In: objects as they would be, the way to what is there. Out: what the look noted, and its faults. Gather, plan, diff and apply are the
//! operator's; here is only what they are given: settings and tenants as they are known, gateways that note instead of changing.
//! Not here: how it is told.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use crds::processor_report::ProcessorReport;
use crds::{AnalyticsPipeline, ForwardingRule};
use jiff::Timestamp;
use kube::ResourceExt;
use operator::connection::{Files, Given};
use operator::context::Context;
use operator::fault::{Cure, Fault};
use operator::forwarding_rule::{check, gather as rule_gather};
use operator::kubernetes::Kubernetes;
use operator::metrics::Metrics;
use operator::objects::Stores;
use operator::pipeline;
use operator::processors::Reports;
use operator::report::{Chain, Reporter};
use operator::settings::Settings;
use operator::tenants::gather::{Registry, standing};
use operator::tenants::{Standing, Tenants};

use super::apiserver::{self, Overlay};
use super::book::{Book, Notes};
use super::dry_run::told;
use super::gateways::{Open, SeenTables, SeenTopics};
use super::platform::Platform;
use super::stream::{Stream, authorities, texts};
use crate::arguments::online::ServerArguments;
use crate::online::cluster::Cluster;
use crate::online::reach::Flags;
use crate::world::object::Name;

/// Everything that looks share.
pub(super) struct Looks<'a> {
    /// The cluster.
    pub(super) cluster: &'a Cluster,
    /// What the platform team has decided, or why it is not known.
    pub(super) platform: Result<Platform, String>,
    /// What offline settings stand in for it.
    pub(super) offline: Settings,
    /// Flags that say how servers are reached.
    pub(super) servers: &'a ServerArguments,
    /// Opens the gateways.
    pub(super) open: &'a Open,
    /// The objects as they would be, as the operator's stores.
    pub(super) stores: Stores,
    /// The same, as the apiserver would have them.
    pub(super) overlay: Arc<Overlay>,
}

/// What a look found.
pub(super) struct Looked {
    /// What was noted.
    pub(super) notes: Notes,
    /// The pipeline's faults.
    pub(super) faults: Vec<Fault>,
    /// The faults of its rules, by rule.
    pub(super) rules: BTreeMap<String, Vec<Fault>>,
    /// Whether the settings are known only as a stream tells them.
    pub(super) is_told: bool,
}

/// A look that is being prepared.
struct Prepared {
    ctx: Context,
    book: Arc<Book>,
    stream: Stream,
    standing: Result<Standing, Fault>,
}

impl Looks<'_> {
    /// Looks at a pipeline.
    pub(super) async fn pipeline(&self, name: &Name, object: &AnalyticsPipeline) -> Result<Looked> {
        let mut prepared = self.prepare(name).await?;
        self.give_servers(&mut prepared, name).await?;
        let Prepared { ctx, book, standing, .. } = &prepared;
        let carried = pipeline::carry_out(ctx, object, standing.clone()).await;
        let (mut faults, mut rules) = (Vec::new(), BTreeMap::new());
        match carried {
            Ok(carried) => {
                faults = carried.applied.faults;
                if carried.plan.is_some_and(|plan| plan.must_stop_first) {
                    let what = "its processors stop first, as their topic is gone or another one; plan again once they have";
                    book.open().unlooked.insert(format!("AnalyticsPipeline {name}: {what}"));
                }
                for (rule, checked) in carried.gathered.rules {
                    rules.extend(checked.err().map(|faults| (rule, faults)));
                }
            }
            Err(error) => {
                let said = format!("AnalyticsPipeline {name}: {}", Chain(&error));
                book.open().unlooked.insert(said);
            }
        }
        Ok(self.looked(&prepared, faults, rules))
    }

    /// Looks at a rule whose pipeline does not look at it.
    pub(super) async fn rule(&self, name: &Name, rule: &ForwardingRule) -> Result<Looked> {
        let of = Name { namespace: name.namespace.clone(), name: rule.spec.pipeline.name.clone() };
        let mut prepared = self.prepare(&of).await?;
        self.give_servers(&mut prepared, &of).await?;
        let Prepared { ctx, book, standing, .. } = &prepared;
        let mut faults = Vec::new();
        match rule_gather::gather(ctx, rule, standing).await {
            Ok(gathered) => {
                faults = check::check(rule, &gathered, &ctx.settings.egress()).err().unwrap_or_default();
            }
            Err(error) => {
                book.open().unlooked.insert(format!("ForwardingRule {name}: {}", Chain(&error)));
            }
        }
        Ok(self.looked(&prepared, Vec::new(), BTreeMap::from([(rule.name_any(), faults)])))
    }

    fn looked(
        &self,
        prepared: &Prepared,
        mut faults: Vec<Fault>,
        mut rules: BTreeMap<String, Vec<Fault>>,
    ) -> Looked {
        let mut notes = std::mem::take(&mut *prepared.book.open());
        // What goes by itself is no refusal: somebody did not answer.
        for faults in rules.values_mut().chain([&mut faults]) {
            let unanswered = faults.extract_if(.., |fault| fault.cure == Cure::Retry);
            notes.unlooked.extend(unanswered.map(|fault| fault.message));
        }
        Looked { notes, faults, rules, is_told: self.platform.is_err() }
    }

    /// Finds out what is known of a stream's place: settings, and what its namespace may do.
    async fn prepare(&self, name: &Name) -> Result<Prepared> {
        let book = Arc::new(Book::default());
        let cluster = self.cluster.within(&name.namespace);
        let stream = Stream::find(&cluster, &name.name, &self.stores.pipelines_in(&name.namespace)).await;
        let of_stream = stream.standing(&name.namespace);
        let (settings, tenants) = match &self.platform {
            Ok(platform) => (platform.settings(None), platform.tenants.clone()),
            Err(why) => {
                self.assume_settings(&book, &stream, why);
                (stream.settings(self.offline.clone()), Tenants::default())
            }
        };
        let mut ctx = self.context(&book, settings, tenants);
        let standing = match &self.platform {
            Ok(_) => standing(&ctx, &name.namespace).await?,
            Err(_) => Ok(of_stream.clone()),
        };
        // Without the right to read the namespace, what a stream of it has tells the names.
        let standing = if book.open().namespace_is_hidden { Ok(of_stream) } else { standing };
        if let (Ok(platform), Ok(standing)) = (&self.platform, &standing) {
            ctx.settings = Arc::new(platform.settings(standing.tenant.as_ref()));
        }
        Ok(Prepared { ctx, book, stream, standing })
    }

    fn assume_settings(&self, book: &Book, stream: &Stream, why: &str) {
        let from = match stream.teller() {
            Some(teller) => {
                format!("taken are those that the processors of AnalyticsPipeline `{teller}` have")
            }
            None => "no stream of the namespace tells them".to_owned(),
        };
        book.open().unlooked.insert(format!(
            "settings of the platform team, and with them tenants, caps, adoption, KEDA and PodMonitors; {from} ({why})"
        ));
    }

    fn context(&self, book: &Arc<Book>, settings: Settings, tenants: Tenants) -> Context {
        let metrics = Metrics::new();
        let client = apiserver::client(self.cluster.client(), Arc::clone(&self.overlay), Arc::clone(book));
        let kubernetes = Kubernetes::new(client, metrics.clone());
        let nobody = "nobody was asked yet".to_owned();
        Context {
            settings: Arc::new(settings),
            reporter: Arc::new(Reporter::new(kubernetes.clone(), metrics.clone(), "kubectl-tributary")),
            kubernetes,
            stores: self.stores.clone(),
            registry: Registry::new(tenants, vec![self.stores.clone()], BTreeMap::new()),
            topics: Arc::new(SeenTopics {
                live: Err(nobody.clone()),
                as_operator: false,
                book: Arc::clone(book),
            }),
            tables: Arc::new(SeenTables { live: Err(nobody), book: Arc::clone(book) }),
            reports: Arc::new(Silent),
            metrics,
            retries: Arc::default(),
            memories: Arc::default(),
            files: Files::Given(Given(Arc::default())),
            clock: Timestamp::now,
        }
    }

    /// Finds users and passwords, and opens the gateways where addresses are known.
    async fn give_servers(&self, prepared: &mut Prepared, name: &Name) -> Result<()> {
        let Prepared { ctx, book, stream, standing } = prepared;
        let flags = Flags::read(self.servers)?;
        let secret = match (&stream.secret, &self.platform) {
            (Some(secret), _) => Ok(secret.clone()),
            (None, Ok(platform)) => {
                let found = platform.connection(&standing.clone().unwrap_or_default()).await;
                found.map_err(|error| told(&error))
            }
            (None, Err(_)) => {
                Err(stream.unread.first().cloned().unwrap_or_else(|| "no stream has them".to_owned()))
            }
        };
        if let Err(why) = &secret {
            book.open().connection_is_unknown = true;
            book.open().unlooked.insert(format!(
                "users and passwords of Kafka and ClickHouse in Secret `{}/{}-processor` ({why})",
                name.namespace, name.name
            ));
        }
        let secret = secret.unwrap_or_default();
        let settings = Arc::clone(&ctx.settings);
        let is_known = |address: &str, unknown: &str| address != unknown;
        let (as_operator, names_users) = (self.servers.kafka_properties.is_none(), flags.name_users());
        let properties = settings.kafka_properties();
        let from = (settings.kafka_bootstrap.as_str(), &properties, settings.clickhouse_url.as_str());
        let addresses = flags.join_told(from, &texts(&secret));
        let (topics, tables) = (self.open)(&addresses, authorities(&secret));
        let topics = match is_known(&addresses.kafka, &self.offline.kafka_bootstrap) {
            true => Ok(topics),
            false => Err("where Kafka is, is not known; --kafka names it".to_owned()),
        };
        let tables = match is_known(&addresses.clickhouse_url, &self.offline.clickhouse_url) {
            true if secret.is_empty() && !names_users => Err(
                "with which user ClickHouse is asked, is not known; --clickhouse-user and --clickhouse-password-file name one"
                    .to_owned(),
            ),
            true => Ok(tables),
            false => Err("where ClickHouse is, is not known; --clickhouse-url names it".to_owned()),
        };
        ctx.topics = Arc::new(SeenTopics { live: topics, as_operator, book: Arc::clone(book) });
        ctx.tables = Arc::new(SeenTables { live: tables, book: Arc::clone(book) });
        ctx.files = Files::Given(Given(Arc::new(secret)));
        Ok(())
    }
}

/// Processors say nothing here: what they say is in no plan.
struct Silent;

#[async_trait]
impl Reports for Silent {
    async fn ask(&self, _: IpAddr) -> Option<ProcessorReport> {
        None
    }
}
