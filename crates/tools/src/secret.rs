//! Where the values of secrets are kept. How they are taken out of what comes back is told in
//! [`mainstay_core::secret::scrub`].
//!
//! A secret is looked up each time a request is written, so one that was replaced counts from the
//! next call on. What cannot be had is said by the name of the reference and the place, never with
//! anything of the value.

pub mod folder;

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use mainstay_core::secret::{Secret, SecretRef, Secrets};

pub use folder::FolderSecrets;

/// What begins the name of a variable that holds a secret.
pub const VARIABLE: &str = "MAINSTAY_SECRET_";

/// Returns the variable of a reference: `secret:crm-eu` stands for `MAINSTAY_SECRET_CRM_EU`.
#[must_use]
pub fn variable_of(reference: &SecretRef) -> String {
    format!("{VARIABLE}{}", reference.name().to_ascii_uppercase().replace(['-', '.'], "_"))
}

/// Secrets in variables of the environment, which whoever starts the program has read.
#[derive(Clone, Default)]
pub struct VariableSecrets {
    values: BTreeMap<String, Secret>,
}

impl VariableSecrets {
    /// Keeps those variables that hold secrets; the others are let go.
    #[must_use]
    pub fn new<'a>(variables: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        let secret = |(name, value): (&String, &String)| {
            (name.starts_with(VARIABLE) && !value.is_empty())
                .then(|| (name.clone(), Secret::new(value.clone())))
        };
        Self { values: variables.into_iter().filter_map(secret).collect() }
    }
}

impl fmt::Debug for VariableSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

#[async_trait]
impl Secrets for VariableSecrets {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret, String> {
        let variable = variable_of(reference);
        let value = self.values.get(&variable).cloned();
        value.ok_or_else(|| format!("`{reference}` has no value: {variable} is not set"))
    }
}

/// Several places, asked in order: the first value counts.
#[derive(Clone, Default)]
pub struct SecretChain {
    places: Vec<Arc<dyn Secrets>>,
}

impl SecretChain {
    /// Makes a chain that has nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks one more place after the others.
    #[must_use]
    pub fn then(mut self, place: Arc<dyn Secrets>) -> Self {
        self.places.push(place);
        self
    }
}

#[async_trait]
impl Secrets for SecretChain {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret, String> {
        let mut missing = Vec::new();
        for place in &self.places {
            match place.resolve(reference).await {
                Ok(secret) => return Ok(secret),
                Err(why) => missing.push(why),
            }
        }
        if missing.is_empty() {
            return Err(format!("`{reference}` has no value: nowhere to look is configured"));
        }
        Err(missing.join("; "))
    }
}

impl fmt::Debug for SecretChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretChain").field("places", &self.places.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(text: &str) -> SecretRef {
        text.to_owned().try_into().unwrap()
    }

    fn variables(pairs: &[(&str, &str)]) -> VariableSecrets {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        VariableSecrets::new(&pairs.iter().map(own).collect::<BTreeMap<_, _>>())
    }

    #[tokio::test]
    async fn a_reference_stands_for_one_variable() {
        let secrets = variables(&[("MAINSTAY_SECRET_CRM_EU", "value-1"), ("HOME", "/root")]);
        let found = secrets.resolve(&reference("secret:crm-eu")).await.unwrap();
        assert_eq!(found.expose(), "value-1");
        let missing = secrets.resolve(&reference("secret:home")).await.unwrap_err();
        assert!(missing.contains("MAINSTAY_SECRET_HOME is not set"), "{missing}");
        assert_eq!(format!("{secrets:?}"), r#"{"MAINSTAY_SECRET_CRM_EU"}"#);
    }

    #[tokio::test]
    async fn the_first_place_that_has_a_value_counts() {
        let first = variables(&[("MAINSTAY_SECRET_A", "of the first")]);
        let second =
            variables(&[("MAINSTAY_SECRET_A", "no"), ("MAINSTAY_SECRET_B", "of the second")]);
        let chain = SecretChain::new().then(Arc::new(first)).then(Arc::new(second));
        for (name, value) in [("secret:a", "of the first"), ("secret:b", "of the second")] {
            assert_eq!(chain.resolve(&reference(name)).await.unwrap().expose(), value);
        }
        assert!(chain.resolve(&reference("secret:c")).await.is_err());
        assert!(SecretChain::new().resolve(&reference("secret:a")).await.is_err());
    }
}
