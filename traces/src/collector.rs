//! Collector: where spans go and how many of them, as flags, Helm values and environment say it.
//!
//! In: an address and a share, or the variables of OpenTelemetry's specification. Out: a [`Collector`], or what is wrong with it; and the
//! variables once more, for the pods that the operator makes.
//! Not here: service name and resource attributes; the SDK reads `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` itself.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

/// Variable with the address of the collector.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// Variable with the share of the roots that are sent.
const SHARE: &str = "OTEL_TRACES_SAMPLER_ARG";

/// Where spans go, and how many of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Collector {
    /// Where.
    pub endpoint: Endpoint,
    /// How many.
    pub share: Share,
}

/// Address of a collector's OTLP receiver over HTTP; `/v1/traces` is below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(String);

/// Share of the roots that are sent, each with all that is below it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(pub(crate) f64);

/// Why a collector cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CollectorError {
    /// No address.
    #[error(
        "`{0}` must be the address of a collector's OTLP receiver over HTTP, `http://` or `https://`, without user and password, for example `http://collector.observability:4318`"
    )]
    Endpoint(String),
    /// No share.
    #[error("`{0}` must be the share of looks and batches that are traced, from 0 to 1, for example 0.1")]
    Share(String),
}

impl Collector {
    /// Reads the variables of OpenTelemetry's specification; without an address there is no collector.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, CollectorError> {
        let Some(endpoint) = variable(ENDPOINT) else { return Ok(None) };
        let share = variable(SHARE).map_or(Ok(Share(1.0)), |share| share.parse())?;
        Ok(Some(Self { endpoint: endpoint.parse()?, share }))
    }

    /// Returns the variables that say the same.
    pub fn variables(&self) -> [(&'static str, String); 4] {
        [
            (ENDPOINT, self.endpoint.0.clone()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf".to_owned()),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio".to_owned()),
            (SHARE, self.share.to_string()),
        ]
    }
}

impl Endpoint {
    pub(crate) fn traces(&self) -> String {
        format!("{}/v1/traces", self.0.trim_end_matches('/'))
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        !self.0.starts_with("http:")
    }
}

impl FromStr for Endpoint {
    type Err = CollectorError;

    fn from_str(text: &str) -> Result<Self, CollectorError> {
        let is_address = Url::parse(text).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        });
        if is_address {
            Ok(Self(text.to_owned()))
        } else {
            Err(CollectorError::Endpoint(without_password(text)))
        }
    }
}

impl FromStr for Share {
    type Err = CollectorError;

    fn from_str(text: &str) -> Result<Self, CollectorError> {
        let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
        share.map(Self).ok_or_else(|| CollectorError::Share(text.to_owned()))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A password in the address must not get into a log.
fn without_password(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_to_a_pod_is_what_the_pod_reads() {
        let endpoint = "https://collector.observability:4318/otlp/".parse().unwrap();
        let collector = Collector { endpoint, share: "0.25".parse().unwrap() };
        let variables = collector.variables();
        let read = |name: &str| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| value.clone());
        assert_eq!(Collector::read(read), Ok(Some(collector.clone())));
        assert_eq!(collector.endpoint.traces(), "https://collector.observability:4318/otlp/v1/traces");
    }

    #[test]
    fn without_an_address_there_is_no_collector() {
        assert_eq!(Collector::read(|name| (name == SHARE).then(|| "0.5".to_owned())), Ok(None));
    }

    #[test]
    fn what_is_no_address_or_no_share_is_refused_and_a_password_is_not_repeated() {
        for wrong in ["collector:4318", "grpc://collector:4317", "http://", "http://collector:4318?a=b", ""] {
            let error = wrong.parse::<Endpoint>().unwrap_err();
            assert!(error.to_string().contains("http://collector.observability:4318"), "{wrong}: {error}");
        }
        let error = "http://me:s3cret@collector:4318".parse::<Endpoint>().unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
        for wrong in ["-0.1", "1.1", "NaN", "10%", ""] {
            let error = wrong.parse::<Share>().unwrap_err();
            assert!(error.to_string().contains("from 0 to 1"), "{wrong}: {error}");
        }
    }
}
