//! The one question that is asked when it is unclear, and which flow an answer names.

use super::{Intents, Routed, Target};

/// Returns the question: the candidates, numbered, with what each does.
#[must_use]
pub fn question(candidates: &[Routed], targets: &[Target]) -> String {
    let about = |flow: &str| {
        let target = targets.iter().find(|target| target.flow == flow);
        target.map_or("", |target| target.description.as_str())
    };
    let lines = candidates.iter().zip(1..).map(|(candidate, number)| {
        let flow = &candidate.flow;
        format!("  {number}. {flow}: {}", about(flow)).trim_end_matches([':', ' ']).to_owned()
    });
    format!("Which of these is meant?\n{}", lines.collect::<Vec<_>>().join("\n"))
}

/// Returns the candidate that an answer names: by its number, its flow's name, or `yes` where there
/// is only one. Anything else names none.
pub(super) fn named<'c>(answer: &str, candidates: &'c [Routed]) -> Option<&'c Routed> {
    let answer = answer.trim().trim_end_matches('.').to_lowercase();
    let number = answer.parse::<usize>().ok();
    if let Some(number) = number {
        return candidates.get(number.checked_sub(1)?);
    }
    match candidates {
        [one] if matches!(answer.as_str(), "y" | "yes" | "ok") => Some(one),
        many => many.iter().find(|candidate| {
            answer == candidate.flow || answer == candidate.flow.replace('_', " ")
        }),
    }
}

impl Intents {
    /// Returns what an answer to the question chose, or `None` if it is as unclear as the request.
    #[must_use]
    pub fn chosen(answer: &str, candidates: &[Routed]) -> Option<Routed> {
        named(answer, candidates).map(Routed::by_a_person)
    }
}

impl Routed {
    /// Returns the same, chosen by a person.
    pub(super) fn by_a_person(&self) -> Self {
        let confidence = super::Confidence::declared();
        Self { confidence, by: super::By::Person, ..self.clone() }
    }
}
