//! What the apiserver refuses by itself: every CEL rule of the three kinds, in one place.
//!
//! In: nothing. Out: rules for `x-kubernetes-validations`, each with a message that says what to do.
//! Not here: bounds and enums (attributes beside the fields), and what needs another object or a deeper look
//! ([`crate::schema::Schema::parse`], the operator's plan): that becomes a condition.
//!
//! The apiserver estimates the cost of every rule from the bounds of the lists and texts it walks, and refuses the whole
//! definition when one is too dear. So no rule walks the fields twice and their aliases twice.

pub mod case;
#[cfg(any(test, feature = "judge"))]
pub mod judge;
mod processor;

use kube::core::{Reason, Rule};

use crate::columns::{ENVELOPE, EXTRA};
use crate::shared::OBJECT_NAME_LENGTH;
pub(crate) use processor::{autoscaling, batch, processor, resources};

/// Settings of a topic that a pipeline may set, beside `retention`. `cleanup.policy` is not among them: a compacted topic
/// loses events.
pub const TOPIC_SETTINGS: [&str; 13] = [
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "max.message.bytes",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "message.timestamp.type",
    "min.insync.replicas",
    "retention.bytes",
    "segment.bytes",
    "segment.jitter.ms",
    "segment.ms",
];

/// Number, unit and sums of them; days stand alone, as CEL's own durations have none.
const DURATION: &str = "^([0-9]+d|([0-9]+(ms|s|m|h))+)$";

/// Number and unit.
const BYTES: &str = "^[0-9]+(Ki|Mi|Gi|k|M|G)?$";

const NUMBER_TYPES: &str = r"^(U?Int(8|16|32|64)|Float(32|64)|Decimal\\(.*\\))$";

/// Every type by its shape; `Schema::parse` looks at the bounds of a Decimal again.
fn type_shape() -> String {
    let scalar = r"(String|Bool|U?Int(8|16|32|64)|Float(32|64)|Date|DateTime|DateTime64\\([0-9]\\)|UUID|Decimal\\(([1-9]|[12][0-9]|3[0-8]), ?([0-9]|[12][0-9]|3[0-8])\\))";
    format!("^({scalar}|Json|Array\\\\({scalar}\\\\))$")
}

/// A rule. `FieldValueDuplicate` is no reason to give: the apiserver leaves out the message of such a refusal.
fn rule(expression: impl Into<String>, path: &str, message: impl Into<String>) -> Rule {
    let rule = Rule::new(expression).message(message.into().as_str());
    if path.is_empty() { rule } else { rule.field_path(path) }
}

/// The rule of every kind's root.
pub(crate) fn object_name() -> Rule {
    rule(
        format!("self.metadata.name.size() <= {OBJECT_NAME_LENGTH} && !self.metadata.name.contains('.')"),
        // The apiserver takes no path into metadata.
        "",
        format!(
            "metadata.name is a DNS label of at most {OBJECT_NAME_LENGTH} characters (lower-case letters, digits and `-`, no dots), as the \
             names of topics, tables and Deployments are made from it; choose a shorter name"
        ),
    )
}

pub(crate) fn event_schema() -> Vec<Rule> {
    vec![
        rule(
            "!has(self.event) || !has(self.eventAliases) || !(self.event in self.eventAliases)",
            ".eventAliases",
            "`eventAliases` names the event type of `event` again; remove it there",
        ),
        rule(
            "self.fields.all(f, !has(f.aliases) || !self.fields.exists(g, g.name in f.aliases))",
            ".fields",
            "an alias is the name of a field, its own or another's; remove the alias",
        ),
    ]
}

pub(crate) fn field() -> Vec<Rule> {
    let mut rules = field_names();
    rules.extend(field_numbers());
    rules.extend(field_texts());
    rules
}

fn field_names() -> Vec<Rule> {
    let reserved: Vec<String> = ENVELOPE
        .iter()
        .chain([&EXTRA])
        .filter(|name| !name.starts_with('_'))
        .map(|name| format!("'{name}'"))
        .collect();
    vec![
        rule(
            "!self.name.startsWith('_')",
            ".name",
            "names that start with `_` belong to the table itself; rename the field and list this name in `aliases`",
        )
        .reason(Reason::FieldValueForbidden),
        rule(
            r"self.name.startsWith('_') || self.name.matches('^[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*)*$')",
            ".name",
            "a name is made of lower-case letters, digits and `_`, each key starting with a letter, with dots between nested keys; \
             rename the field and list what the sources send in `aliases`",
        ),
        rule(
            format!("!(self.name in [{}])", reserved.join(", ")),
            ".name",
            format!(
                "every table has the columns {} and {EXTRA} of its own; rename the field and list this name in `aliases`, or leave the field out",
                ENVELOPE.join(", ")
            ),
        )
        .reason(Reason::FieldValueForbidden),
        rule(
            format!("self.type.matches('{}')", type_shape()),
            ".type",
            "a type is one of String, Bool, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64, Float32, Float64, \
             Decimal(P, S) with P from 1 to 38, Date, DateTime, DateTime64(P) with P from 0 to 9, UUID, Json, or Array(T) of a single value",
        )
        .reason(Reason::FieldValueInvalid),
        rule(
            r"!has(self.aliases) || self.aliases.all(a, a.matches('^[A-Za-z0-9_$-]+(\\.[A-Za-z0-9_$-]+)*$'))",
            ".aliases",
            "an alias is a path: keys of letters, digits, `_`, `-` or `$`, with dots between them",
        ),
    ]
}

fn field_numbers() -> Vec<Rule> {
    vec![
        rule(
            format!("!(has(self.minimum) || has(self.maximum)) || self.type.matches('{NUMBER_TYPES}')"),
            "",
            "`minimum` and `maximum` are for numbers; remove them, or use `minLength` and `maxLength`",
        ),
        rule(
            "!has(self.minimum) || !has(self.maximum) || self.minimum <= self.maximum",
            ".minimum",
            "`minimum` is above `maximum`, so no value passes; swap or remove one of them",
        ),
        rule(
            "!(has(self.minLength) || has(self.maxLength)) || self.type == 'String' || self.type.startsWith('Array(')",
            "",
            "`minLength` and `maxLength` are for type String and arrays; remove them, or use `minimum` and `maximum`",
        ),
        rule(
            "!has(self.minLength) || !has(self.maxLength) || self.minLength <= self.maxLength",
            ".minLength",
            "`minLength` is above `maxLength`, so no value passes; swap or remove one of them",
        ),
    ]
}

fn field_texts() -> Vec<Rule> {
    vec![
        rule(
            "!has(self.pattern) || self.type == 'String'",
            ".pattern",
            "`pattern` is for type String; remove it, or use a rule in `rules`",
        ),
        rule(
            "!has(self.enum) || self.enum.size() == 0 || self.type == 'String'",
            ".enum",
            "`enum` is for type String; remove it, or use a rule in `rules`",
        ),
        rule(
            "!has(self.default) || !self.required",
            ".default",
            "a required field needs no default; remove `default`, or set `required: false`",
        ),
        rule(
            "!has(self.default) || !(self.type == 'Json' || self.type.startsWith('Array('))",
            ".default",
            "a default is for single values; remove `default`: a missing array or object is empty",
        ),
        rule(
            "!has(self.default) || !has(self.enum) || self.enum.size() == 0 || self.default in self.enum",
            ".default",
            "`default` is not in `enum`; add it there, or change the default",
        ),
        rule(
            "!(self.privacy in ['Hash', 'Mask']) || self.type == 'String'",
            ".privacy",
            "`privacy: Hash` and `privacy: Mask` need type String; use type String, or `privacy: Drop`",
        ),
    ]
}

pub(crate) fn analytics_pipeline() -> Vec<Rule> {
    vec![
        rule(
            "self.processor.replicas <= self.kafka.partitions",
            ".processor.replicas",
            "`processor.replicas` is above `kafka.partitions`, so pods would idle; lower it, or raise `kafka.partitions`",
        ),
        rule(
            "!has(self.processor.autoscaling) || self.processor.autoscaling.max <= self.kafka.partitions",
            ".processor.autoscaling.max",
            "`processor.autoscaling.max` is above `kafka.partitions`, so pods would idle; lower it, or raise `kafka.partitions`",
        ),
    ]
}

pub(crate) fn kafka() -> Vec<Rule> {
    let keys: Vec<String> = TOPIC_SETTINGS.iter().map(|key| format!("'{key}'")).collect();
    vec![
        rule(
            "self.partitions >= oldSelf.partitions",
            ".partitions",
            "partitions can only grow: Kafka cannot take one away without its records; keep the number, or make a new pipeline",
        )
        .reason(Reason::FieldValueForbidden),
        rule(
            "self.replicas == oldSelf.replicas",
            ".replicas",
            "replicas cannot be changed here; set the old number again, and reassign the partitions with Kafka's own tools",
        )
        .reason(Reason::FieldValueForbidden),
        rule(
            "has(self.topic) == has(oldSelf.topic) && (!has(self.topic) || self.topic == oldSelf.topic)",
            ".topic",
            "the topic cannot be changed: its records would stay behind; set the old name again, or make a new pipeline",
        )
        .reason(Reason::FieldValueForbidden),
        rule(
            "!has(self.topic) || self.topic.matches('^[a-zA-Z0-9._-]+$')",
            ".topic",
            "the name of a topic is made of letters, digits, `.`, `_` and `-`, and starts with the namespace and a dot",
        ),
        duration("retention", false, "1m", 3650),
        rule(
            format!("!has(self.config) || self.config.all(key, key in [{}])", keys.join(", ")),
            ".config",
            format!("`config` takes only {}; how long records stay is `retention`", TOPIC_SETTINGS.join(", ")),
        )
        .reason(Reason::FieldValueForbidden),
        rule(
            "!has(self.config) || !('min.insync.replicas' in self.config) \
             || (self.config['min.insync.replicas'].matches('^[1-9][0-9]{0,3}$') && int(self.config['min.insync.replicas']) <= self.replicas)",
            ".config",
            "`min.insync.replicas` is a number up to `replicas`: with more, Kafka takes no record; lower it, or make the pipeline with more `replicas`",
        ),
    ]
}

pub(crate) fn clickhouse() -> Vec<Rule> {
    vec![
        rule(
            "self.partitionBy == oldSelf.partitionBy",
            ".partitionBy",
            "partitionBy cannot be changed: the table is cut that way on disk; set the old value again, or make a new pipeline",
        )
        .reason(Reason::FieldValueForbidden),
        rule(
            "self.orderBy == oldSelf.orderBy",
            ".orderBy",
            "orderBy cannot be changed: the table is sorted that way on disk; set the old columns again, or make a new pipeline",
        )
        .reason(Reason::FieldValueForbidden),
        rule(
            "self.orderBy.all(c, self.orderBy.exists_one(d, d == c))",
            ".orderBy",
            "`orderBy` names a column twice; remove one of them",
        ),
        rule(
            "self.orderBy.all(c, c.matches('^[a-z_][a-z0-9_]*$'))",
            ".orderBy",
            "`orderBy` takes names of columns: lower-case letters, digits and `_`; nested fields have `_` for the dot",
        ),
        duration("ttl", true, "1h", 3650),
    ]
}

pub(crate) fn deduplication() -> Vec<Rule> {
    vec![duration("window", false, "1m", 30)]
}

pub(crate) fn destination() -> Vec<Rule> {
    vec![
        rule(
            "has(self.webhook) == (self.type == 'Webhook')",
            ".webhook",
            "`webhook` is set exactly when `type` is Webhook; set exactly the member that `type` names",
        ),
        rule(
            "has(self.kafka) == (self.type == 'Kafka')",
            ".kafka",
            "`kafka` is set exactly when `type` is Kafka; set exactly the member that `type` names",
        ),
    ]
}

pub(crate) fn webhook() -> Vec<Rule> {
    vec![
        rule(
            r"self.url.matches('^https?://[^/?#\\s]+') && !self.url.matches('\\s')",
            ".url",
            "`url` is an address with a host, such as https://hooks.example.com/tributary",
        ),
        rule(
            "!self.url.matches('^[^/]*//[^/?#]*@')",
            ".url",
            "`url` holds a user or a password, which everybody who may read the object would see; remove it and use the signature",
        )
        .reason(Reason::FieldValueForbidden),
        rule("!self.url.contains('#')", ".url", "`url` has a fragment (`#`), which is never sent; remove it"),
        rule(
            "self.timeout.matches('^([0-9]+(ms|s|m))+$') && duration(self.timeout) >= duration('100ms') && duration(self.timeout) <= duration('30s')",
            ".timeout",
            "`timeout` is a duration from 100ms to 30s, such as 15s",
        ),
    ]
}

/// A duration from `least` to a number of days.
fn duration(field: &str, optional: bool, least: &str, days: u32) -> Rule {
    let guard = if optional { format!("!has(self.{field}) || ") } else { String::new() };
    let in_days =
        format!("int(self.{field}.replace('d', '')) >= 1 && int(self.{field}.replace('d', '')) <= {days}");
    let hours = days * 24;
    let in_parts = format!(
        "duration(self.{field}) >= duration('{least}') && duration(self.{field}) <= duration('{hours}h')"
    );
    rule(
        format!(
            "{guard}(self.{field}.matches('{DURATION}') && (self.{field}.endsWith('d') ? {in_days} : {in_parts}))"
        ),
        &format!(".{field}"),
        format!(
            "`{field}` is a duration from {least} to {days}d, such as 90m, 72h or 30d; days are not mixed with other units"
        ),
    )
}

fn bytes(field: &str, least: &str, greatest: &str) -> Rule {
    rule(
        format!(
            "self.{field}.matches('{BYTES}') && quantity(self.{field}).compareTo(quantity('{least}')) >= 0 \
             && quantity(self.{field}).compareTo(quantity('{greatest}')) <= 0"
        ),
        &format!(".{field}"),
        format!("`{field}` is a number of bytes from {least} to {greatest}, such as 512Ki, 16Mi or 1Gi"),
    )
}

/// The schema of `kafka.config`: a bounded map of bounded texts.
pub(crate) fn topic_settings(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": TOPIC_SETTINGS.len(),
        "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 64},
    })
}

#[cfg(test)]
mod tests;
