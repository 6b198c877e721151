//! What is read as a URL, and where a redirect leads.

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Url {
    Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn plain_urls_are_read() {
    let url = read("HTTPS://Api.Example.com/v1/orders?page=2#top");
    assert_eq!(url.to_string(), "https://api.example.com/v1/orders?page=2");
    assert_eq!((url.port(), url.target()), (443, "/v1/orders?page=2"));
    assert_eq!(read("http://[2A00::1]:8080").to_string(), "http://[2a00::1]:8080/");
    assert_eq!(read("http://127.0.0.1:80?x=1").to_string(), "http://127.0.0.1/?x=1");
    assert_eq!(read("http://xn--bcher-kva.example").authority(), "xn--bcher-kva.example");
}

#[test]
fn what_another_reader_could_take_for_something_else_is_refused() {
    let wrong = [
        "example.com",
        "ftp://example.com",
        "http:/example.com",
        "http://",
        "http://user@example.com",
        "http://a b.example",
        "http://example.com:0",
        "http://example.com:080",
        "http://example.com:65536",
        "http://example.com:",
        "http://example.com.",
        "http://-a.example",
        "http://a..b",
        "http://1.2.3",
        "http://[::1%25eth0]",
        "http://[::1]x",
        "http://exa%6dple.com",
        "http://example.com\\@evil.example",
    ];
    for text in wrong {
        assert!(Url::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_redirect_is_read_relative_to_where_it_came_from() {
    let base = read("https://a.example/v1/list?x=1");
    let joined = |reference: &str| base.join(reference).unwrap().to_string();
    assert_eq!(joined("/other"), "https://a.example/other");
    assert_eq!(joined("next?y=2"), "https://a.example/v1/next?y=2");
    assert_eq!(joined("?y=2"), "https://a.example/v1/list?y=2");
    assert_eq!(joined("../up/./here"), "https://a.example/up/here");
    assert_eq!(joined("../../../.."), "https://a.example/");
    assert_eq!(joined("//b.example/x"), "https://b.example/x");
    assert_eq!(joined("http://c.example"), "http://c.example/");
    assert_eq!(joined(""), base.to_string());
    assert!(base.join("javascript:alert(1)").is_err());
    assert!(base.join("https:evil.example").is_err());
}

#[test]
fn dots_are_taken_out_however_they_are_written() {
    assert_eq!(read("http://a.example/x/%2e%2E/y").target(), "/y");
    assert_eq!(read("http://a.example/x/.%2e").target(), "/");
    assert_eq!(read("http://a.example/x/y/..").target(), "/x/");
    assert_eq!(read("http://a.example//double").target(), "//double");
}

proptest! {
    #[test]
    fn what_is_read_is_read_the_same_again(text in r"https?://[a-z0-9.:\[\]-]{1,12}(/[a-z.%0-9?#]{0,12})?") {
        if let Ok(url) = Url::parse(&text) {
            prop_assert_eq!(Url::parse(&url.to_string()), Ok(url));
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = Url::parse(&format!("http://{text}"));
        let _ = read("http://a.example/b").join(&text);
    }
}
