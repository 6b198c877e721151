//! The sections `[http.NAME]` and `[secrets]` as they are written: interfaces described in OpenAPI,
//! and where secrets are kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

use mainstay_core::{
    code::Code,
    secret::SecretRef,
    tool::{Control, EffectClass, Reversibility},
};
use mainstay_tools::{
    http::{Allowed, request::Credential, request::header_name},
    transport::openapi::{Interface, OperationSettings},
};
use serde::Deserialize;

use super::{
    section::{Dollar, Rate, Span},
    tool::{Attempts, BreakerSection, Effect, LabelSection, NoStatedTime, Validity},
};
use crate::cli::error::CliError;

/// `[secrets]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SecretsSection {
    pub(super) folder: Option<PathBuf>,
}

/// `[http.NAME]`. What is needed is looked for once variables have had their say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HttpSection {
    document: Option<PathBuf>,
    base_url: Option<String>,
    ca: Option<PathBuf>,
    auth: Option<Auth>,
    allow: Vec<Allowed>,
    idempotency_header: Option<String>,
    only: Vec<String>,
    operations: BTreeMap<String, OperationSection>,
}

/// Takes the sections whose names can begin a tool's name and that have what they need.
pub(super) fn named(
    sections: BTreeMap<String, HttpSection>,
) -> Result<BTreeMap<String, HttpSection>, CliError> {
    for (name, section) in &sections {
        let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        let wrong = |what: &str, hint: &str| {
            let told = CliError::new(Code::InvalidConfig, format!("http.{name}{what}"));
            Err(told.with_hint(hint))
        };
        if name.is_empty() || !name.bytes().all(plain) {
            return wrong(
                " is no name for an interface",
                "write lower-case letters, digits, `-`, `_`",
            );
        }
        if section.document.is_none() {
            return wrong(" has no document", "write `document = \"openapi.yaml\"`");
        }
        if let Some(Err(why)) = section.idempotency_header.as_deref().map(header_name) {
            return wrong(&format!(".idempotency_header: {why}"), "write `Idempotency-Key`");
        }
    }
    Ok(sections)
}

impl HttpSection {
    /// Returns where the document is.
    pub(crate) fn path(&self, folder: &Path) -> PathBuf {
        folder.join(self.document.as_deref().unwrap_or(Path::new("")))
    }

    /// Returns where certificates to believe are, beside those of the machine.
    pub(crate) fn ca(&self, folder: &Path) -> Option<PathBuf> {
        self.ca.as_deref().map(|path| folder.join(path))
    }

    /// Returns the interface that a document describes.
    pub(crate) fn interface(&self, name: &str, document: String) -> Interface {
        let mut interface = Interface::new(name, document);
        interface.base_url.clone_from(&self.base_url);
        interface.credentials = self.auth.iter().map(|auth| auth.0.clone()).collect();
        interface.egress = self.allow.iter().cloned().collect();
        interface.only.clone_from(&self.only);
        if let Some(Ok(header)) = self.idempotency_header.as_deref().map(header_name) {
            interface.idempotency_header = header;
        }
        let operations = self.operations.iter();
        interface.operations = operations.map(|(id, said)| (id.clone(), said.settings())).collect();
        interface
    }
}

/// What goes along with every request: a secret, in a header.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "WrittenAuth")]
struct Auth(Credential);

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct WrittenAuth {
    bearer: Option<SecretRef>,
    user: Option<String>,
    password: Option<SecretRef>,
    header: Option<String>,
    cookie: Option<String>,
    query: Option<String>,
    secret: Option<SecretRef>,
}

impl TryFrom<WrittenAuth> for Auth {
    type Error = String;

    fn try_from(written: WrittenAuth) -> Result<Self, String> {
        let WrittenAuth { bearer, user, password, header, cookie, query, secret } = written;
        if query.is_some() {
            return Err(
                "a key in a URL ends up in logs and histories: use `header` or `cookie`".into()
            );
        }
        let credential = match (bearer, (user, password), (header, cookie, secret)) {
            (Some(secret), (None, None), (None, None, None)) => Credential::bearer(secret),
            (None, (Some(user), Some(password)), (None, None, None)) if !user.contains(':') => {
                Credential::basic(user, password)
            }
            (None, (None, None), (Some(name), None, Some(secret))) => {
                Credential::header(&name, secret)?
            }
            (None, (None, None), (None, Some(name), Some(secret))) => {
                Credential::cookie(name, secret)?
            }
            _ => {
                let right = "write `{ bearer = \"secret:NAME\" }`, `{ user, password }`, \
                             `{ header, secret }` or `{ cookie, secret }`";
                return Err(right.to_owned());
            }
        };
        Ok(Self(credential))
    }
}

/// `[http.NAME.operations.OPERATION]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "WrittenOperation")]
struct OperationSection {
    written: WrittenOperation,
    effect: Option<EffectClass>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenOperation {
    name: Option<String>,
    description: Option<String>,
    effect: Option<Effect>,
    key_valid_for: Option<Validity>,
    reversibility: Option<Reversibility>,
    timeout: Option<Span>,
    attempts: Option<Attempts>,
    rate: Option<Rate>,
    control: Option<BTreeSet<String>>,
    approval: Option<String>,
    label: Option<LabelSection>,
    polls: bool,
    concurrency: Option<NonZeroU32>,
    breaker: Option<BreakerSection>,
    cost: Option<Dollar>,
    owner: Option<String>,
    empty_on: Vec<u16>,
}

impl TryFrom<WrittenOperation> for OperationSection {
    type Error = String;

    fn try_from(written: WrittenOperation) -> Result<Self, String> {
        if written.key_valid_for.is_some() && written.effect != Some(Effect::Idempotent) {
            return Err("`key_valid_for` needs `effect = \"idempotent\"`".to_owned());
        }
        let class = written.effect.map(|effect| effect.class(written.key_valid_for)).transpose();
        let effect = class.map_err(|NoStatedTime| {
            "say how long a key is recognised: `key_valid_for = \"24h\"` or `\"forever\"`"
                .to_owned()
        })?;
        Ok(Self { written, effect })
    }
}

impl OperationSection {
    fn settings(&self) -> OperationSettings {
        let Self { written, effect } = self.clone();
        let span = |span: Option<Span>| -> Option<Duration> { span.map(|span| span.0) };
        OperationSettings {
            name: written.name,
            description: written.description,
            effect,
            reversibility: written.reversibility,
            timeout: span(written.timeout),
            retry: written.attempts.map(|attempts| attempts.0),
            rate: written.rate.map(|rate| rate.0),
            control: written.control.map(Control::from_iter),
            approval: written.approval,
            result_label: written.label.map(LabelSection::label),
            polls: written.polls,
            concurrency: written.concurrency,
            breaker: written.breaker.map(BreakerSection::policy),
            cost: written.cost.map(|cost| cost.0),
            owner: written.owner,
            empty_on: written.empty_on,
        }
    }
}

#[cfg(test)]
mod tests;
