//! Redirects, rebinding, and what goes along.

use super::*;

/// Redirects `/0` to `/1` and so on; the last one leads elsewhere.
async fn chain(hops: usize, to: String) -> Server {
    Server::start(move |seen| {
        let at: usize = seen.line.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
        let next = if at + 1 == hops { to.clone() } else { format!("/{}", at + 1) };
        Reply::redirect(302, &next)
    })
    .await
}

#[tokio::test]
async fn every_hop_is_checked() {
    let inside = Server::start(|_| Reply::of(200, "", "the keys")).await;
    for hops in 1..=5 {
        let outside = chain(hops, inside.url("/latest/meta-data")).await;
        let request = get(&outside.url("/0"));
        let failure =
            client().send(request, &allowing(&outside), HttpLimits::default()).await.unwrap_err();
        assert!(matches!(failure.fault, Fault::NotAllowed(_)), "{hops}: {failure}");
        assert_eq!(outside.seen().len(), hops);
    }
    assert_eq!(inside.seen(), []);
}

#[tokio::test]
async fn five_redirects_are_followed_and_no_more() {
    let end = Server::start(|_| Reply::of(200, "", "the end")).await;
    for (hops, arrives) in [(5, true), (6, false)] {
        let server = chain(hops, end.url("/")).await;
        let egress = allowing(&server).allowing(end.address.to_string().parse().unwrap());
        let answer = client().send(get(&server.url("/0")), &egress, HttpLimits::default()).await;
        assert_eq!(answer.is_ok(), arrives, "{hops}");
    }
    let circle = Server::start(|_| Reply::redirect(302, "/again")).await;
    let failure = ask(&circle, get(&circle.url("/"))).await.unwrap_err();
    assert_eq!(failure.fault, Fault::Redirect("there are too many"));
    assert_eq!(circle.seen().len(), 6);
}

#[tokio::test]
async fn a_name_is_asked_for_once_and_what_it_was_checked_for_is_dialled() {
    let server = Server::start(|_| Reply::of(200, "", "public")).await;
    let names = Names::default().with("rebind.example", &[&[PUBLIC], &["127.0.0.1"]]);
    let stage = Arc::new(Stage::default().with("93.184.216.34:80", &server));
    let client = on_stage(names, &stage);
    let request = get("http://rebind.example/");
    let answer =
        client.send(request.clone(), &Egress::public(), HttpLimits::default()).await.unwrap();
    assert_eq!(answer.body, "public");
    assert_eq!(stage.dialled(), ["93.184.216.34:80"], "one look-up, one address");
    // The second request asks again, and gets what the name stands for now.
    let failure = client.send(request, &Egress::public(), HttpLimits::default()).await.unwrap_err();
    assert!(failure.to_string().contains("stands for 127.0.0.1, which is loopback"), "{failure}");
    assert_eq!(stage.dialled().len(), 1);
}

#[tokio::test]
async fn a_name_that_is_rebound_between_hops_is_refused() {
    let server = Server::start(|_| Reply::redirect(302, "http://rebind.example/next")).await;
    let names = Names::default().with("rebind.example", &[&[PUBLIC], &["169.254.169.254"]]);
    let stage = Arc::new(Stage::default().with("93.184.216.34:80", &server));
    let failure = on_stage(names, &stage)
        .send(get("http://rebind.example/"), &Egress::public(), HttpLimits::default())
        .await
        .unwrap_err();
    assert!(failure.to_string().contains("a metadata service"), "{failure}");
    assert_eq!(stage.dialled(), ["93.184.216.34:80"]);
}

#[tokio::test]
async fn a_credential_goes_to_its_origin_and_to_no_other() {
    let other = Server::start(|_| Reply::of(200, "", "")).await;
    let to = other.url("/");
    let own = Server::start(move |seen| match seen.line.contains("/away") {
        true => Reply::redirect(307, &to),
        false => Reply::redirect(307, "/away"),
    })
    .await;
    let egress = allowing(&own).allowing(other.address.to_string().parse().unwrap());
    let request = get(&own.url("/")).with_credential(Credential::bearer(crm()));
    client().send(request, &egress, HttpLimits::default()).await.unwrap();
    let sent = |server: &Server| {
        let headers = |seen: &Seen| seen.header("authorization").map(str::to_owned);
        server.seen().iter().map(headers).collect::<Vec<_>>()
    };
    let bearer = Some("Bearer canary-value-17".to_owned());
    assert_eq!(sent(&own), [bearer.clone(), bearer]);
    assert_eq!(sent(&other), [None]);
}

#[tokio::test]
async fn an_action_that_was_answered_with_a_redirect_may_have_happened() {
    let cases = [
        (303, "http://10.0.0.1/", Reached::Perhaps),
        (302, "/there", Reached::Perhaps),
        (307, "http://10.0.0.1/", Reached::Nobody),
    ];
    for (status, to, reached) in cases {
        let server = Server::start(move |_| Reply::redirect(status, to)).await;
        let request = Request::new(Method::POST, Url::parse(&server.url("/pay")).unwrap())
            .with_body("application/json".parse().unwrap(), "{}");
        let failure = ask(&server, request).await.unwrap_err();
        assert_eq!(failure.reached, reached, "{status} {to}: {failure}");
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_redirect_cannot_carry_a_secret_to_where_it_is_told() {
    let other = Server::start(|seen| Reply::of(200, "", &seen.line)).await;
    let to = other.url("/?key=CANARY-value-17");
    let own = Server::start(move |seen| match seen.line.contains("/name") {
        true => Reply::redirect(302, "http://canary-VALUE-17.localhost/"),
        false => Reply::redirect(302, &to),
    })
    .await;
    let egress = allowing(&own).allowing(other.address.to_string().parse().unwrap());
    let ask = async |path: &str| {
        let request = get(&own.url(path)).with_credential(Credential::bearer(crm()));
        client().send(request, &egress, HttpLimits::default()).await
    };
    assert_eq!(ask("/echo").await.unwrap().body, "GET /?key=[secret:crm] HTTP/1.1");
    let failure = ask("/name").await.unwrap_err();
    assert!(failure.to_string().contains("[secret:crm].localhost"), "{failure}");
}
