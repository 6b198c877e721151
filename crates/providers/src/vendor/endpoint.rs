//! Where a vendor is, and what opens its door.

use std::{fmt, time::Duration};

use mainstay_core::{
    code::Code,
    secret::{Scrub, Secret},
};
use reqwest::{Client, Url, redirect::Policy};

const CONNECT: Duration = Duration::from_secs(10);
const OLLAMA_PORT: u16 = 11_434;
const SILENCE: Duration = Duration::from_secs(60);

/// A secret that never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// Wraps a secret.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns what takes the secret out of what a vendor says, for vendors like to quote a wrong key
    /// back. One of a few letters could not be told from other text: it is what servers are given
    /// that need no key.
    pub(super) fn scrub(&self) -> Scrub {
        let mut scrub = Scrub::default();
        let _ = scrub.add_as("[key]", &Secret::new(self.0.as_str()));
        scrub
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// An endpoint cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointError {
    /// The address as it was given.
    pub base_url: String,
    /// What is wrong with it.
    pub problem: String,
}

impl EndpointError {
    /// Returns the stable code that people see.
    #[must_use]
    pub const fn code(&self) -> Code {
        Code::InvalidConfig
    }
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the model endpoint `{}` cannot be used: {}", self.base_url, self.problem)
    }
}

impl std::error::Error for EndpointError {}

/// Where a vendor is asked, with which key, and how long it may keep silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub(super) base: Url,
    pub(super) key: Option<Key>,
    pub(super) silence: Duration,
}

impl Endpoint {
    /// OpenAI's own address.
    pub const OPENAI: &'static str = "https://api.openai.com/v1";
    /// Anthropic's own address.
    pub const ANTHROPIC: &'static str = "https://api.anthropic.com";
    /// Google's address for Gemini.
    pub const GEMINI: &'static str = "https://generativelanguage.googleapis.com";
    /// Where Ollama listens unless told otherwise.
    pub const OLLAMA: &'static str = "127.0.0.1:11434";

    /// Makes an endpoint at a base URL, up to and without the last slash before the vendor's paths:
    /// `https://api.openai.com/v1`, `https://api.anthropic.com`.
    ///
    /// # Errors
    /// Not an `http` or `https` URL.
    pub fn new(base_url: &str) -> Result<Self, EndpointError> {
        let wrong = |problem: String| EndpointError { base_url: base_url.to_owned(), problem };
        let base = Url::parse(base_url.trim_end_matches('/')).map_err(|e| wrong(e.to_string()))?;
        match base.scheme() {
            "http" | "https" => Ok(Self { base, key: None, silence: SILENCE }),
            scheme => Err(wrong(format!("`{scheme}` is neither http nor https"))),
        }
    }

    /// Makes the endpoint of an Ollama from what its own variable `OLLAMA_HOST` may hold: a host, a
    /// host and port, or a URL. Its own language is spoken at the root: a `/v1` at the end, the door
    /// for OpenAI's language, is left out.
    ///
    /// # Errors
    /// No such address.
    pub fn ollama(host: &str) -> Result<Self, EndpointError> {
        let with_scheme =
            if host.contains("://") { host.to_owned() } else { format!("http://{host}") };
        let mut endpoint = Self::new(&with_scheme)?;
        let bare = endpoint.base.port().is_none() && endpoint.base.path() == "/";
        if bare && endpoint.base.scheme() == "http" {
            // Setting a port fails only for URLs without a host, which `http` does not have.
            let _ = endpoint.base.set_port(Some(OLLAMA_PORT));
        }
        let root =
            endpoint.base.path().trim_end_matches('/').strip_suffix("/v1").map(str::to_owned);
        if let Some(root) = root {
            endpoint.base.set_path(&root);
        }
        Ok(endpoint)
    }

    /// Sets the key that opens it.
    #[must_use]
    pub fn with_key(mut self, key: Key) -> Self {
        self.key = Some(key);
        self
    }

    /// Sets how long the vendor may keep silent, before and between the pieces of an answer.
    #[must_use]
    pub fn with_silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// Returns the address of a path below the base.
    pub(super) fn at(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", self.base.path().trim_end_matches('/')));
        url
    }

    /// Makes the client. It follows no redirect, for that would carry the key elsewhere.
    pub(super) fn client(&self) -> Result<Client, EndpointError> {
        let builder = Client::builder()
            .connect_timeout(CONNECT)
            .redirect(Policy::none())
            .user_agent(concat!("mainstay/", env!("CARGO_PKG_VERSION")));
        let builder = match self.base.scheme() {
            // Neither a proxy nor the machine's certificates matter to a server nearby.
            "http" => builder.no_proxy().tls_certs_only([]),
            _ => builder,
        };
        builder.build().map_err(|error| EndpointError {
            base_url: self.base.to_string(),
            problem: error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stand_below_the_base_with_or_without_a_slash_at_its_end() {
        for base in ["http://localhost:8080/v1", "http://localhost:8080/v1/"] {
            let endpoint = Endpoint::new(base).unwrap();
            assert_eq!(endpoint.at("models").as_str(), "http://localhost:8080/v1/models");
        }
        let rootless = Endpoint::new("https://api.anthropic.com").unwrap();
        assert_eq!(rootless.at("v1/messages").as_str(), "https://api.anthropic.com/v1/messages");
    }

    #[test]
    fn a_text_that_is_no_web_address_is_refused() {
        for wrong in ["", "localhost:8080", "ftp://host/v1"] {
            assert_eq!(Endpoint::new(wrong).unwrap_err().code(), Code::InvalidConfig, "{wrong}");
        }
    }

    #[test]
    fn an_ollama_is_found_by_any_form_of_its_variable() {
        let forms = [
            ("127.0.0.1", "http://127.0.0.1:11434/x"),
            (Endpoint::OLLAMA, "http://127.0.0.1:11434/x"),
            ("http://gpu.lan:8080/", "http://gpu.lan:8080/x"),
            ("http://gpu.lan:8080/v1", "http://gpu.lan:8080/x"),
            ("http://127.0.0.1/v1/", "http://127.0.0.1/x"),
            ("https://models.example.com/llm/v1", "https://models.example.com/llm/x"),
        ];
        for (host, expected) in forms {
            assert_eq!(Endpoint::ollama(host).unwrap().at("x").as_str(), expected, "{host}");
        }
    }

    #[test]
    fn a_key_never_prints() {
        let key = Key::new("sk-canary");
        let endpoint = Endpoint::new(Endpoint::OPENAI).unwrap().with_key(key.clone());
        assert!(!format!("{endpoint:?}").contains("canary"));
        assert_eq!(key.scrub().text("wrong key sk-canary given"), "wrong key [key] given");
        assert_eq!(Key::new("none").scrub().text("none of it"), "none of it");
    }
}
