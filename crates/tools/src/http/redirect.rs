//! Which redirects are followed, and what of a request goes along.

use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use super::{
    failure::{Fault, Reached},
    request::Request,
    url::Scheme,
};

/// Headers that go to no other origin than they were meant for, whoever set them.
const PRIVATE: [HeaderName; 3] =
    [header::AUTHORIZATION, header::COOKIE, HeaderName::from_static("x-api-key")];

/// What an answer asks for next.
#[derive(Debug)]
pub(super) struct Next {
    /// The request to make; none if the answer is one.
    pub(super) request: Option<Request>,
    /// Whether the request that was answered may have acted.
    pub(super) acted: Reached,
}

/// A redirect that is not followed, and whether the request that was answered may have acted.
pub(super) type Refused = (Fault, Reached);

/// Returns the request that a redirect asks for, if the answer is a redirect.
///
/// A question is asked again elsewhere. A request that changes something is repeated only where
/// the answer says so without doubt (307, 308) and only at the same origin, since its body was
/// meant for nobody else; after 303 its result is fetched. What 301 and 302 mean for it depends on
/// whom one asks.
pub(super) fn next(
    request: &Request,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Next, Refused> {
    let (again, acted) = match status.as_u16() {
        301 | 302 | 303 | 307 | 308 if request.only_asks() => (true, Reached::Nobody),
        307 | 308 => (true, Reached::Nobody),
        303 => (false, Reached::Perhaps),
        301 | 302 => {
            let why = "it does not say whether the request is to be repeated";
            return Err((Fault::Redirect(why), Reached::Perhaps));
        }
        _ => return Ok(Next { request: None, acted: Reached::Perhaps }),
    };
    let refused = |why| (Fault::Redirect(why), acted);
    let location = headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
    let location = location.ok_or_else(|| refused("it does not say where to"))?;
    let url = request.url.join(location).map_err(|error| (Fault::Url(error), acted))?;
    if request.url.scheme() == Scheme::Https && url.scheme() == Scheme::Http {
        return Err(refused("it leads from https to http"));
    }
    let mut moved = Request { url, ..request.clone() };
    if !again {
        moved.method = Method::GET;
        moved.body = bytes::Bytes::new();
        moved.headers.remove(header::CONTENT_TYPE);
    }
    if !moved.url.same_origin(&request.url) {
        if !moved.body.is_empty() || !moved.only_asks() {
            return Err(refused("it would send the request to another origin"));
        }
        moved.credentials.clear();
        for name in PRIVATE {
            moved.headers.remove(name);
        }
    }
    Ok(Next { request: Some(moved), acted })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::http::{request::Credential, url::Url};

    fn request(method: Method, url: &str) -> Request {
        let secret = "secret:crm".to_owned().try_into().unwrap();
        Request::new(method, Url::parse(url).unwrap())
            .with_credential(Credential::bearer(secret))
            .with_header(header::COOKIE, HeaderValue::from_static("a=b"))
            .with_body(HeaderValue::from_static("application/json"), "{}")
    }

    fn follow(
        method: Method,
        from: &str,
        status: u16,
        to: &str,
    ) -> Result<Option<Request>, Refused> {
        let mut request = request(method, from);
        if request.only_asks() {
            request.body = bytes::Bytes::new();
        }
        let headers = HeaderMap::from_iter([(header::LOCATION, to.parse().unwrap())]);
        let status = StatusCode::from_u16(status).unwrap();
        next(&request, status, &headers).map(|next| next.request)
    }

    #[test]
    fn a_question_follows_and_leaves_its_credentials_with_the_origin() {
        for status in [301, 302, 303, 307, 308] {
            let here = follow(Method::GET, "https://a.example/", status, "/b").unwrap().unwrap();
            assert_eq!(here.credentials.len(), 1);
            let elsewhere = ["https://b.example/", "https://a.example:444/", "//c.example"];
            for to in elsewhere {
                let there = follow(Method::GET, "https://a.example/", status, to).unwrap().unwrap();
                assert!(there.credentials.is_empty(), "{to}");
                assert!(!there.headers.contains_key(header::COOKIE), "{to}");
            }
        }
    }

    #[test]
    fn a_change_is_repeated_only_where_that_is_beyond_doubt() {
        let post = |status, to| follow(Method::POST, "https://a.example/", status, to);
        let again = post(308, "/b").unwrap().unwrap();
        assert_eq!((again.method, again.body.len()), (Method::POST, 2));
        let fetched = post(303, "/done").unwrap().unwrap();
        assert_eq!((fetched.method, fetched.body.len()), (Method::GET, 0));
        assert_eq!(post(302, "/b").unwrap_err().1, Reached::Perhaps);
        assert_eq!(post(307, "https://b.example/").unwrap_err().1, Reached::Nobody);
    }

    #[test]
    fn no_redirect_leads_out_of_tls() {
        let refused = follow(Method::GET, "https://a.example/", 302, "http://a.example/");
        assert_eq!(refused.unwrap_err().0, Fault::Redirect("it leads from https to http"));
        assert!(follow(Method::GET, "http://a.example/", 302, "https://a.example/").is_ok());
    }

    #[test]
    fn other_answers_are_answers() {
        for status in [200, 204, 300, 304, 404, 500] {
            assert!(follow(Method::GET, "http://a.example/", status, "/b").unwrap().is_none());
        }
    }
}
