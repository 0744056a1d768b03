//! Collector: where spans go and how many of them, as flags, Helm values and environment say it.
//!
//! In: an address and a share, or the variables of OpenTelemetry's specification. Out: a [`Collector`], or what is wrong with it; and the
//! variables once more, for the pods that the operator makes.
//! Not here: service name and resource attributes; the SDK reads `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` itself.

use reqwest::Url;

/// Address of the collector.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// Share of the roots that are sent.
const SHARE: &str = "OTEL_TRACES_SAMPLER_ARG";

/// Where spans go, and how many of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Collector {
    endpoint: String,
    share: f64,
}

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
    /// Reads address and share; an empty address is none.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn parse(endpoint: &str, share: &str) -> Result<Option<Self>, CollectorError> {
        let share = read_share(share)?;
        let endpoint = read_endpoint(endpoint)?;
        Ok((!endpoint.is_empty()).then_some(Self { endpoint, share }))
    }

    /// Reads the variables of OpenTelemetry's specification.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, CollectorError> {
        let endpoint = variable(ENDPOINT).unwrap_or_default();
        let share = variable(SHARE).unwrap_or_else(|| "1".to_owned());
        Self::parse(&endpoint, &share)
    }

    /// Returns the variables that say the same.
    pub fn variables(&self) -> [(&'static str, String); 4] {
        [
            (ENDPOINT, self.endpoint.clone()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf".to_owned()),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio".to_owned()),
            (SHARE, self.share.to_string()),
        ]
    }

    /// Returns the share of roots that are sent, with all that is below them.
    pub(crate) fn share(&self) -> f64 {
        self.share
    }

    /// Returns where spans are sent to, which is below the address.
    pub(crate) fn url(&self) -> String {
        format!("{}/v1/traces", self.endpoint.trim_end_matches('/'))
    }

    pub(crate) fn needs_authorities(&self) -> bool {
        !self.endpoint.starts_with("http:")
    }
}

/// Reads an address; an empty one is none.
///
/// # Errors
/// When it cannot be used.
fn read_endpoint(text: &str) -> Result<String, CollectorError> {
    let refused = || CollectorError::Endpoint(without_password(text));
    if text.is_empty() {
        return Ok(String::new());
    }
    let url = Url::parse(text).map_err(|_| refused())?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    let is_address = matches!(url.scheme(), "http" | "https") && url.host().is_some();
    if is_plain && is_address && url.query().is_none() && url.fragment().is_none() {
        Ok(text.to_owned())
    } else {
        Err(refused())
    }
}

fn read_share(text: &str) -> Result<f64, CollectorError> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| CollectorError::Share(text.to_owned()))
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
        let collector = Collector::parse("https://collector.observability:4318/otlp/", "0.25").unwrap().unwrap();
        let variables = collector.variables();
        let read = |name: &str| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| value.clone());
        assert_eq!(Collector::read(read), Ok(Some(collector.clone())));
        assert_eq!(collector.url(), "https://collector.observability:4318/otlp/v1/traces");
    }

    #[test]
    fn without_an_address_there_is_no_collector() {
        assert_eq!(Collector::read(|_| None), Ok(None));
        assert_eq!(Collector::parse("", "0.5"), Ok(None));
    }

    #[test]
    fn what_is_no_address_or_no_share_is_refused_and_a_password_is_not_repeated() {
        for wrong in ["collector:4318", "grpc://collector:4317", "http://", "http://collector:4318?a=b", "x"] {
            let error = Collector::parse(wrong, "1").unwrap_err();
            assert!(error.to_string().contains("http://collector.observability:4318"), "{wrong}: {error}");
        }
        let error = Collector::parse("http://me:s3cret@collector:4318", "1").unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
        for wrong in ["-0.1", "1.1", "NaN", "10%", ""] {
            let error = Collector::parse("http://collector:4318", wrong).unwrap_err();
            assert!(error.to_string().contains("from 0 to 1"), "{wrong}: {error}");
        }
    }
}
