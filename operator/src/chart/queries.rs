//! Queries: what a PromQL expression asks for, held against the metrics that there are.
//!
//! In: an expression, and the metrics of `docs/reference/metrics.md`. Out: the labels of its result, or what is wrong with it: a metric
//! or label that nobody shows, a value outside a closed list, two sides that can never match.
//! Not here: running it. That the page tells what the programs show is a unit test of each, and an end-to-end test of both.

use std::collections::{BTreeMap, BTreeSet};

use crds::conditions::Reason;
use crds::exposition::Metric;
use crds::rejection::RejectionReason;
use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{self, AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, VectorSelector};

pub(super) type Labels = BTreeSet<String>;

/// What a scrape adds to every sample, by the ServiceMonitor and the PodMonitor of the chart.
const OF_THE_SCRAPE: [&str; 6] = ["namespace", "pod", "container", "instance", "job", "endpoint"];
/// What the PodMonitor adds to the samples of processors.
const OF_PROCESSORS: &str = "pipeline";

/// The samples that there are, by name.
pub(super) struct Samples(BTreeMap<String, (Metric, Labels)>);

impl Samples {
    pub(super) fn of(metrics: &[Metric]) -> Self {
        let mut samples = BTreeMap::new();
        for metric in metrics {
            for (name, mut labels) in metric.samples() {
                labels.extend(OF_THE_SCRAPE.map(str::to_owned));
                if name.starts_with("tributary_processor_") {
                    labels.insert(OF_PROCESSORS.to_owned());
                }
                samples.insert(name, (metric.clone(), labels));
            }
        }
        Self(samples)
    }

    /// Checks an expression; returns the labels of its result and adds the metrics that it reads.
    pub(super) fn check(&self, text: &str, read: &mut BTreeSet<String>) -> Result<Labels, String> {
        let expression = parser::parse(text).map_err(|error| format!("`{text}`: {error}"))?;
        self.labels(&expression, read).map_err(|error| format!("`{text}`: {error}"))
    }

    fn labels(&self, expression: &Expr, read: &mut BTreeSet<String>) -> Result<Labels, String> {
        match expression {
            Expr::VectorSelector(selector) => self.selected(selector, read),
            Expr::MatrixSelector(matrix) => self.selected(&matrix.vs, read),
            Expr::Subquery(subquery) => self.labels(&subquery.expr, read),
            Expr::Paren(paren) => self.labels(&paren.expr, read),
            Expr::Unary(unary) => self.labels(&unary.expr, read),
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) => Ok(Labels::new()),
            Expr::Aggregate(aggregate) => self.aggregated(aggregate, read),
            Expr::Binary(binary) => self.combined(binary, read),
            Expr::Call(call) => self.called(call, read),
            Expr::Extension(_) => Err("an expression of no PromQL".into()),
        }
    }

    fn selected(&self, selector: &VectorSelector, read: &mut BTreeSet<String>) -> Result<Labels, String> {
        let name = selector.name.as_deref().ok_or("a selector without a metric's name")?;
        let (metric, labels) =
            self.0.get(name).ok_or_else(|| format!("no metric `{name}` in docs/reference/metrics.md"))?;
        read.insert(metric.name.clone());
        for matcher in &selector.matchers.matchers {
            if !labels.contains(&matcher.name) {
                return Err(format!("`{name}` has no label `{}`", matcher.name));
            }
            known_value(metric, matcher)?;
        }
        Ok(labels.clone())
    }

    fn aggregated(&self, aggregate: &AggregateExpr, read: &mut BTreeSet<String>) -> Result<Labels, String> {
        let inner = self.labels(&aggregate.expr, read)?;
        match &aggregate.modifier {
            Some(LabelModifier::Include(by)) => {
                let by: Labels = by.labels.iter().cloned().collect();
                match by.difference(&inner).next() {
                    Some(strange) => Err(format!("`by ({strange})`, and there is no such label inside")),
                    None => Ok(by),
                }
            }
            Some(LabelModifier::Exclude(without)) => {
                Ok(inner.into_iter().filter(|label| !without.labels.contains(label)).collect())
            }
            // These two choose samples and keep them as they are.
            None if ["topk", "bottomk"].contains(&aggregate.op.to_string().as_str()) => Ok(inner),
            None => Ok(Labels::new()),
        }
    }

    fn combined(&self, binary: &BinaryExpr, read: &mut BTreeSet<String>) -> Result<Labels, String> {
        let (left, right) = (self.labels(&binary.lhs, read)?, self.labels(&binary.rhs, read)?);
        if is_number(&binary.lhs) {
            return Ok(right);
        }
        let is_free = is_number(&binary.rhs) || binary.op.to_string() == "or";
        let is_said = binary.modifier.as_ref().is_some_and(|modifier| modifier.matching.is_some());
        if is_free || is_said || left == right {
            return Ok(left);
        }
        Err(format!("the two sides of `{}` never match: {left:?} and {right:?}", binary.op))
    }

    fn called(&self, call: &Call, read: &mut BTreeSet<String>) -> Result<Labels, String> {
        let mut labels = Labels::new();
        for argument in &call.args.args {
            labels.extend(self.labels(argument, read)?);
        }
        match call.func.name {
            "histogram_quantile" if !labels.remove("le") => Err("a quantile needs `le` inside".into()),
            // Nothing is there whose labels could be told, but those that were asked for; none is here.
            "absent" => Ok(Labels::new()),
            _ => Ok(labels),
        }
    }
}

fn is_number(expression: &Expr) -> bool {
    match expression {
        Expr::NumberLiteral(_) => true,
        Expr::Paren(paren) => is_number(&paren.expr),
        Expr::Call(call) => call.func.name == "vector",
        Expr::Aggregate(_)
        | Expr::Unary(_)
        | Expr::Binary(_)
        | Expr::Subquery(_)
        | Expr::StringLiteral(_)
        | Expr::VectorSelector(_)
        | Expr::MatrixSelector(_)
        | Expr::Extension(_) => false,
    }
}

/// Checks that a matcher can hold: reasons are listed in `crds`, other words in the metric's own meaning.
fn known_value(metric: &Metric, matcher: &Matcher) -> Result<(), String> {
    let mut words: Vec<String> = match matcher.name.as_str() {
        "reason" => Reason::ALL.iter().map(ToString::to_string).collect(),
        "outcome" | "step" => metric
            .help
            .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .map(str::to_owned)
            .collect(),
        _ => return Ok(()),
    };
    words.extend(RejectionReason::ALL.iter().map(ToString::to_string));
    let alternatives: Vec<&str> = match &matcher.op {
        MatchOp::Re(_) | MatchOp::NotRe(_) => matcher.value.trim_matches(['(', ')']).split('|').collect(),
        MatchOp::Equal | MatchOp::NotEqual => vec![matcher.value.as_str()],
    };
    let is_known = |alternative: &str| {
        // `(Kafka|ClickHouse).+` means words that begin so.
        let beginning = alternative.trim_end_matches(".+").trim_end_matches(')');
        words
            .iter()
            .any(|word| word == beginning || matcher.value.ends_with(".+") && word.starts_with(beginning))
    };
    match alternatives.into_iter().find(|alternative| !is_known(alternative)) {
        Some(strange) => Err(format!("`{}` never is `{strange}`", matcher.name)),
        None => Ok(()),
    }
}

#[test]
fn what_no_program_shows_is_refused() {
    let page = "| `tributary_processor_records_total` | counter |  | `outcome` | Records, by outcome: stored or filtered. |\n\
                | `tributary_processor_insert_seconds` | histogram | seconds |  | Time. |\n";
    let samples = Samples::of(&crds::exposition::read_page(page));
    let check = |text: &str| samples.check(text, &mut BTreeSet::new());
    let rate = "rate(tributary_processor_records_total[5m])";
    assert_eq!(
        check(&format!("sum by (pipeline, outcome) ({rate}) > 0")),
        Ok(Labels::from(["pipeline", "outcome"].map(str::to_owned)))
    );
    assert_eq!(
        check("histogram_quantile(0.9, sum by (le) (rate(tributary_processor_insert_seconds_bucket[5m])))"),
        Ok(Labels::new())
    );
    for (text, part) in [
        ("sum by (pipeline (tributary", "sum by"),
        ("tributary_processor_records", "no metric `tributary_processor_records`"),
        ("rate(tributary_processor_insert_seconds[5m])", "no metric"),
        ("tributary_processor_records_total{partition=\"0\"}", "no label `partition`"),
        ("tributary_processor_records_total{outcome=\"lost\"}", "never is `lost`"),
        ("tributary_processor_records_total{outcome=~\"stored|lost\"}", "never is `lost`"),
        ("sum by (rule) (tributary_processor_records_total)", "by (rule)"),
        ("histogram_quantile(0.9, rate(tributary_processor_insert_seconds_sum[5m]))", "needs `le`"),
        (
            "sum by (pipeline) (tributary_processor_records_total) / sum by (pod) (tributary_processor_records_total)",
            "never match",
        ),
    ] {
        let error = check(text).expect_err(text);
        assert!(error.contains(part), "{text}: {error}");
    }
}
