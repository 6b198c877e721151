//! What is done when, and what each task is given.

use mainstay_core::{budget::Limits, label::Integrity};

use super::*;
use crate::{
    crew::{Condition, TaskStatus, work_for_each},
    testing::Seen,
};

fn two() -> Vec<Member> {
    vec![member("ann", &["look"]), member("bob", &[])]
}

#[test]
fn a_task_gets_the_outputs_of_all_before_it_and_the_crew_returns_the_last() {
    let fake = outside(echo);
    let crew = crew(two(), [task("a", "ann"), task("b", "bob"), task("c", "ann")]);
    let output = done(&fake, &crew);
    assert_eq!(output.raw, "ann did: Do the c.");
    assert_eq!(
        output.tasks.iter().map(|t| t.agent.as_str()).collect::<Vec<_>>(),
        ["ann", "bob", "ann"]
    );
    let last = opening(&fake.requests()[2]);
    assert!(last.contains("## Context: a\nann did: Do the a."), "{last}");
    assert!(last.contains("## Context: b\nbob did"), "{last}");
    assert_eq!(output.usage.total(), 45);
    assert_eq!(output.task("b").unwrap().usage.total(), 15);
}

#[test]
fn a_task_that_names_its_context_gets_that_and_nothing_else() {
    let fake = outside(echo);
    let tasks = [
        task("a", "ann"),
        task("b", "bob"),
        task("c", "ann").with_context(["b"]),
        task("d", "ann").with_context(Vec::<String>::new()),
    ];
    done(&fake, &crew(two(), tasks));
    let given = fake.requests().into_iter().map(|r| opening(&r).matches("## Context:").count());
    assert_eq!(given.collect::<Vec<_>>(), [0, 1, 1, 0]);
}

#[test]
fn tasks_alongside_know_nothing_of_each_other_and_are_waited_for() {
    let fake = outside(echo);
    let tasks = [
        task("a", "ann").alongside(),
        task("b", "bob").alongside(),
        task("c", "ann").with_context(["a", "b"]),
    ];
    let output = done(&fake, &crew(two(), tasks));
    let given = fake.requests().into_iter().map(|r| opening(&r).matches("## Context:").count());
    assert_eq!(given.collect::<Vec<_>>(), [0, 0, 2]);
    let names = output.tasks.iter().map(|task| task.name.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[test]
fn those_beside_a_task_that_fails_end_too() {
    let fake = outside(|request| match who(request).as_str() {
        "ann" => Err(Failure::permanent(Code::ModelRefused, "no")),
        _ => echo(request),
    });
    let tasks = [task("a", "ann").alongside(), task("b", "bob").alongside(), task("c", "bob")];
    let failure = fails(&fake, &crew(two(), tasks));
    assert_eq!(failure.code, Code::ModelRefused);
    assert!(failure.message.starts_with("task `a`: "), "{failure}");
    assert_eq!(fake.requests().len(), 2, "the task after them is not begun");
}

#[test]
fn a_task_whose_condition_does_not_hold_is_skipped_and_gives_nothing() {
    let fake = outside(echo);
    let risky = |word: &str| Condition::read(&json!({ "contains": word })).unwrap();
    let tasks = [
        task("a", "ann"),
        task("b", "bob").with_condition(risky("fraud")),
        task("c", "ann"),
        task("d", "bob").with_condition(risky("ann did")),
    ];
    let output = done(&fake, &crew(two(), tasks));
    let status = |name: &str| output.task(name).unwrap().status;
    assert_eq!((status("b"), status("d")), (TaskStatus::Skipped, TaskStatus::Done));
    assert_eq!(opening(&fake.requests()[1]).matches("## Context:").count(), 1);
}

#[test]
fn a_condition_may_be_a_function_in_code() {
    let fake = outside(echo);
    let condition = Condition::Code("enough".into());
    let crew = crew(two(), [task("a", "ann"), task("b", "bob").with_condition(condition)]);
    let rules = Rules::new().with_condition("enough", |outputs| outputs.len() > 1);
    let output = work(&fake, &crew, &rules).unwrap();
    assert_eq!(output.tasks[1].status, TaskStatus::Skipped);
    assert_eq!(code(&fails(&outside(echo), &crew)), Code::CrewInvalid);
}

#[test]
fn an_answer_can_be_read_as_a_type() {
    #[derive(Debug, PartialEq, serde::Deserialize, schemars::JsonSchema)]
    struct Score {
        points: u32,
    }
    let fake = outside(|_| Ok(says(r#"{"points": 7}"#)));
    let output = done(&fake, &crew(two(), [task("a", "ann").with_output::<Score>()]));
    assert_eq!(output.read::<Score>().unwrap(), Score { points: 7 });
    let never = outside(|_| Ok(says("seven")));
    let failure = fails(&never, &crew(two(), [task("a", "ann").with_output::<Score>()]));
    assert_eq!(failure.code, Code::ModelSchema);
}

#[test]
fn a_crew_works_for_each_input_and_one_that_fails_stops_no_other() {
    let fake = outside(|request| match opening(request).contains("bad") {
        true => Err(Failure::permanent(Code::ModelRefused, "no")),
        false => echo(request),
    });
    let about = |topic: &str| {
        crew(two(), [Task::new("a", format!("Report on {topic}."), "").with_agent("ann")])
    };
    let crews = [about("solar"), about("bad"), about("wind")];
    let outputs = now(work_for_each(&crews, &fake.effects(), &Rules::new())).unwrap();
    let raw = outputs.iter().map(|output| output.as_ref().map_or("-", |output| &output.raw));
    assert_eq!(
        raw.collect::<Vec<_>>(),
        ["ann did: Report on solar.", "-", "ann did: Report on wind."]
    );
}

#[test]
fn a_replay_does_a_task_and_those_after_it_again() {
    let crew = crew(two(), [task("a", "ann"), task("b", "bob"), task("c", "ann")]);
    let first = done(&outside(echo), &crew);
    let fake = outside(echo);
    let replay =
        |from: &str, outputs| now(crew.replay(fake.effects(), &Rules::new(), from, outputs));
    let again = replay("b", &first.tasks).unwrap().unwrap();
    assert_eq!(fake.requests().len(), 2);
    assert_eq!(again.tasks, first.tasks);
    let missing = replay("c", &first.tasks[..1]).unwrap().unwrap_err();
    assert!(missing.message.contains("the output of `b` is missing"), "{missing}");
    let unknown = replay("x", &first.tasks).unwrap().unwrap_err();
    assert_eq!(unknown.code, Code::CrewInvalid);
}

#[test]
fn a_crew_that_needs_what_is_out_of_reach_asks_nothing() {
    let cases = [
        (crew([member("ann", &["fly"])], [task("a", "ann")]), Code::ToolNotGranted),
        (crew(two(), [Task::new("a", "do", "")]), Code::CrewInvalid),
        (crew(two(), []), Code::CrewInvalid),
    ];
    for (crew, expected) in cases {
        let fake = outside(echo);
        assert_eq!(code(&fails(&fake, &crew)), expected);
        assert_eq!(fake.requests().len(), 0);
    }
}

#[test]
fn the_scopes_of_a_crew_nest_and_narrow() {
    let fake = outside(echo);
    let limits = Limits { model_calls: Some(9), ..Limits::none() };
    done(&fake, &crew(two(), [task("a", "ann")]).with_limits(limits));
    let opened: Vec<String> = fake
        .seen()
        .into_iter()
        .filter_map(|seen| match seen {
            Seen::Opened(scope, _) => {
                let grants: Vec<String> =
                    scope.grants.iter().flat_map(Grants::iter).map(str::to_owned).collect();
                Some(format!("{scope} {grants:?} {:?}", scope.limits.model_calls))
            }
            Seen::Model(_) | Seen::Tool { .. } | Seen::Review(_) => None,
        })
        .collect();
    assert_eq!(
        opened,
        [
            r#"crew `desk` ["look"] Some(9)"#,
            r#"task `a` ["look"] None"#,
            r#"agent `ann` ["look"] None"#
        ]
    );
}

#[test]
fn an_output_made_of_untrusted_text_stays_untrusted() {
    use crate::testing::asks;
    let fake = outside(|request| match (who(request).as_str(), turn(request)) {
        ("ann", 1) => Ok(asks([("look", json!({}))])),
        _ => echo(request),
    });
    let output = done(&fake, &crew(two(), [task("a", "ann"), task("b", "bob")]));
    assert_eq!(output.tasks[0].integrity, Integrity::Untrusted);
    assert_eq!(output.tasks[1].integrity, Integrity::Untrusted);
    let last = fake.requests();
    assert!(!opening(last.last().unwrap()).contains("ann did: Do the a."), "it is marked");
}
