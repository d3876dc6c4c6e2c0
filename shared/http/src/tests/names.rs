//! Names that resolve to several addresses, or to others each time they are asked for.

use reqwest::dns::Resolve;

use super::{
    server::{Server, Then, ok},
    *,
};
use crate::resolve::VettingResolver;

async fn resolved(
    policy: AddressPolicy,
    origin: UrlOrigin,
    names: FakeNames,
    name: &str,
) -> Result<Vec<String>, String> {
    let resolver = VettingResolver { policy, origin, lookup: Arc::new(names) };
    match resolver.resolve(name.parse().unwrap()).await {
        Ok(addresses) => Ok(addresses.map(|address| address.ip().to_string()).collect()),
        Err(error) => Err(error.to_string()),
    }
}

#[tokio::test]
async fn only_allowed_addresses_of_a_name_are_left() {
    let mixed = || FakeNames::default().with("shop.test", &[&["10.0.0.5", "93.184.216.34", "::1", "2a00:1450::1"]]);
    let found = resolved(closed(), UrlOrigin::Answer, mixed(), "shop.test").await;
    assert_eq!(found.unwrap(), ["93.184.216.34", "2a00:1450::1"]);

    let found = resolved(dev(), UrlOrigin::HubFile, mixed(), "shop.test").await;
    assert_eq!(found.unwrap(), ["93.184.216.34", "::1", "2a00:1450::1"]);

    let private = AddressPolicy::new(vec!["10.0.0.0/8".parse().unwrap()]);
    let found = resolved(private, UrlOrigin::Answer, mixed(), "shop.test").await;
    assert_eq!(found.unwrap(), ["10.0.0.5", "93.184.216.34", "2a00:1450::1"]);
}

#[tokio::test]
async fn localhost_is_loopback_whatever_the_name_service_says() {
    for name in ["localhost", "accounting.localhost", "localhost."] {
        let lying = FakeNames::default().with("localhost", &[&["93.184.216.34"]]);
        let found = resolved(dev(), UrlOrigin::HubFile, lying, name).await;
        assert_eq!(found.unwrap(), ["127.0.0.1", "::1"], "{name}");
    }
}

#[tokio::test]
async fn a_good_address_beside_a_bad_one_is_reached() {
    let server = Server::saying(ok("fine"), Then::NextRequest).await;
    let names = Arc::new(FakeNames::default().with("shop.test", &[&["10.0.0.5", "127.0.0.1"]]));
    let answer = client_asking(dev(), names).post(delivery(&server.at("shop.test"))).await.unwrap();
    assert_eq!(answer.body, b"fine");
    assert!(server.requests()[0].contains(&format!("host: shop.test:{}", server.url.port().unwrap())));
}

/// DNS rebinding: what was vetted is what is connected to, so a second answer is never asked for.
#[tokio::test]
async fn one_look_up_serves_vetting_and_connecting() {
    let server = Server::saying(ok("fine"), Then::Close).await;
    let names = Arc::new(FakeNames::default().with("rebind.test", &[&["127.0.0.1"], &["169.254.169.254"]]));
    let client = client_asking(dev(), Arc::clone(&names));
    let url = server.at("rebind.test");

    assert_eq!(client.post(delivery(&url)).await.unwrap().status, 200);
    assert_eq!(names.asked(), 1);

    // The server has closed; the next request needs a connection, a look-up and a vetting of its own.
    server::settle().await;
    let refused = client.post(delivery(&url)).await.unwrap_err();
    assert!(matches!(&refused, HttpError::AddressRefused(text) if text.contains("169.254.169.254")), "{refused:?}");
    assert_eq!(names.asked(), 2);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_connection_open_for_the_hub_file_serves_no_answer() {
    let server = Server::saying(ok("fine"), Then::NextRequest).await;
    let names = Arc::new(FakeNames::default().with("shop.test", &[&["127.0.0.1"]]));
    let client = client_asking(dev(), names);
    let url = server.at("shop.test");

    client.post(delivery(&url)).await.unwrap();
    server::settle().await;
    let refused = client.post(EndpointRequest { origin: UrlOrigin::Answer, ..delivery(&url) }).await.unwrap_err();
    assert!(matches!(refused, HttpError::AddressRefused(_)), "{refused:?}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_name_without_addresses_is_a_dns_error() {
    let names = Arc::new(FakeNames::default().with("empty.test", &[&[]]));
    let check = async |url: &str, expected: &str| {
        let error =
            client_asking(closed(), Arc::clone(&names)).post(delivery(&url.parse().unwrap())).await.unwrap_err();
        assert!(matches!(error, HttpError::Dns { .. }), "{error:?}");
        assert_eq!(error.to_string(), expected);
    };
    check("http://unknown.test/", "unknown.test could not be resolved: no such name").await;
    check("https://empty.test/?token=1", "empty.test could not be resolved: the name has no address").await;
}

/// The one test that asks the operating system, for the one name every system knows (its hosts file, not a network).
#[tokio::test]
async fn the_system_is_asked() {
    let found = crate::resolve::SystemLookup.lookup("localhost".into()).await.unwrap();
    assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
}
