//! URLs and answers of DNS that are let through and that are not.

use super::*;

fn guard(allow_http: bool, allowed: &[&str]) -> Guard {
    let allowed_networks = allowed.iter().map(|network| (*network).to_owned()).collect();
    Guard::with_lookup(&EgressConfig { allow_http, allowed_networks }, |name| Box::pin(answer(name)))
}

/// A DNS of five names.
async fn answer(name: String) -> std::io::Result<Vec<IpAddr>> {
    let addresses: &[&str] = match name.as_str() {
        "public.example" => &["93.184.215.14", "2606:2800:21f:cb07::1"],
        "private.example" => &["10.1.2.3"],
        "both.example" => &["93.184.215.14", "169.254.169.254"],
        "mapped.example" => &["::ffff:127.0.0.1"],
        "localtest.me" => &["127.0.0.1"],
        _ => return Err(std::io::ErrorKind::NotFound.into()),
    };
    Ok(addresses.iter().map(|address| address.parse().expect("it is an address")).collect())
}

async fn resolve(guard: &Guard, name: &str) -> Result<Vec<IpAddr>, String> {
    let addresses =
        guard.resolve(name.parse().expect("it is a name")).await.map_err(|error| error.to_string())?;
    Ok(addresses.map(|address| address.ip()).collect())
}

#[test]
fn forbidden_urls_are_refused_in_every_spelling() {
    let guard = guard(false, &[]);
    for host in include_str!("tests/forbidden_hosts.txt").lines() {
        let url = format!("https://{host}/hook").parse().expect("the client understands it");
        assert!(guard.check(&url).is_err(), "{host}");
    }
    for url in [
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "data:,x",
    ] {
        let url: Url = url.parse().expect("the client understands it");
        assert_eq!(guard.check(&url), Err(Forbidden::Scheme(url.scheme().to_owned())));
    }
}

#[test]
fn public_urls_are_let_through() {
    let closed = guard(false, &[]);
    for url in [
        "https://hooks.example.com/tributary",
        "https://hooks.example.com:8443/a?b=c",
        "https://1.1.1.1/",
        "https://8.8.8.8:443/",
        "https://134744072/",
        "https://[2606:4700::1111]/",
        "https://[::ffff:8.8.8.8]/",
        "https://EXAMPLE.com./",
        "https://bücher.example/",
        "https://172.32.0.1/",
        "https://11.0.0.1/",
        "https://100.128.0.1/",
        "https://192.169.0.1/",
    ] {
        assert_eq!(closed.check(&url.parse().expect("it is a URL")), Ok(()), "{url}");
    }
    let open = guard(true, &["10.250.0.0/24", "127.0.0.1/32"]);
    for url in [
        "http://example.com/",
        "http://10.250.0.1:8090/",
        "http://127.0.0.1:1/",
        "https://[::ffff:10.250.0.9]/",
    ] {
        assert_eq!(open.check(&url.parse().expect("it is a URL")), Ok(()), "{url}");
    }
}

#[tokio::test]
async fn a_name_leads_only_to_the_addresses_that_were_checked() {
    let guard = guard(false, &[]);
    let addresses = resolve(&guard, "public.example").await.expect("both are public");
    assert_eq!(
        addresses,
        ["93.184.215.14".parse::<IpAddr>().unwrap(), "2606:2800:21f:cb07::1".parse().unwrap()]
    );
}

#[tokio::test]
async fn one_forbidden_answer_forbids_the_name() {
    let guard = guard(false, &[]);
    for (name, address) in [
        ("private.example", "10.1.2.3"),
        ("both.example", "169.254.169.254"),
        ("mapped.example", "127.0.0.1"),
        ("localtest.me", "127.0.0.1"),
    ] {
        let message = resolve(&guard, name).await.expect_err("an answer is forbidden");
        assert!(message.contains(name) && message.contains(address), "{message}");
    }
}

#[tokio::test]
async fn an_allowed_network_lets_its_names_through() {
    let guard = guard(false, &["10.1.0.0/16"]);
    assert!(resolve(&guard, "private.example").await.is_ok());
    assert!(resolve(&guard, "both.example").await.is_err());
}
