//! What a report has to pass before it counts: checks in code, against the documents as the tools
//! gave them.
//!
//! # Why nothing of a document stands in what a check says
//!
//! An agent is told what is wrong in words that it may trust. A line of a document in them would be
//! text from outside where only the program speaks, so checks name places and no contents.

mod number;

use std::{collections::BTreeSet, sync::Arc};

use mainstay::prelude::*;
use serde_json::Value;

use self::number::numbers;
use crate::{
    folder::{Dispute, Folder, Place},
    report::{Citation, Claim, Report},
};

/// A shorter quote would stand in many lines, and says nothing of where it is from.
const SHORTEST_QUOTE: usize = 8;

/// A rule that a report may break, in several places.
type Rule = fn(&Folder, &Report) -> Vec<String>;

/// Every check, by the name that `tasks.yaml` calls it.
const CHECKS: [(&str, Rule); 3] = [
    ("quotes_stand", quotes_stand),
    ("numbers_are_cited", numbers_are_cited),
    ("disputes_are_told", disputes_are_told),
];

/// Returns the checks that the crew's tasks name, against these documents.
#[must_use]
pub fn rules(folder: &Arc<Folder>) -> Rules {
    CHECKS.into_iter().fold(Rules::new(), |rules, (name, rule)| {
        let folder = Arc::clone(folder);
        rules.with_check(name, move |_, json| {
            let report = Report::deserialize(json.unwrap_or(&Value::Null));
            let faults = rule(&folder, &report.map_err(|error| error.to_string())?);
            if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
        })
    })
}

/// Every quote stands in the line that is cited for it, and whatever needs a citation has one.
fn quotes_stand(folder: &Folder, report: &Report) -> Vec<String> {
    let mut faults = Vec::new();
    for Claim { name, citations, at_least, .. } in report.parts() {
        let lines: BTreeSet<_> = citations.iter().map(|one| (&one.document, one.line)).collect();
        if lines.len() < at_least {
            faults.push(format!("{name} cites {} lines and needs {at_least}", lines.len()));
        }
        faults.extend((1..).zip(citations).filter_map(|(number, citation)| {
            let wrong = misquoted(folder, citation)?;
            Some(format!("{name}, citation {number}: {wrong}"))
        }));
    }
    faults
}

/// Returns what is wrong with a citation, if anything is.
fn misquoted(folder: &Folder, citation: &Citation) -> Option<String> {
    let Some(document) = folder.document(&citation.document) else {
        return Some("there is no such document".to_owned());
    };
    let (name, line) = (&document.document, citation.line);
    match folder.line(name, line) {
        None => Some(format!("`{name}` has no line {line}")),
        Some(_) if citation.quote.trim().chars().count() < SHORTEST_QUOTE => {
            Some(format!("the quote is shorter than {SHORTEST_QUOTE} characters"))
        }
        Some(text) if !text.contains(citation.quote.trim()) => {
            Some(format!("the quote does not stand in line {line} of `{name}`"))
        }
        Some(_) => None,
    }
}

/// Every number stands in a line that is cited for it: none is invented, and none is calculated.
fn numbers_are_cited(folder: &Folder, report: &Report) -> Vec<String> {
    let claims = report.parts().chain([report.advice()]);
    claims.flat_map(|claim| uncited_numbers(folder, &claim)).collect()
}

fn uncited_numbers(folder: &Folder, claim: &Claim<'_>) -> Vec<String> {
    let lines = claim.citations.iter().filter_map(|one| folder.line(&one.document, one.line));
    let cited: BTreeSet<String> = lines.flat_map(numbers).collect();
    let said: BTreeSet<String> = claim.texts.iter().flat_map(|text| numbers(text)).collect();
    let unfounded = said.difference(&cited);
    unfounded.map(|number| format!("{}: `{number}` stands in no cited line", claim.name)).collect()
}

/// What documents disagree on is told: lines that say different things are cited together.
fn disputes_are_told(folder: &Folder, report: &Report) -> Vec<String> {
    let untold = folder.disputes().into_iter().filter(|dispute| {
        !report.doubts().any(|claim| dispute.values(|place| cites(&claim, place)) > 1)
    });
    untold.map(|dispute| told(&dispute)).collect()
}

fn cites(claim: &Claim<'_>, place: &Place) -> bool {
    claim.citations.iter().any(|one| one.document == place.document && one.line == place.line)
}

fn told(dispute: &Dispute) -> String {
    let place = |place: &Place| format!("`{}` line {}", place.document, place.line);
    let places: Vec<_> = dispute.places.iter().map(place).collect();
    format!(
        "documents disagree on `{}`: cite {} together in a contradiction or an open question",
        dispute.label,
        places.join(" and ")
    )
}

#[cfg(test)]
mod tests;
