//! `ask` and `prompts`, from outside.

use serde_json::json;

use crate::program::Place;

#[test]
fn a_request_that_a_rule_fits_is_shown_and_then_started() {
    let place = Place::new();
    let ask = ["ask", "say hello to Ann"];
    let shown = place.json(0, &[&ask[..], &["--dry-run"]].concat());
    assert_eq!((&shown["flow"], &shown["by"]), (&json!("greet"), &json!("rule")));
    assert_eq!(shown["input"], json!({ "name": "Ann", "times": 0 }));
    place.run(&ask).refused(2, "MS-1011", "needs a yes");
    let run = place.json(0, &[&ask[..], &["--yes"]].concat());
    assert_eq!((&run["flow"], &run["output"]), (&json!("greet"), &json!("hello Ann")));
}

#[test]
fn a_request_that_no_flow_is_like_names_the_flows() {
    let place = Place::new();
    let refused = place.run(&["ask", "what is the weather in Lisbon"]);
    refused.refused(3, "MS-1013", "greet: Greets somebody by name.");
    assert!(!place.path().join(".mainstay").exists(), "nothing was opened");
}

#[test]
fn an_unclear_request_waits_for_a_person_and_then_the_flow_runs() {
    let place = Place::new();
    let parked = place.json(10, &["ask", "greet somebody, and pay an order back", "--yes"]);
    assert_eq!(parked["waiting_for"], json!(["review"]));
    let review = place.json(0, &["reviews", "show"]);
    let candidates = review["subject"]["candidates"].as_array().unwrap();
    let place_of = candidates.iter().position(|candidate| candidate["flow"] == "greet").unwrap();
    assert_eq!(candidates[place_of]["confidence"]["value"], json!(0.0));
    let number = (place_of + 1).to_string();
    place.run(&["reviews", "respond", "@last", "--text", &number]);
    let run = place.json(0, &["runs", "resume", parked["run_id"].as_str().unwrap()]);
    assert_eq!(run["output"], json!({ "flow": "greet", "output": "hello " }));
}

const PROMPT: &str = "---\nname: hello\nversion: 1\ndescription: Says hello.\nvariables:\n  \
                      name: { type: string, untrusted: true }\n---\nBe kind.\n---\nGreet {{ name }}.\n";

#[test]
fn prompts_of_a_folder_are_listed_shown_and_compared() {
    let place = Place::new();
    let folder = place.path().join("prompts");
    std::fs::create_dir(&folder).unwrap();
    let write = |file: &str, text: String| std::fs::write(folder.join(file), text).unwrap();
    write("hello.md", PROMPT.to_owned());
    write("hello2.md", PROMPT.replace("version: 1", "version: 2").replace("Be kind", "Be brief"));
    let from = ["--from", "prompts"];
    let listed = place.json(0, &[&["prompts", "ls"][..], &from].concat());
    let listed = listed["prompts"].as_array().unwrap();
    assert_eq!((listed.len(), &listed[1]["variables"]), (2, &json!(["name"])));
    let shown = place.json(0, &[&["prompts", "show", "hello"][..], &from].concat());
    assert_eq!((&shown["version"], &shown["hash"]), (&json!(2), &listed[1]["hash"]));
    assert_eq!(shown["variables"]["name"]["untrusted"], json!(true));
    let diff = place.run(&[&["prompts", "diff", "hello@1", "hello"][..], &from].concat());
    assert!(diff.out.contains("- Be kind.\n+ Be brief.\n"), "{diff:?}");
    place.run(&[&["prompts", "show", "helo"][..], &from].concat()).refused(3, "MS-1014", "helo");
    write("hello3.md", PROMPT.replace("untrusted", "trusted"));
    let refused = place.run(&[&["prompts", "ls"][..], &from].concat());
    refused.refused(2, "MS-1105", "hello3.md:6: unknown field `trusted`");
}
