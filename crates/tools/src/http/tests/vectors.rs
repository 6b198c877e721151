//! Ways around the address check, each named by what it tries; each as the first request and as
//! where a redirect leads.

use super::*;

/// What it tries, the URL, and what the name in it stands for.
type Vector = (&'static str, &'static str, &'static [&'static str]);

const WRITTEN_OUT: [Vector; 59] = [
    ("this network", "http://0.0.0.0/", &[]),
    ("this network, another host", "http://0.1.2.3/", &[]),
    ("private 10/8, its first", "http://10.0.0.0/", &[]),
    ("private 10/8, its last", "http://10.255.255.255/", &[]),
    ("private 172.16/12, its first", "http://172.16.0.1/", &[]),
    ("private 172.16/12, its last", "http://172.31.255.254/", &[]),
    ("private 192.168/16", "http://192.168.1.1/", &[]),
    ("loopback", "http://127.0.0.1/", &[]),
    ("loopback, not the usual one", "http://127.255.255.254/", &[]),
    ("loopback with a port", "http://127.0.0.1:6379/", &[]),
    ("loopback over TLS", "https://127.0.0.1/", &[]),
    ("link-local", "http://169.254.1.1/", &[]),
    ("carrier-grade NAT, its first", "http://100.64.0.1/", &[]),
    ("carrier-grade NAT, its last", "http://100.127.255.254/", &[]),
    ("protocol assignments", "http://192.0.0.1/", &[]),
    ("documentation 1", "http://192.0.2.1/", &[]),
    ("documentation 2", "http://198.51.100.1/", &[]),
    ("documentation 3", "http://203.0.113.1/", &[]),
    ("6to4 relay", "http://192.88.99.1/", &[]),
    ("benchmark, its first", "http://198.18.0.1/", &[]),
    ("benchmark, its last", "http://198.19.255.255/", &[]),
    ("multicast", "http://224.0.0.1/", &[]),
    ("multicast, its last", "http://239.255.255.255/", &[]),
    ("reserved", "http://240.0.0.1/", &[]),
    ("broadcast", "http://255.255.255.255/", &[]),
    ("metadata of most clouds", "http://169.254.169.254/latest/meta-data/", &[]),
    ("metadata of containers", "http://169.254.170.2/v2/credentials", &[]),
    ("metadata of Alibaba", "http://100.100.100.200/", &[]),
    ("metadata of Oracle", "http://192.0.0.192/", &[]),
    ("metadata of Azure's wire server", "http://168.63.129.16/", &[]),
    ("IPv6 unspecified", "http://[::]/", &[]),
    ("IPv6 loopback", "http://[::1]/", &[]),
    ("IPv6 loopback in full", "http://[0000:0000:0000:0000:0000:0000:0000:0001]/", &[]),
    ("IPv6 link-local", "http://[fe80::1]/", &[]),
    ("IPv6 link-local, its last", "http://[febf::1]/", &[]),
    ("IPv6 site-local", "http://[fec0::1]/", &[]),
    ("IPv6 unique local, fc", "http://[fc00::1]/", &[]),
    ("IPv6 unique local, fd", "http://[fd12:3456::1]/", &[]),
    ("IPv6 metadata", "http://[fd00:ec2::254]/", &[]),
    ("IPv6 metadata of Google", "http://[fd20:ce::254]/", &[]),
    ("IPv6 multicast", "http://[ff02::1]/", &[]),
    ("IPv6 documentation", "http://[2001:db8::1]/", &[]),
    ("IPv6 documentation, the new block", "http://[3fff::1]/", &[]),
    ("IPv6 benchmark", "http://[2001:2::1]/", &[]),
    ("IPv6 discard", "http://[100::1]/", &[]),
    ("IPv6 not assigned", "http://[4000::1]/", &[]),
    ("mapped loopback", "http://[::ffff:127.0.0.1]/", &[]),
    ("mapped loopback in hexadecimal", "http://[::ffff:7f00:1]/", &[]),
    ("mapped metadata", "http://[::ffff:169.254.169.254]/", &[]),
    ("mapped private", "http://[::ffff:10.0.0.1]/", &[]),
    ("compatible loopback", "http://[::127.0.0.1]/", &[]),
    ("translated (SIIT) loopback", "http://[::ffff:0:127.0.0.1]/", &[]),
    ("6to4 around loopback", "http://[2002:7f00:1::]/", &[]),
    ("6to4 around private", "http://[2002:0a00:0001::]/", &[]),
    ("Teredo around metadata", "http://[2001:0:5ef5:79fd:0:0:5601:5601]/", &[]),
    ("NAT64 around loopback", "http://[64:ff9b::7f00:1]/", &[]),
    ("NAT64 around metadata", "http://[64:ff9b::169.254.169.254]/", &[]),
    ("NAT64 around private", "http://[64:ff9b::10.0.0.1]/", &[]),
    ("local NAT64 around private", "http://[64:ff9b:1::10.0.0.1]/", &[]),
];

const DISGUISED: [Vector; 50] = [
    ("decimal", "http://2130706433/", &[]),
    ("decimal of metadata", "http://2852039166/", &[]),
    ("decimal past 32 bits", "http://6425673729/", &[]),
    ("octal", "http://0177.0.0.1/", &[]),
    ("octal in one number", "http://017700000001/", &[]),
    ("octal with many zeros", "http://0000177.0000.0000.0001/", &[]),
    ("hexadecimal", "http://0x7f000001/", &[]),
    ("hexadecimal, upper case", "http://0X7F000001/", &[]),
    ("hexadecimal in parts", "http://0x7f.0x0.0x0.0x1/", &[]),
    ("mixed bases", "http://0x7f.0.0.01/", &[]),
    ("two parts", "http://127.1/", &[]),
    ("three parts", "http://127.0.1/", &[]),
    ("five parts", "http://127.0.0.0.1/", &[]),
    ("a part past 255", "http://127.0.0.257/", &[]),
    ("zero alone", "http://0/", &[]),
    ("a leading zero", "http://127.0.0.01/", &[]),
    ("a trailing dot", "http://127.0.0.1./", &[]),
    ("a trailing dot on a name", "http://localhost./", &["127.0.0.1"]),
    ("two dots", "http://127..0.0.1/", &[]),
    ("full-width digits", "http://\u{ff11}\u{ff12}\u{ff17}.0.0.1/", &[]),
    ("circled digits", "http://\u{2460}\u{2461}\u{2466}.0.0.1/", &[]),
    ("an ideographic full stop", "http://127\u{3002}0\u{3002}0\u{3002}1/", &[]),
    ("a full-width name", "http://\u{ff4c}ocalhost/", &[]),
    ("a sharp s", "http://localho\u{df}t/", &[]),
    ("a soft hyphen", "http://local\u{ad}host/", &[]),
    ("a zero-width joiner", "http://local\u{200d}host/", &[]),
    ("a right-to-left mark", "http://\u{202e}1.0.0.721/", &[]),
    ("percent-encoded digits", "http://%31%32%37.0.0.1/", &[]),
    ("percent-encoded dots", "http://127%2e0%2e0%2e1/", &[]),
    ("percent-encoded twice", "http://%2531%2532%2537.0.0.1/", &[]),
    ("a zone id", "http://[fe80::1%25eth0]/", &[]),
    ("a zone id, not encoded", "http://[fe80::1%eth0]/", &[]),
    ("IPv6 without brackets", "http://::1/", &[]),
    ("an IPv4 address in brackets", "http://[127.0.0.1]/", &[]),
    ("IPv6 of a future version", "http://[v1.fe80::1]/", &[]),
    ("a user that looks like the host", "http://example.com@127.0.0.1/", &[]),
    ("a user with a password", "http://example.com:80@127.0.0.1/", &[]),
    ("two users", "http://a@example.com@127.0.0.1/", &[]),
    ("an encoded at sign", "http://example.com%40127.0.0.1/", &[]),
    ("a backslash for a slash", "http://example.com\\@127.0.0.1/", &[]),
    ("backslashes only", "http:\\\\127.0.0.1\\", &[]),
    ("a fragment before an at sign", "http://127.0.0.1#@example.com/", &[]),
    ("a tab in the host", "http://127.0\t.0.1/", &[]),
    ("a line feed in the host", "http://exam\nple.com/", &[]),
    ("a NUL in the host", "http://127.0.0.1\0.example.com/", &[]),
    ("a space after the host", "http://127.0.0.1 .example.com/", &[]),
    ("another request in the path", "http://example.com/ HTTP/1.1\r\nHost: evil", &[]),
    ("three slashes", "http:///127.0.0.1/", &[]),
    ("no host", "http://:80/", &[]),
    ("a port with a sign", "http://example.com:+80/", &[]),
];

const NAMED: [Vector; 26] = [
    ("localhost", "http://localhost/", &["127.0.0.1"]),
    ("localhost that claims to be public", "http://localhost/", &[PUBLIC]),
    ("localhost, upper case", "http://LOCALHOST/", &["127.0.0.1"]),
    ("below localhost", "http://a.localhost/", &[PUBLIC]),
    ("Google's metadata name", "http://metadata.google.internal/", &[PUBLIC]),
    ("Google's metadata name, mixed case", "http://Metadata.Google.Internal/", &[PUBLIC]),
    ("Google's short metadata name", "http://metadata/", &[PUBLIC]),
    ("Google's public metadata name", "http://metadata.goog/", &[PUBLIC]),
    ("Amazon's metadata name", "http://instance-data.ec2.internal/", &[PUBLIC]),
    ("a name for loopback", "http://loop.example/", &["127.0.0.1"]),
    ("a name for a private address", "http://lan.example/", &["192.168.0.7"]),
    ("a name for metadata", "http://meta.example/", &["169.254.169.254"]),
    ("a name for IPv6 loopback", "http://loop6.example/", &["::1"]),
    ("a name for mapped loopback", "http://mapped.example/", &["::ffff:127.0.0.1"]),
    ("a name for unique local", "http://ula.example/", &["fd00::1"]),
    ("a name for NAT64 of metadata", "http://nat64.example/", &["64:ff9b::a9fe:a9fe"]),
    ("a name for 6to4 of private", "http://six.example/", &["2002:a00:1::"]),
    ("a name for all hosts", "http://zero.example/", &["0.0.0.0"]),
    ("public and private together", "http://both.example/", &[PUBLIC, "10.0.0.1"]),
    ("private and public together", "http://both2.example/", &["10.0.0.1", PUBLIC]),
    ("public IPv6 and loopback", "http://both6.example/", &["2606:4700::1", "127.0.0.1"]),
    ("an address inside a name", "http://127.0.0.1.nip.example/", &["127.0.0.1"]),
    ("a name in punycode", "http://xn--local-0qa.example/", &["127.0.0.1"]),
    ("a name with an underscore", "http://a_b.example/", &["10.0.0.1"]),
    ("an internal name", "http://vault.internal:8200/", &["10.3.2.1"]),
    ("a multicast name", "http://printer.local/", &["224.0.0.251"]),
];

const SCHEMES: [Vector; 12] = [
    ("a file", "file:///etc/passwd", &[]),
    ("gopher, to speak to anything", "gopher://127.0.0.1:6379/_INFO", &[]),
    ("ftp", "ftp://example.com/", &[]),
    ("a dictionary server", "dict://127.0.0.1:11211/stats", &[]),
    ("LDAP", "ldap://127.0.0.1/", &[]),
    ("a Unix socket", "unix:///var/run/docker.sock", &[]),
    ("a Unix socket over http", "http+unix://%2Fvar%2Frun%2Fdocker.sock/info", &[]),
    ("data in the URL", "data:text/plain,hello", &[]),
    ("a script", "javascript:alert(1)", &[]),
    ("a scheme inside a scheme", "url:http://127.0.0.1/", &[]),
    ("a WebSocket", "ws://127.0.0.1/", &[]),
    ("one slash", "http:/127.0.0.1/", &[]),
];

fn all() -> impl Iterator<Item = Vector> {
    [WRITTEN_OUT.as_slice(), &DISGUISED, &NAMED, &SCHEMES].concat().into_iter()
}

fn names(vector: &Vector) -> Names {
    let (_, url, addresses) = vector;
    let host = url.split('/').nth(2).unwrap_or_default().to_lowercase();
    let host = host.split(':').next().unwrap_or_default();
    let names = Names::default();
    if addresses.is_empty() { names } else { names.with(host, &[addresses]) }
}

/// Whether the failure says that the place was refused, and not just that nobody was there.
fn is_refusal(failure: &HttpFailure) -> bool {
    matches!(failure.fault, Fault::Url(_) | Fault::NotAllowed(_) | Fault::Redirect(_))
}

/// Returns whether a vector is refused as the first request.
async fn refused_at_once(vector: &Vector) -> bool {
    let stage = Arc::new(Stage::default());
    let client = on_stage(names(vector), &stage);
    let Ok(url) = Url::parse(vector.1) else { return true };
    let request = Request::new(Method::GET, url);
    let failure = client.send(request, &Egress::public(), HttpLimits::default()).await.unwrap_err();
    is_refusal(&failure) && failure.reached == Reached::Nobody && stage.dialled().is_empty()
}

/// Returns whether a vector is refused where a public host redirects to it.
async fn refused_as_a_hop(vector: &Vector) -> bool {
    let to = vector.1.to_owned();
    let server = Server::start(move |_| Reply::redirect(302, &to)).await;
    let stage = Arc::new(Stage::default().with("93.184.216.34:8000", &server));
    let client = on_stage(names(vector), &stage);
    let request = get("http://first.example:8000/");
    match client.send(request, &Egress::public(), HttpLimits::default()).await {
        // A line feed in a header ends it, so what comes back may be no HTTP at all.
        Err(failure) => {
            let lost = matches!(failure.fault, Fault::Lost(_));
            let stayed = stage.dialled().iter().all(|dialled| dialled == "93.184.216.34:8000");
            (is_refusal(&failure) || lost) && stayed
        }
        Ok(_) => false,
    }
}

#[tokio::test]
async fn every_vector_is_refused_at_once_and_behind_a_redirect() {
    let (mut refused, mut through) = (0, Vec::new());
    for vector in all() {
        for (how, was) in [
            ("at once", refused_at_once(&vector).await),
            ("behind a redirect", refused_as_a_hop(&vector).await),
        ] {
            if was {
                refused += 1;
            } else {
                through.push(format!("{} {how}: {}", vector.0, vector.1));
            }
        }
    }
    println!("{refused} vectors refused, {} let through", through.len());
    println!("figure refused_vectors={refused} vectors");
    assert!(through.is_empty(), "let through:\n{}", through.join("\n"));
}

#[test]
fn no_vector_is_there_twice() {
    let mut names: Vec<_> = all().map(|(name, ..)| name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all().count());
}

#[tokio::test]
async fn what_is_public_is_let_through() {
    let server = Server::start(|_| Reply::of(200, "", "here")).await;
    let stage = Arc::new(Stage::default().with("93.184.216.34:80", &server));
    let client = on_stage(Names::default(), &stage);
    for url in ["http://anybody.example/", "http://93.184.216.34/"] {
        let answer = client.send(get(url), &Egress::public(), HttpLimits::default()).await.unwrap();
        assert_eq!(answer.body, "here");
    }
}
