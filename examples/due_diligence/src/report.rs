//! What the crew brings home, each part with the lines it rests on.

use mainstay::prelude::*;

/// A report on a company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// What was found, the weightiest first.
    pub findings: Vec<Finding>,
    /// Where documents say different things.
    pub contradictions: Vec<Contradiction>,
    /// What the documents do not say and a buyer has to know.
    pub open_questions: Vec<OpenQuestion>,
    /// What to do.
    pub recommendation: Recommendation,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// One sentence. Its numbers stand in the cited lines.
    pub statement: String,
    /// How much it matters to a buyer.
    pub weight: Weight,
    /// The lines it rests on, at least one.
    pub citations: Vec<Citation>,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// It may decide whether to buy.
    High,
    /// It may change the price or the terms.
    Medium,
    /// It is good to know.
    Low,
}

/// Documents that say different things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contradiction {
    /// What they disagree on, in one sentence.
    pub about: String,
    /// The lines that do not go together, at least two.
    pub citations: Vec<Citation>,
}

/// Something that the documents do not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenQuestion {
    /// The question, in one sentence. Its numbers stand in the cited lines.
    pub question: String,
    /// The lines that raise it, if any do.
    pub citations: Vec<Citation>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recommendation {
    /// The advice.
    pub advice: Advice,
    /// Why, from what is above.
    pub reasons: String,
    /// What has to be settled first.
    pub conditions: Vec<String>,
}

/// An advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// Buy.
    Proceed,
    /// Buy once the conditions are met.
    ProceedOnConditions,
    /// Leave it.
    DoNotProceed,
}

/// A line of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Citation {
    /// The document's name.
    pub document: String,
    /// The line, counted from 1.
    pub line: u32,
    /// Words of that line, exactly as they stand there.
    pub quote: String,
}

/// One thing that a report says, as checks look at it.
#[derive(Debug)]
pub(crate) struct Claim<'r> {
    /// What it is called when something is wrong with it.
    pub(crate) name: String,
    pub(crate) texts: Vec<&'r str>,
    pub(crate) citations: Vec<&'r Citation>,
    /// It needs at least so many citations.
    pub(crate) at_least: usize,
}

impl Report {
    /// Returns its findings, contradictions and open questions, each with what it cites.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Claim<'_>> {
        let findings = (1..).zip(&self.findings).map(|(number, finding)| Claim {
            name: format!("finding {number}"),
            texts: vec![finding.statement.as_str()],
            citations: finding.citations.iter().collect(),
            at_least: 1,
        });
        findings.chain(self.doubts())
    }

    /// Returns its contradictions and open questions.
    pub(crate) fn doubts(&self) -> impl Iterator<Item = Claim<'_>> {
        let contradictions = (1..).zip(&self.contradictions).map(|(number, one)| Claim {
            name: format!("contradiction {number}"),
            texts: vec![one.about.as_str()],
            citations: one.citations.iter().collect(),
            at_least: 2,
        });
        let questions = (1..).zip(&self.open_questions).map(|(number, one)| Claim {
            name: format!("open question {number}"),
            texts: vec![one.question.as_str()],
            citations: one.citations.iter().collect(),
            at_least: 0,
        });
        contradictions.chain(questions)
    }

    /// Returns its recommendation, which rests on all that is cited.
    pub(crate) fn advice(&self) -> Claim<'_> {
        let Recommendation { advice: _, reasons, conditions } = &self.recommendation;
        Claim {
            name: "the recommendation".to_owned(),
            texts: [reasons].into_iter().chain(conditions).map(String::as_str).collect(),
            citations: self.parts().flat_map(|part| part.citations).collect(),
            at_least: 0,
        }
    }

    /// Returns whether a document is cited anywhere.
    pub(crate) fn cites(&self, document: &str) -> bool {
        self.parts().flat_map(|part| part.citations).any(|one| one.document == document)
    }
}
