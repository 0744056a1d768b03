//! The decision about a Lease, in each state it can be found in.

use super::*;

fn held_by(holder: &str) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(holder.into()),
        lease_duration_seconds: Some(15),
        ..LeaseSpec::default()
    }
}

#[test]
fn a_missing_lease_is_created() {
    assert_eq!(decide(None, "a", Duration::ZERO), Step::Create);
}

#[test]
fn ones_own_lease_is_renewed() {
    assert_eq!(decide(Some(Some(&held_by("a"))), "a", Duration::from_secs(100)), Step::Renew);
}

#[test]
fn the_lease_of_another_is_left_alone_until_it_has_not_changed_for_its_duration() {
    let lease = held_by("b");
    assert_eq!(decide(Some(Some(&lease)), "a", Duration::from_secs(15)), Step::Wait { holder: "b".into() });
    assert_eq!(decide(Some(Some(&lease)), "a", Duration::from_secs(16)), Step::Take);
}

#[test]
fn a_lease_that_was_given_back_is_taken_at_once() {
    assert_eq!(decide(Some(Some(&LeaseSpec::default())), "a", Duration::ZERO), Step::Take);
    assert_eq!(decide(Some(None), "a", Duration::ZERO), Step::Take);
}

const PATH: &str = "/apis/coordination.k8s.io/v1/namespaces/tributary-system/leases/tributary-operator";
const DURATION: Duration = Duration::from_secs(15);

fn candidate(cluster: &crate::testing::cluster::FakeCluster, identity: &str) -> Candidate {
    Candidate::new(cluster.client(), "tributary-system", identity, DURATION)
}

#[tokio::test(start_paused = true)]
async fn a_stand_by_takes_over_as_soon_as_the_holder_gives_the_lease_back() {
    let cluster = crate::testing::cluster::FakeCluster::default();
    let (mut first, mut second) = (candidate(&cluster, "first"), candidate(&cluster, "second"));
    first.acquire(|| {}).await;
    let waiting = tokio::time::timeout(Duration::from_secs(10), second.acquire(|| {})).await;
    assert!(waiting.is_err(), "two hold the lease");
    first.release().await.unwrap();
    tokio::time::timeout(Duration::from_secs(3), second.acquire(|| {})).await.unwrap();
    assert_eq!(cluster.get(PATH).unwrap()["spec"]["holderIdentity"], "second");
    assert_eq!(cluster.get(PATH).unwrap()["spec"]["leaseTransitions"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_is_gone_is_followed_after_its_duration() {
    let cluster = crate::testing::cluster::FakeCluster::default();
    candidate(&cluster, "first").acquire(|| {}).await;
    let started = Instant::now();
    candidate(&cluster, "second").acquire(|| {}).await;
    let waited = started.elapsed();
    assert!(waited > DURATION && waited < DURATION * 2, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_holder_gives_up_when_another_holds_the_lease_or_nobody_answers() {
    let cluster = crate::testing::cluster::FakeCluster::default();
    let mut first = candidate(&cluster, "first");
    let since = first.acquire(|| {}).await;
    assert!(
        tokio::time::timeout(DURATION * 3, first.hold(since)).await.is_err(),
        "a lease that is renewed is held"
    );
    cluster.edit(PATH, |lease| lease["spec"]["holderIdentity"] = "second".into());
    assert!(matches!(first.hold(Instant::now()).await, LeaseError::Lost { holder } if holder == "second"));
    let service = tower::service_fn(|_: http::Request<kube::client::Body>| async {
        std::future::pending::<Result<http::Response<kube::client::Body>, std::convert::Infallible>>().await
    });
    let mut cut_off = Candidate::new(Client::new(service, "default"), "tributary-system", "first", DURATION);
    let started = Instant::now();
    assert!(matches!(cut_off.hold(started).await, LeaseError::Expired { .. }));
    assert!(started.elapsed() < DURATION);
}

#[tokio::test(start_paused = true)]
async fn a_holder_gives_up_before_a_stand_by_takes_over_however_late_replies_come() {
    const LATE: Duration = Duration::from_secs(6);
    let cluster = crate::testing::cluster::FakeCluster::default();
    let written = std::sync::Arc::new(std::sync::Mutex::new(Instant::now()));
    let (behind, book) = (cluster.client(), std::sync::Arc::clone(&written));
    // The first renewal is written at once and answered late; then nobody answers any more.
    let n_writes = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let (behind, book, n_writes) = (behind.clone(), book.clone(), n_writes.clone());
        async move {
            let is_write = request.method() != http::Method::GET;
            if n_writes.load(std::sync::atomic::Ordering::SeqCst) > 1 {
                return std::future::pending().await;
            }
            let reply = behind.send(request).await;
            if is_write {
                *book.lock().unwrap() = Instant::now();
                n_writes.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                tokio::time::sleep(LATE).await;
            }
            reply
        }
    });
    let mut slow = Candidate::new(Client::new(service, "default"), "tributary-system", "first", DURATION);
    let since = slow.acquire(|| {}).await;
    assert!(since.elapsed() >= LATE, "the time of the reply counts for the holder");
    assert!(matches!(slow.hold(since).await, LeaseError::Expired { .. }));
    assert!(written.lock().unwrap().elapsed() < DURATION, "a stand-by took over before");
}
