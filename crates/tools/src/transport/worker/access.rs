//! Whether somebody is the worker it says it is.

use mainstay_core::{
    digest::Digest,
    remote::{RemoteRefusal, RemoteWorker},
    secret::{Scrub, Secret, Secrets},
};

use super::Settings;

/// A worker that is the one it says it is.
pub(super) struct Known<'a> {
    pub(super) settings: &'a Settings,
    /// Takes its token out of what it says.
    pub(super) scrub: Scrub,
}

/// Returns a worker that has shown its token.
///
/// # Errors
/// The same for a name that is not there and for a wrong token, so that names cannot be tried out;
/// or the right token cannot be had now, or is too short to be told from other text.
pub(super) async fn check<'a>(
    settings: Option<&'a Settings>,
    worker: &RemoteWorker,
    secrets: &dyn Secrets,
) -> Result<Known<'a>, RemoteRefusal> {
    let settings = settings.ok_or(RemoteRefusal::Denied)?;
    let mut scrub = Scrub::default();
    let Some(reference) = &settings.token else { return Ok(Known { settings, scrub }) };
    let shown = worker.token.as_ref().ok_or(RemoteRefusal::Denied)?;
    let right = secrets.resolve(reference).await.map_err(RemoteRefusal::NoToken)?;
    scrub.add(reference, &right).map_err(RemoteRefusal::NoToken)?;
    if same(shown, &right) { Ok(Known { settings, scrub }) } else { Err(RemoteRefusal::Denied) }
}

/// Compares digests, all of them to the end: how long it takes says nothing about the token, not
/// even how long it is.
fn same(shown: &Secret, right: &Secret) -> bool {
    let digest = |secret: &Secret| Digest::of(secret.expose().as_bytes());
    let (shown, right) = (digest(shown), digest(right));
    let differing =
        shown.as_bytes().iter().zip(right.as_bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    std::hint::black_box(differing) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_itself_is_the_token() {
        let right = Secret::new("tok-1234");
        assert!(same(&Secret::new("tok-1234"), &right));
        for wrong in ["", "tok-123", "tok-12345", "tok-1235", "Tok-1234"] {
            assert!(!same(&Secret::new(wrong), &right), "{wrong}");
        }
    }
}
