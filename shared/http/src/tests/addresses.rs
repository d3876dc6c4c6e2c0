//! Hostile addresses and spellings, sent through both ports. The port of every URL is that of a listener on loopback,
//! which must never see a connection.

use std::net::TcpListener;

use UrlOrigin::{Answer, HubFile};

use super::*;
use crate::target;

#[derive(Clone, Copy, Debug)]
enum Hub {
    /// Names no network.
    Closed,
    /// `crossdock dev`.
    Dev,
    /// Names every network there is, and is run by `crossdock dev`.
    Everything,
}

impl Hub {
    fn policy(self) -> AddressPolicy {
        match self {
            Self::Closed => closed(),
            Self::Dev => dev(),
            Self::Everything => {
                let all = ["0.0.0.0/0", "::/0", "127.0.0.0/8", "169.254.0.0/16", "fd00:ec2::/32"];
                AddressPolicy::new(all.map(|net| net.parse().unwrap()).to_vec()).allowing_loopback()
            }
        }
    }
}

use Hub::{Closed, Dev, Everything};

/// URL, who wrote it, the hub, and what the refusal says. "no URL": the parser refuses it, so it can never be asked for.
const REFUSED: &[(&str, UrlOrigin, Hub, &str)] = &[
    // Loopback and its spellings.
    ("http://127.0.0.1/", HubFile, Closed, "127.0.0.1 is loopback"),
    ("https://127.0.0.1/", HubFile, Closed, "loopback"),
    ("http://127.1/", HubFile, Closed, "127.0.0.1 is loopback"),
    ("http://127.0.1/", HubFile, Closed, "127.0.0.1 is loopback"),
    ("http://2130706433/", HubFile, Closed, "127.0.0.1 is loopback"),
    ("http://0x7f000001/", HubFile, Closed, "127.0.0.1 is loopback"),
    ("http://0x7f.1/", HubFile, Closed, "127.0.0.1 is loopback"),
    ("http://0X7F.0x0.0.0x1/", HubFile, Closed, "127.0.0.1 is loopback"),
    ("http://0177.0.0.1/", HubFile, Closed, "127.0.0.1 is loopback"),
    ("http://017700000001/", HubFile, Closed, "127.0.0.1 is loopback"),
    ("http://127.0.0.1./", HubFile, Closed, "127.0.0.1 is loopback"),
    ("http://127.255.255.254/", HubFile, Closed, "loopback"),
    ("http://%31%32%37.0.0.1/", HubFile, Closed, "127.0.0.1 is loopback"),
    ("http://127.0.0.1%2e/", HubFile, Closed, "127.0.0.1 is loopback"),
    ("http://\u{ff11}\u{ff12}\u{ff17}.\u{ff10}.\u{ff10}\u{ff0e}\u{ff11}/", HubFile, Closed, "127.0.0.1 is loopback"),
    ("http://\u{2460}\u{2461}\u{2466}.\u{24ea}.\u{24ea}.\u{2460}/", HubFile, Closed, "127.0.0.1 is loopback"),
    ("http://127\u{3002}0\u{3002}0\u{3002}1/", HubFile, Closed, "127.0.0.1 is loopback"),
    ("http://example.com@127.0.0.1/", HubFile, Closed, "127.0.0.1 is loopback"),
    ("http://example.com:80@127.1/#@example.com", HubFile, Closed, "127.0.0.1 is loopback"),
    ("http:\\\\127.0.0.1\\@example.com/", HubFile, Closed, "127.0.0.1 is loopback"),
    ("http:127.0.0.1", HubFile, Closed, "127.0.0.1 is loopback"),
    ("http://127.0.\n0.1\t/", HubFile, Closed, "127.0.0.1 is loopback"),
    ("HTTP://127.0.0.1/", HubFile, Closed, "127.0.0.1 is loopback"),
    ("http://localhost/", HubFile, Closed, "localhost resolves to a refused address: 127.0.0.1 is loopback"),
    ("http://LocalHost/", HubFile, Closed, "loopback"),
    ("http://localhost./", HubFile, Closed, "loopback"),
    ("http://accounting.localhost/", HubFile, Closed, "loopback"),
    ("http://a.b.LOCALHOST./", HubFile, Closed, "loopback"),
    ("http://\u{ff4c}\u{ff4f}calhost/", HubFile, Closed, "loopback"),
    ("http://[::1]/", HubFile, Closed, "::1 is loopback"),
    ("http://[0:0:0:0:0:0:0:1]/", HubFile, Closed, "::1 is loopback"),
    ("http://[0000::0.0.0.1]/", HubFile, Closed, "::1 is loopback"),
    ("http://[::ffff:127.0.0.1]/", HubFile, Closed, "::ffff:127.0.0.1 stands for 127.0.0.1, which is loopback"),
    ("http://[::ffff:7f00:1]/", HubFile, Closed, "stands for 127.0.0.1"),
    ("http://[::FFFF:7F00:0001]/", HubFile, Closed, "stands for 127.0.0.1"),
    // Loopback that `dev` opens stays closed to answers, and to the networks of the hub.
    ("http://127.0.0.1/", Answer, Dev, "open to URLs of the hub file only"),
    ("http://localhost/", Answer, Dev, "open to URLs of the hub file only"),
    ("http://2130706433/", Answer, Dev, "open to URLs of the hub file only"),
    ("http://[::1]/", Answer, Dev, "open to URLs of the hub file only"),
    ("http://[::ffff:127.0.0.1]/", Answer, Dev, "open to URLs of the hub file only"),
    ("http://127.0.0.1/", Answer, Everything, "open to URLs of the hub file only"),
    ("http://[::1]/", Answer, Everything, "open to URLs of the hub file only"),
    // Addresses that only wrap another one: no hub opens them.
    ("http://[::127.0.0.1]/", HubFile, Everything, "IPv4-compatible"),
    ("http://[::ffff:0:127.0.0.1]/", HubFile, Everything, "IPv4-translated"),
    ("http://[64:ff9b::7f00:1]/", HubFile, Everything, "64:ff9b::7f00:1 stands for 127.0.0.1, which is loopback"),
    ("http://[64:ff9b::10.0.0.1]/", HubFile, Everything, "stands for 10.0.0.1, which is private"),
    ("http://[64:ff9b::169.254.169.254]/", HubFile, Everything, "stands for 169.254.169.254"),
    ("http://[64:ff9b:1::7f00:1]/", HubFile, Everything, "local translator"),
    ("http://[2002:7f00:1::]/", HubFile, Everything, "6to4"),
    ("http://[2002:a9fe:a9fe::1]/", HubFile, Everything, "6to4"),
    ("http://[2001::1]/", HubFile, Everything, "Teredo"),
    ("http://[2001:0:4136:e378:8000:63bf:80ff:fffe]/", HubFile, Everything, "Teredo"),
    // This host, multicast, broadcast: never either.
    ("http://0.0.0.0/", HubFile, Everything, "this host"),
    ("http://0/", HubFile, Everything, "this host"),
    ("http://0.0.0.1/", HubFile, Everything, "this host"),
    ("http://0.255.255.255/", HubFile, Everything, "this host"),
    ("http://[::]/", HubFile, Everything, "unspecified"),
    ("http://[::ffff:0.0.0.0]/", HubFile, Everything, "this host"),
    ("http://224.0.0.1/", HubFile, Everything, "multicast"),
    ("http://239.255.255.250/", HubFile, Everything, "multicast"),
    ("http://[ff02::1]/", HubFile, Everything, "multicast"),
    ("http://255.255.255.255/", HubFile, Everything, "broadcast"),
    ("http://4294967295/", HubFile, Everything, "broadcast"),
    ("http://[100::1]/", HubFile, Everything, "discarded"),
    // Link-local and metadata: never.
    ("http://169.254.169.254/latest/meta-data/", HubFile, Everything, "link-local"),
    ("http://169.254.169.254/latest/meta-data/", Answer, Closed, "link-local"),
    ("http://169.254.170.2/v2/credentials", HubFile, Everything, "link-local"),
    ("http://169.254.170.23/v1/credentials", HubFile, Everything, "link-local"),
    ("http://169.254.100.1:9001/2018-06-01/runtime/invocation/next", HubFile, Everything, "link-local"),
    ("http://0xA9FEA9FE/", HubFile, Everything, "169.254.169.254 is link-local"),
    ("http://2852039166/", HubFile, Everything, "169.254.169.254 is link-local"),
    ("http://0251.0376.0251.0376/", HubFile, Everything, "169.254.169.254 is link-local"),
    ("http://[::ffff:169.254.169.254]/", HubFile, Everything, "stands for 169.254.169.254"),
    ("http://[::ffff:a9fe:a9fe]/", HubFile, Everything, "stands for 169.254.169.254"),
    ("http://[fe80::1]/", HubFile, Everything, "link-local"),
    ("http://[febf:ffff::1]/", HubFile, Everything, "link-local"),
    ("http://[fd00:ec2::254]/", HubFile, Everything, "metadata service (AWS)"),
    ("http://[fd00:ec2::23]/", HubFile, Everything, "metadata service (AWS)"),
    ("http://[fd20:ce::254]/", HubFile, Everything, "metadata service (Google Cloud)"),
    ("http://100.100.100.200/", HubFile, Everything, "metadata service (Alibaba Cloud)"),
    ("http://192.0.0.192/", HubFile, Everything, "metadata service (Oracle Cloud)"),
    ("http://168.63.129.16/", HubFile, Everything, "platform service (Azure)"),
    ("http://metadata.google.internal/computeMetadata/v1/", HubFile, Everything, "is a metadata service"),
    ("http://Metadata.Google.Internal./", HubFile, Everything, "is a metadata service"),
    ("http://\u{ff4d}etadata\u{ff0e}google.internal/", HubFile, Everything, "is a metadata service"),
    ("http://instance-data/latest/", HubFile, Everything, "is a metadata service"),
    // Private and reserved: closed unless named. `dev` opens loopback and nothing else.
    ("http://10.0.0.1/", HubFile, Dev, "10.0.0.1 is private (RFC 1918); it opens when `networks`"),
    ("http://10.0.0.1/", Answer, Closed, "private"),
    ("http://012.0.0.1/", HubFile, Closed, "10.0.0.1 is private"),
    ("http://10.1/", HubFile, Closed, "10.0.0.1 is private"),
    ("http://172.16.0.1/", HubFile, Closed, "private"),
    ("http://172.31.255.254/", HubFile, Closed, "private"),
    ("http://192.168.0.1/", HubFile, Closed, "private"),
    ("http://192.168.1/", HubFile, Closed, "192.168.0.1 is private"),
    ("http://[::ffff:192.168.0.1]/", HubFile, Closed, "stands for 192.168.0.1, which is private"),
    ("http://100.64.0.1/", HubFile, Closed, "shared address space"),
    ("http://100.127.255.255/", HubFile, Closed, "shared address space"),
    ("http://192.0.0.1/", HubFile, Closed, "IETF protocols"),
    ("http://192.0.2.1/", HubFile, Closed, "documentation"),
    ("http://192.88.99.1/", HubFile, Closed, "6to4 relays"),
    ("http://198.18.0.1/", HubFile, Closed, "benchmarks"),
    ("http://198.19.255.255/", HubFile, Closed, "benchmarks"),
    ("http://198.51.100.1/", HubFile, Closed, "documentation"),
    ("http://203.0.113.1/", HubFile, Closed, "documentation"),
    ("http://240.0.0.1/", HubFile, Closed, "reserved"),
    ("http://[fc00::1]/", HubFile, Closed, "unique local"),
    ("http://[fdff:ffff::1]/", HubFile, Dev, "unique local"),
    ("http://[fec0::1]/", HubFile, Closed, "site-local"),
    ("http://[2001:db8::1]/", HubFile, Closed, "documentation"),
    ("http://[3fff::1]/", HubFile, Closed, "documentation"),
    ("http://[2001:2::1]/", HubFile, Closed, "IETF protocols"),
    ("http://[2001:20::1]/", HubFile, Closed, "IETF protocols"),
    ("http://[5f00::1]/", HubFile, Closed, "outside global unicast"),
    ("http://[4000::1]/", HubFile, Closed, "outside global unicast"),
    ("http://[1::1]/", HubFile, Closed, "outside global unicast"),
    // Names that lead to any of these.
    ("http://private.test/", HubFile, Dev, "private.test resolves to a refused address: 10.0.0.5 is private"),
    ("http://private.test/", Answer, Closed, "private"),
    ("http://loopback.test/", HubFile, Closed, "127.0.0.1 is loopback"),
    ("http://loopback.test/", Answer, Dev, "open to URLs of the hub file only"),
    ("http://mapped.test/", HubFile, Closed, "stands for 127.0.0.1"),
    ("http://nat64.test/", HubFile, Everything, "stands for 169.254.169.254"),
    ("http://metadata.test/", HubFile, Everything, "link-local"),
    ("http://both.test/", Answer, Dev, "10.0.0.5 is private"),
    ("http://zone.test/", HubFile, Everything, "fe80::1 is link-local"),
    // Other schemes.
    ("ftp://example.com/", HubFile, Everything, "only http and https"),
    ("file:///etc/passwd", HubFile, Everything, "only http and https"),
    ("gopher://127.0.0.1:25/_HELO", HubFile, Everything, "only http and https"),
    ("data:text/plain,hello", HubFile, Everything, "only http and https"),
    ("ws://example.com/", HubFile, Everything, "only http and https"),
    ("unix:/var/run/docker.sock", HubFile, Everything, "only http and https"),
    // What the parser refuses.
    ("http://[fe80::1%25eth0]/", HubFile, Everything, "no URL"),
    ("http://[::1%lo]/", HubFile, Everything, "no URL"),
    ("http://[::ffff:127.0.0.256]/", HubFile, Everything, "no URL"),
    ("http://127.0.0.1.1/", HubFile, Everything, "no URL"),
    ("http://256.0.0.1/", HubFile, Everything, "no URL"),
    ("http://0x100000000/", HubFile, Everything, "no URL"),
    ("http://127.0.0.1%00.example.com/", HubFile, Everything, "no URL"),
    ("http:///", HubFile, Everything, "no URL"),
];

#[tokio::test]
async fn refuses_before_anything_is_sent() {
    let witness = TcpListener::bind("127.0.0.1:0").unwrap();
    witness.set_nonblocking(true).unwrap();
    let port = witness.local_addr().unwrap().port();
    let names = Arc::new(
        FakeNames::default()
            .with("private.test", &[&["10.0.0.5"]])
            .with("loopback.test", &[&["127.0.0.1"]])
            .with("mapped.test", &[&["::ffff:127.0.0.1"]])
            .with("nat64.test", &[&["64:ff9b::a9fe:a9fe"]])
            .with("metadata.test", &[&["169.254.169.254"]])
            .with("both.test", &[&["10.0.0.5", "127.0.0.1"]])
            .with("zone.test", &[&["fe80::1"]]),
    );
    let mut wrong = Vec::new();
    for &(url, origin, hub, expected) in REFUSED {
        let Ok(mut parsed) = Url::parse(url) else {
            if expected != "no URL" {
                wrong.push(format!("{url:?} is no URL, expected {expected:?}"));
            }
            continue;
        };
        let _ = parsed.set_port(Some(port));
        let asked = names.asked();
        let client = client_asking(hub.policy(), Arc::clone(&names));
        let posted =
            client.post(EndpointRequest { origin, timeout: PATIENT / 6, ..delivery(&parsed) }).await.map(|_| ());
        let mut answers = vec![posted];
        if origin == HubFile {
            answers.push(client.fetch(SourceRequest { timeout: PATIENT / 6, ..page(&parsed) }).await.map(|_| ()));
        }
        for answer in answers {
            match answer {
                Err(HttpError::AddressRefused(text)) if text.contains(expected) => {}
                other => wrong.push(format!("{url:?} from {origin:?}, {hub:?}: {other:?}, expected {expected:?}")),
            }
        }
        if !url.contains(".test") && names.asked() != asked {
            wrong.push(format!("{url:?} was looked up"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(witness.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock, "something was sent");
}

/// Allowed by the text of the URL. These are not sent: there is no network in a test.
#[test]
fn allows() {
    let check = |url: &str, origin, hub: Hub| {
        let outcome = target::vet(&hub.policy(), &url.parse().unwrap(), origin);
        assert_eq!(outcome, Ok(()), "{url:?} from {origin:?}, {hub:?}");
    };
    for url in [
        "https://example.com/",
        "http://example.com:8080/hook?x=1",
        "http://example.com\\@127.0.0.1/",
        "https://münchen.example/",
        "http://localhost.example.com/",
        "http://notlocalhost/",
        "http://127.0.0.1.example.com/",
        "http://93.184.216.34/",
        "http://9.255.255.255/",
        "http://11.0.0.0/",
        "http://100.63.255.255/",
        "http://100.128.0.0/",
        "http://126.255.255.255/",
        "http://128.0.0.0/",
        "http://169.253.255.255/",
        "http://169.255.0.0/",
        "http://172.15.255.255/",
        "http://172.32.0.0/",
        "http://192.0.1.0/",
        "http://192.167.255.255/",
        "http://192.169.0.0/",
        "http://198.17.255.255/",
        "http://198.20.0.0/",
        "http://223.255.255.255/",
        "http://[2606:2800:220:1:248:1893:25c8:1946]/",
        "http://[2a00:1450:4001:81b::200e]/",
        "http://[2001:200::1]/",
        "http://[::ffff:93.184.216.34]/",
        "http://[64:ff9b::93.184.216.34]/",
    ] {
        check(url, HubFile, Closed);
        check(url, Answer, Closed);
    }
    for url in ["http://127.0.0.1:3000/", "http://127.1/", "http://[::1]:3000/", "http://[::ffff:127.0.0.1]/"] {
        check(url, HubFile, Dev);
    }
    for url in ["http://10.0.0.1/", "http://[fd12:3456::1]/", "http://[::ffff:10.0.0.1]/", "http://192.0.2.1/"] {
        check(url, HubFile, Everything);
        check(url, Answer, Everything);
    }
}

#[test]
fn a_named_network_opens_itself_and_no_other() {
    let policy = AddressPolicy::new(vec!["10.1.0.0/16".parse().unwrap(), "fd12::/16".parse().unwrap()]);
    let check =
        |ip: &str, expected: bool| assert_eq!(policy.vet(ip.parse().unwrap(), HubFile).is_ok(), expected, "{ip}");
    check("10.1.0.0", true);
    check("10.1.255.255", true);
    check("::ffff:10.1.2.3", true);
    check("fd12::1", true);
    check("10.0.255.255", false);
    check("10.2.0.0", false);
    check("192.168.0.1", false);
    check("fd13::1", false);
    check("127.0.0.1", false);
}

/// Where loopback is open, one port of it can stay closed: the Runtime API's, for a function under test.
#[tokio::test]
async fn a_closed_port_is_closed_under_every_name() {
    let port = 9001;
    let names = Arc::new(FakeNames::default().with("shop.test", &[&["127.0.0.1"]]));
    let client = client_asking(dev().closing_port(port), Arc::clone(&names));
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "shop.test"] {
        let url: Url = format!("http://{host}:{port}/2018-06-01/runtime/invocation/next").parse().unwrap();
        let posted = client.post(delivery(&url)).await.map(drop);
        let fetched = client.fetch(page(&url)).await.map(drop);
        for refused in [posted, fetched] {
            let Err(HttpError::AddressRefused(why)) = refused else { panic!("{url}: {refused:?}") };
            assert!(why.contains("port 9001 is closed"), "{why}");
        }
    }
    assert_eq!(names.asked(), 0);
    let other: Url = format!("http://127.0.0.1:{}/", port + 1).parse().unwrap();
    assert_eq!(target::vet(&dev().closing_port(port), &other, HubFile), Ok(()));
    assert!(target::vet(&closed().closing_port(port), &other, HubFile).is_err(), "it opens nothing");
}
