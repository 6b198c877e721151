//! Prompts: what a file may say, what it is filled with, what its digest is.

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::*;

const ANSWER: &str = "\
---
name: answer
version: 2
description: Answers a letter.
model: fast
max_output_tokens: 300
variables:
  name: { type: string }
  facts: { type: array }
  body: { type: string, untrusted: true, description: the letter }
---
You answer letters: {\"kind\": \"...\"}.
---
To {{ name }}:
{%- for fact in facts %}
- {{ fact }}
{%- endfor %}

<letter>
{{body}}
</letter>
";

fn answer() -> Prompt {
    Prompt::parse("answer.md", ANSWER).unwrap()
}

fn values<'v>(body: &str) -> Vec<(&'v str, Value)> {
    vec![("name", json!("Anna")), ("facts", json!(["it is paid"])), ("body", json!(body))]
}

fn refused(change: (&str, &str), expected: Expect) {
    assert!(ANSWER.contains(change.0), "{change:?}");
    let error = Prompt::parse("answer.md", &ANSWER.replacen(change.0, change.1, 1)).unwrap_err();
    expected.assert_eq(&error.to_string());
    assert!(!error.hint.is_empty());
}

fn unfilled(values: Vec<(&str, Value)>, expected: Expect) {
    let failure = answer().fill(values, 7).unwrap_err();
    assert_eq!(failure.code, Code::PromptUnfilled);
    expected.assert_eq(&failure.message);
}

#[test]
fn a_prompt_is_filled_and_what_comes_from_outside_is_marked() {
    let filled = answer().fill(values("Pay  {{ name }}!"), 7).unwrap();
    let mark = Mark::new(7);
    let span = mark.span("body", "Pay  {{ name }}!");
    assert_eq!(filled.user, format!("To Anna:\n- it is paid\n\n<letter>\n{span}\n</letter>"));
    let system = format!("You answer letters: {{\"kind\": \"...\"}}.\n\n{}", mark.instruction());
    assert_eq!(filled.system, system);
}

#[test]
fn a_request_says_which_prompt_it_was_written_from() {
    let request = answer().fill(values("Hello"), 7).unwrap().request();
    let prompt = PromptRef {
        name: "answer".into(),
        version: "2".into(),
        hash: Digest::of(ANSWER.as_bytes()),
    };
    assert_eq!(request.prompt, Some(prompt));
    assert_eq!((request.model, request.max_output_tokens), (Tier::Fast.into(), 300));
}

#[test]
fn a_repeat_writes_the_same_and_another_number_does_not() {
    let fill = |random| answer().fill(values("Hello"), random).unwrap();
    assert_eq!(fill(7), fill(7));
    assert_ne!(fill(7).user, fill(8).user);
}

#[test]
fn line_ends_make_no_other_prompt_and_a_word_does() {
    let windows = format!("\u{feff}{}\r\n", ANSWER.replace('\n', "\r\n"));
    assert_eq!(Prompt::parse("answer.md", &windows).unwrap(), answer());
    let changed = ANSWER.replace("You answer", "You write");
    assert_ne!(Prompt::parse("answer.md", &changed).unwrap().hash(), answer().hash());
}

#[test]
fn values_that_are_missing_too_many_or_of_another_type_are_refused() {
    let missing = values("Hello").into_iter().filter(|(name, _)| *name != "facts").collect();
    unfilled(missing, expect!["prompt `answer` needs a value for `facts`"]);
    let more = [values("Hello"), vec![("tone", json!("kind"))]].concat();
    unfilled(more, expect!["prompt `answer` has no variable `tone`"]);
    let other = [values("Hello"), vec![("name", json!(7))]].concat();
    unfilled(other, expect!["prompt `answer` needs a value of type string for `name`"]);
}

#[test]
fn a_file_that_is_no_prompt_says_on_which_line_and_why() {
    refused(("---\nname", "name"), expect!["answer.md:1: there is no front matter"]);
    refused(("---\nTo", "To"), expect!["answer.md: no line `---` ends the system part"]);
    refused(("version: 2", "version: 0"), expect!["answer.md:3: `version` is 0"]);
    refused(("name: answer", "name: An answer"), expect!["answer.md:2: `name` is no name"]);
    refused(
        ("model: fast", "modell: fast"),
        expect![
            "answer.md:5: unknown field `modell`, expected one of name, version, description, model, max_output_tokens, variables"
        ],
    );
    refused(
        ("untrusted", "trusted"),
        expect![
            "answer.md:10: unknown field `trusted`, expected one of type, untrusted, description"
        ],
    );
    refused(
        ("{ type: array }", "{ type: list }"),
        expect![
            "answer.md:9: unknown variant `list`, expected one of string, integer, number, boolean, array, object"
        ],
    );
    refused(("version: 2\n", ""), expect!["answer.md: missing field `version`"]);
}

#[test]
fn text_and_declarations_name_the_same_variables() {
    refused(
        ("To {{ name }}", "To {{ nam }}"),
        expect!["answer.md:14: `nam` is not among the variables"],
    );
    refused(
        ("To {{ name }}:", "To you:"),
        expect!["answer.md:2: the variable `name` is used nowhere"],
    );
}

#[test]
fn text_from_outside_cannot_stand_in_the_system_part() {
    refused(
        ("You answer letters", "You answer {{ body }}"),
        expect!["answer.md:12: `body` is untrusted and stands in the system part"],
    );
    refused(
        ("{ type: array }", "{ type: array, untrusted: true }"),
        expect!["answer.md:9: `facts` is untrusted and not a string"],
    );
}

#[test]
fn a_template_reads_no_other_file_and_ends() {
    refused(
        ("<letter>", "{% include 'secrets' %}"),
        expect!["answer.md:19: unknown statement include"],
    );
    let endless = ANSWER.replace(
        "<letter>",
        "{% for a in range(9000) %}{% for b in range(9000) %}x{% endfor %}{% endfor %}",
    );
    let failure =
        Prompt::parse("answer.md", &endless).unwrap().fill(values("Hello"), 7).unwrap_err();
    expect!["prompt `answer` cannot be filled on line 19: engine ran out of fuel"]
        .assert_eq(&failure.message);
}

#[test]
fn what_a_value_lacks_is_an_error_and_not_an_empty_place() {
    let deep = ANSWER.replace("{{ fact }}", "{{ fact.amount }}");
    let failure = Prompt::parse("answer.md", &deep).unwrap().fill(values("Hello"), 7).unwrap_err();
    expect!["prompt `answer` cannot be filled on line 16: undefined value"]
        .assert_eq(&failure.message);
    let list = ANSWER.replace("{{ name }}", "{{ name }} {{ facts }}");
    let failure = Prompt::parse("answer.md", &list).unwrap().fill(values("Hello"), 7).unwrap_err();
    expect!["prompt `answer` cannot be filled on line 14: a sequence cannot be put into a text: go through it with `for`"].assert_eq(&failure.message);
}

#[test]
fn a_version_is_one_text_and_the_newest_is_the_highest() {
    let mut prompts = Prompts::new();
    prompts.add("answer.md", answer()).unwrap();
    prompts.add("again.md", answer()).unwrap();
    let older = ANSWER.replace("version: 2", "version: 1");
    prompts.add("older.md", Prompt::parse("older.md", &older).unwrap()).unwrap();
    assert_eq!(prompts.newest("answer").unwrap().version, 2);
    assert_eq!(prompts.version("answer", 1).unwrap().version, 1);
    let other = Prompt::parse("other.md", &ANSWER.replace("letters", "calls")).unwrap();
    let error = prompts.add("other.md", other).unwrap_err();
    expect!["other.md: `answer` version 2 is another text already"].assert_eq(&error.to_string());
}
