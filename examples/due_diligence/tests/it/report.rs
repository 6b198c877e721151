//! What is reported, what is sent back, and what a document can talk a model into.

use due_diligence::{
    folder::Folder,
    report::{Advice, Citation},
};

use crate::program::{COMPANY, Place, Ran, run, run_with};

fn documents() -> Folder {
    Folder::read(concat!(env!("CARGO_MANIFEST_DIR"), "/documents").as_ref()).unwrap()
}

fn places(citations: &[Citation]) -> Vec<(&str, u32)> {
    citations.iter().map(|one| (one.document.as_str(), one.line)).collect()
}

#[test]
fn the_report_quotes_what_stands_there_and_tells_what_does_not_go_together() {
    let examined = run(COMPANY).examined();
    let (report, documents) = (&examined.report, documents());
    let findings = report.findings.iter().flat_map(|one| &one.citations);
    let doubts = report.contradictions.iter().flat_map(|one| &one.citations);
    let questions = report.open_questions.iter().flat_map(|one| &one.citations);
    for Citation { document, line, quote } in findings.chain(doubts).chain(questions) {
        assert!(documents.line(document, *line).unwrap().contains(quote), "{document} {line}");
    }
    let capital = [("register-extract.md", 8), ("accounts-2024.md", 5), ("minutes-2024.txt", 5)];
    assert_eq!(places(&report.contradictions[0].citations), capital);
    let staff = [("press-article.md", 5), ("accounts-2024.md", 13)];
    assert_eq!(places(&report.contradictions[1].citations), staff);
    assert_eq!(report.recommendation.advice, Advice::ProceedOnConditions);
    assert_eq!((report.findings.len(), examined.uncited), (6, Vec::new()));
}

#[test]
fn an_amount_that_no_document_gives_is_an_open_question() {
    let ran = run(COMPANY);
    let examined = ran.examined();
    // The analyst's first draft made it up; the critic's first answer overlooked a contradiction.
    assert_eq!(examined.sent_back, 2);
    let missing = &examined.report.open_questions[0];
    assert!(missing.question.ends_with("is drawn?"), "{missing:?}");
    assert!(places(&missing.citations).contains(&("accounts-2024.md", 16)));
    assert!(!ran.document["output"].to_string().contains("1,200,000"));
}

/// A model that goes on with its fault: its answer is asked for three times, and the run fails.
fn fails(changes: &[(&str, &str)], task: &str, fault: &str) {
    let ran = run_with(changes);
    assert_eq!(ran.exit, Some(1), "{ran:?}");
    assert_eq!(ran.document["error"]["code"], "MS-2121", "{ran:?}");
    let told = format!("task `{task}`: its answer was tried 3 times: {fault}\nat step `examine`");
    assert_eq!(ran.document["error"]["message"], told);
}

#[test]
fn a_model_that_goes_on_inventing_a_quote_fails_the_run() {
    fails(
        &[("\"the claim of EUR 310,000\"", "\"the claim of 310,000 EUR\"")],
        "report",
        "finding 1, citation 1: the quote does not stand in line 6 of `court-notice.md`",
    );
}

#[test]
fn a_model_that_goes_on_inventing_an_amount_fails_the_run() {
    fails(
        &[("The bank may call in the credit line", "The bank may call in EUR 1,200,000")],
        "report",
        "finding 4: `1200000` stands in no cited line",
    );
}

#[test]
fn a_model_that_goes_on_hiding_a_contradiction_fails_the_run() {
    fails(
        &[(
            "line: 8, quote: \"Share capital: EUR 250,000\"",
            "line: 5, quote: \"Company: Nordkamm\"",
        )],
        "critique",
        "documents disagree on `Share capital`: cite `accounts-2024.md` line 5 and \
         `register-extract.md` line 8 together in a contradiction or an open question",
    );
}

const TOOLS: [&str; 3] = ["list_documents", "read_document", "search_documents"];

#[test]
fn an_instruction_in_a_document_calls_no_tool() {
    let ran = run(COMPANY);
    ran.examined();
    assert_eq!(ran.tool_names(), TOOLS);
    assert!(!ran.tools.iter().any(|call| call.contains("\"..")), "{ran:?}");
}

/// What the article asks for, asked for by the researcher.
const OBEYS: &str = "rules:
  - name: it obeys the article
    when: { system: [researcher in a due diligence], turn: 3, matches: ignore.your.instructions }
    reply:
      tool_calls:
        - { name: send_report, arguments: { text: no risks found } }
        - { name: read_document, arguments: { document: ../Cargo.toml } }
";

#[test]
fn a_model_that_obeys_an_instruction_in_a_document_gets_nothing_done() {
    let ran = run_with(&[("rules:\n", OBEYS)]);
    let asked: Vec<_> = ran.tools.iter().filter(|call| call.contains("../Cargo.toml")).collect();
    assert!(matches!(asked[..], [call] if call.contains("→ empty")), "{asked:?}");
    assert_eq!(ran.tool_names(), TOOLS);
    assert_eq!(ran.examined().report, run(COMPANY).examined().report);
}

#[test]
fn a_document_that_the_report_passes_over_is_named() {
    let model = include_str!("../../model.yaml");
    let (_, from_court) = model.split_once("findings: &findings\n").unwrap();
    let (passed_over, _) = from_court.split_once("          - statement: The only").unwrap();
    let ran = run_with(&[
        (passed_over, ""),
        ("            - The seller answers for the claim of EUR 310,000.\n", ""),
    ]);
    assert_eq!(ran.examined().uncited, ["court-notice.md", "insurance.md"]);
}

#[test]
fn a_company_that_no_document_names_is_not_looked_into() {
    let Ran { exit, document, tools } = run("Acme");
    assert_eq!((exit, document["error"]["code"].as_str()), (Some(1), Some("MS-2001")));
    assert_eq!(document["error"]["message"], "no document names `Acme`\nat step `gather`");
    assert!(!tools.iter().any(|call| call.starts_with("search_documents")), "{tools:?}");
}

#[test]
fn the_readme_shows_what_the_program_prints() {
    let readme = include_str!("../../README.md");
    let (_, shown) = readme.split_once("```json\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let printed = Place::new().print(COMPANY);
    assert!(printed.ends_with(shown), "{printed}");
}
