//! What waits for a person, and what a decision does.

use serde_json::json;

use crate::program::Place;

fn asked(order: &str) -> Place {
    let place = Place::new();
    let input = format!("order={order}");
    let document = place.json(10, &["run", "refund", "--input", &input, "cents=9900"]);
    assert_eq!(document["waiting_for"], json!(["review"]));
    assert!(document["review_id"].as_str().unwrap().starts_with("rev_"));
    place
}

#[test]
fn an_approval_lets_the_run_go_on_and_counts_once() {
    let place = asked("A-7");
    place.run(&["runs", "resume"]).refused(5, "MS-1009", "waits for a person");
    let decided = place.json(0, &["reviews", "approve", "@last"]);
    assert_eq!((&decided["decision"], &decided["by"]), (&json!("approve"), &json!("ann")));
    let again = place.run(&["reviews", "reject", "@last", "--reason", "late"]);
    again.refused(5, "MS-6001", "was already decided: approve by ann");
    assert_eq!(place.json(0, &["runs", "resume"])["spend"]["tool_calls"], 2);
}

#[test]
fn a_rejection_is_no_payment() {
    let place = asked("A-7");
    place.json(0, &["reviews", "reject", "@last", "--reason", "too much", "--by", "bob"]);
    assert_eq!(place.json(0, &["runs", "resume"])["spend"]["tool_calls"], 1);
    let shown = place.run(&["runs", "show"]).out;
    assert!(shown.contains("bob decided") && shown.contains("too much"), "{shown}");
}

#[test]
fn a_decision_is_bound_to_what_was_shown() {
    let place = asked("A-7");
    let digest = "00".repeat(32);
    let wrong = place.run(&["reviews", "approve", "@last", "--digest", &digest]);
    wrong.refused(2, "MS-6002", "not what was shown");
    let open = place.json(0, &["reviews", "ls"]);
    let digest = open["reviews"][0]["subject_digest"].as_str().unwrap().to_owned();
    place.json(0, &["reviews", "approve", "@last", "--digest", &digest]);
    assert_eq!(place.json(0, &["reviews", "ls"])["reviews"], json!([]));
    assert_eq!(place.json(0, &["reviews", "ls", "--all"])["reviews"][0]["decision"], "approve");
}

#[test]
fn a_call_that_needs_leave_is_made_once_another_person_has_approved_it() {
    let place = Place::new();
    let rules = "[[policy.rules]]\nname = \"some\"\nverdict = \"require_approval\"\n\
                 tools = [\"pay_back\"]\nwhen = \"args.cents > 100\"\n";
    std::fs::write(place.path().join("mainstay.toml"), rules).unwrap();
    let pay = || place.json(10, &["tools", "call", "pay_back", "order=A-1", "cents=500"]);
    pay();
    place.run(&["reviews", "approve", "@last"]).refused(4, "MS-6004", "`ann` asked for this call");
    place.json(0, &["reviews", "approve", "@last", "--by", "bob"]);
    assert_eq!(place.json(0, &["runs", "resume"])["output"], 500);
    pay();
    let shown = place.json(0, &["reviews", "show"]);
    assert_eq!(shown["subject"]["arguments"], json!({ "order": "A-1", "cents": 500 }));
    assert_eq!(shown["subject"]["because"], "rule `some`");
    let similar = &shown["similar"];
    assert_eq!((&similar["approved"], &similar["refused"]), (&json!(1), &json!(0)));
    assert_eq!(similar["latest"][0]["same_arguments"], true);
    let told = place.run(&["reviews", "show"]);
    assert!(
        told.out.contains("similar  1 earlier call of this tool: 1 approved, 0 not"),
        "{told:?}"
    );
    place.json(0, &["reviews", "reject", "@last", "--reason", "twice"]);
    assert_eq!(place.json(1, &["runs", "resume"])["error"]["code"], "MS-5010");
}

#[test]
fn characters_that_cannot_be_seen_are_shown() {
    let place = asked("A-\u{202e}7");
    let shown = place.run(&["reviews", "show"]);
    assert!(shown.out.contains("A-\\u{202e}7"), "{shown:?}");
    assert!(!shown.out.contains('\u{202e}'), "{shown:?}");
    assert!(shown.err.contains("1 character cannot be seen"), "{shown:?}");
}
