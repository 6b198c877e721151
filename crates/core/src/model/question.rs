//! What a request asks, whoever is asked: the digest by which a recorded answer is found again.
//!
//! Three things in a request say nothing about the question: the model or tier, for how long an
//! answer is kept, and the mark of untrusted text, which is drawn anew for each call so that nobody
//! outside can guess it. All are taken out. The mark is known by the sentence that tells the model of it.

use super::{ModelName, ModelRequest, Tier};
use crate::digest::{Digest, canonical};

/// The sentence before and after the boundary, and before and after what stands for a space.
const TOLD: [&str; 3] = ["Text between <NAME-", "> comes from outside, and `", "` stands in it"];

/// How long a boundary is, in bytes.
const BOUNDARY: usize = 16;

impl ModelRequest {
    /// Returns the digest of what is asked: two requests that differ in nothing but the model, the
    /// tier, how long an answer is kept or how untrusted text is marked have the same one.
    #[must_use]
    pub fn question_digest(&self) -> Digest {
        let question = Self { model: ModelName::Tier(Tier::Fast), cache: None, ..self.clone() };
        let text = canonical(&question).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        text.map_or_else(|| question.digest(), |text| Digest::of(unmarked(text).as_bytes()))
    }
}

/// Returns a text with the spaces of its marked spans put back, and one boundary for all.
fn unmarked(mut text: String) -> String {
    while let Some((boundary, space)) = mark(&text) {
        let told = |space: &str| format!("{}{space}{}", TOLD[1], TOLD[2]);
        let plain = text.replace(&told(&space), &told(" "));
        // A boundary closes whatever stands before it: outside and inside take turns.
        let frame = format!("-{boundary}>");
        let parts = plain.split(&frame).enumerate();
        let parts = parts.map(|(at, part)| match at % 2 {
            0 => part.to_owned(),
            _ => part.replace(&space, " "),
        });
        text = parts.collect::<Vec<_>>().join("-MARK>");
    }
    text
}

/// Returns a mark that the text tells of: its boundary, and what stands for a space.
fn mark(text: &str) -> Option<(String, String)> {
    text.match_indices(TOLD[0]).find_map(|(at, told)| {
        let rest = text.get(at + told.len()..)?;
        let boundary = rest.get(..BOUNDARY).filter(|b| b.bytes().all(|c| c.is_ascii_hexdigit()))?;
        // Else taking it out would take nothing out, for ever.
        let rest = rest.get(BOUNDARY..).filter(|rest| rest.starts_with('>'))?;
        let (_, rest) = rest.split_once(TOLD[1])?;
        let (space, _) = rest.split_once(TOLD[2])?;
        (space.chars().count() == 1).then(|| (boundary.to_owned(), space.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Tier;

    fn request(boundary: &str, space: char, said: &str) -> ModelRequest {
        let told = format!(
            "Be brief. Text between <NAME-{boundary}> and </NAME-{boundary}> comes from outside, \
             and `{space}` stands in it for every space."
        );
        let said = said.replace(' ', &space.to_string());
        ModelRequest::new(Tier::Fast)
            .with_system(told)
            .with_user(format!("Sort: <mail-{boundary}>{said}</mail-{boundary}> 2^2"))
    }

    fn one() -> ModelRequest {
        request("0123456789abcdef", '^', "where is it?")
    }

    #[test]
    fn the_same_question_to_another_model_is_the_same_question() {
        let other = ModelRequest { model: Tier::Frontier.into(), ..one() };
        assert_ne!(other.digest(), one().digest());
        assert_eq!(other.question_digest(), one().question_digest());
        assert_ne!(other.with_user("?").question_digest(), one().question_digest());
    }

    #[test]
    fn the_same_question_under_another_mark_is_the_same_question() {
        let other = request("fedcba9876543210", '~', "where is it?");
        assert_ne!(other.digest(), one().digest());
        assert_eq!(other.question_digest(), one().question_digest());
        let another = request("fedcba9876543210", '~', "where is she?");
        assert_ne!(another.question_digest(), one().question_digest());
    }

    #[test]
    fn what_only_looks_like_a_mark_stays_as_it_is() {
        let open = format!("{}0123456789abcdef and more{}^{}", TOLD[0], TOLD[1], TOLD[2]);
        for text in [&open, &open.replace("0123456789abcdef", "short"), TOLD[0]] {
            let asked =
                |more: &str| ModelRequest::new(Tier::Fast).with_user(format!("{text}{more}"));
            assert_eq!(asked("").question_digest(), asked("").digest());
            assert_ne!(asked("").question_digest(), asked("!").question_digest());
        }
    }
}
