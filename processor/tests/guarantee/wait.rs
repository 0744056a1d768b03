//! Wait: questions to the processor's pages, asked until the answer is there, and files that change under it.
//!
//! In: a question and a limit. Out: the answer, or a failed test that says what was seen last.
//! Not here: what the answer means.

use std::path::Path;
use std::time::{Duration, Instant};

pub(super) async fn page(port: u16, path: &str) -> (u16, String) {
    let reply = reqwest::get(format!("http://127.0.0.1:{port}{path}")).await.unwrap();
    (reply.status().as_u16(), reply.text().await.unwrap())
}

pub(super) async fn wait_for_page(port: u16, path: &str, wanted: &str) {
    until(&format!("{path} to say {wanted}"), Duration::from_secs(60), async || {
        let reply = reqwest::get(format!("http://127.0.0.1:{port}{path}")).await;
        let text = reply.map_err(chain)?.text().await.map_err(chain)?;
        if text.starts_with(wanted) { Ok(()) } else { Err(text) }
    })
    .await;
}

pub(super) fn chain(error: reqwest::Error) -> String {
    format!("{error:?}")
}

/// Asks again and again until the answer is there; the only wait of these tests, and none is without a limit.
pub(super) async fn until(
    what: &str,
    limit: Duration,
    mut question: impl AsyncFnMut() -> Result<(), String>,
) {
    let (begun, mut ticks) = (Instant::now(), tokio::time::interval(Duration::from_millis(100)));
    loop {
        ticks.tick().await;
        let Err(seen) = question().await else { return };
        assert!(begun.elapsed() < limit, "waited {limit:?} for {what}; last seen: {seen}");
    }
}

/// Writes as kubelet does: the new file takes the place of the old.
pub(super) fn write_whole(path: &Path, text: &str) {
    let fresh = path.with_extension("fresh");
    std::fs::write(&fresh, text).unwrap();
    std::fs::rename(fresh, path).unwrap();
}
