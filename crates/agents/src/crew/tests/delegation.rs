//! Coworkers: delegating to them and asking them.

use super::*;
use crate::{
    crew::{ASK, DELEGATE},
    testing::{Seen, asks},
};

fn to(coworker: &str) -> Value {
    json!({ "task": "look it up", "context": "it is about papers", "coworker": coworker })
}

fn question(coworker: &str) -> Value {
    json!({ "question": "how many?", "context": "papers", "coworker": coworker })
}

fn offered(request: &ModelRequest) -> Vec<&str> {
    let names = request.tools.iter().map(|offer| offer.name.as_str());
    names.filter(|name| *name != "remember").collect()
}

/// A manager over ann, who may look, and bob, who may pay.
fn managed(tasks: impl IntoIterator<Item = Task>) -> Crew {
    crew([member("ann", &["look"]), member("bob", &["pay"])], tasks)
        .with_manager(member("boss", &[]))
}

fn free(name: &str) -> Task {
    Task::new(name, format!("Get the {name} done."), "an answer")
}

/// CrewAI #4783: a manager that is to delegate does the work itself, without a bound of depth.
#[test]
fn peer_defects_q_a_manager_has_the_work_done_by_whom_it_delegates_it_to() {
    let fake = outside(|request| {
        Ok(match (who(request).as_str(), turn(request)) {
            ("boss", 1) => asks([(DELEGATE, to("The ann"))]),
            ("ann", 1) => asks([("look", json!({}))]),
            ("ann", _) => says("17 papers, looked up"),
            _ => says("there are 17"),
        })
    });
    let output = done(&fake, &managed([free("count")]));
    let [delegation] = &output.tasks[0].delegations[..] else { panic!("{output:?}") };
    assert_eq!((delegation.by.as_str(), delegation.to.as_str()), ("boss", "ann"));
    assert_eq!((delegation.skill.as_str(), delegation.outcome.as_str()), (DELEGATE, "found"));
    assert_eq!(output.tasks[0].tool_calls, 1);
    let told = |name: &str| {
        let opened = fake.seen().into_iter().find_map(|seen| match seen {
            Seen::Opened(scope, _) => Some(scope).filter(|scope| scope.name == name),
            Seen::Model(_) | Seen::Tool { .. } | Seen::Review(_) => None,
        });
        opened.unwrap().told.len()
    };
    assert_eq!((told("boss"), told("ann")), (2, 0), "what a model hands on is no author's word");
    assert_eq!(output.usage.total(), 60, "the delegate's turns are counted");
    assert_eq!(offered(&fake.requests()[0]), [DELEGATE, ASK], "a manager has it done");
}

#[test]
fn peer_defects_q_work_is_handed_on_only_so_often() {
    // Everybody hands on whatever they can.
    let endless = || {
        outside(|request| {
            let other = if who(request) == "ann" { "The bob" } else { "The ann" };
            Ok(match (offered(request).contains(&DELEGATE), turn(request)) {
                (true, 1) => asks([(DELEGATE, to(other))]),
                _ => says("done"),
            })
        })
    };
    for most in [0, 1, 2, 5] {
        let members = ["ann", "bob"].map(|name| member(name, &[]).with_delegation());
        let crew = Crew { delegations: most, ..crew(members, [task("a", "ann")]) };
        let handed_on = done(&endless(), &crew).tasks[0].delegations.len();
        assert_eq!(u32::try_from(handed_on), Ok(most));
    }
}

#[test]
fn several_coworkers_are_asked_at_once_and_found_whatever_the_case() {
    let fake = outside(|request| {
        Ok(match (who(request).as_str(), turn(request)) {
            ("boss", 1) => asks([(ASK, question("  the   ANN ")), (ASK, question("\"bob\""))]),
            ("boss", _) => says("asked both"),
            (name, _) => says(format!("{name} answers")),
        })
    });
    let output = done(&fake, &managed([free("count")]));
    let asked = output.tasks[0].delegations.iter().map(|asked| asked.to.as_str());
    assert_eq!(asked.collect::<Vec<_>>(), ["ann", "bob"]);
    let told = said(fake.requests().last().unwrap());
    assert!(told.contains("ann") && told.contains("bob"), "{told}");
}

#[test]
fn an_unknown_coworker_is_a_typed_failure_that_lists_those_there_are() {
    let fake = outside(|request| {
        Ok(match (who(request).as_str(), turn(request)) {
            ("boss", 1) => asks([(DELEGATE, to("The zoe"))]),
            _ => says("nobody there"),
        })
    });
    let output = done(&fake, &managed([free("count")]));
    let trouble = &output.tasks[0].tool_failures[0];
    assert_eq!((trouble.tool.as_str(), trouble.outcome.as_str()), (DELEGATE, "failed"));
    assert!(
        trouble.told.contains("there is no coworker `The zoe`; there is `The ann` and `The bob`"),
        "{trouble:?}"
    );
    assert_eq!(output.tasks[0].delegations[0].outcome, "failed");
}

#[test]
fn a_delegate_that_fails_is_a_failure_to_whoever_asked() {
    let fake = outside(|request| match (who(request).as_str(), turn(request)) {
        ("boss", 1) => Ok(asks([(DELEGATE, to("The ann"))])),
        ("boss", _) => Ok(says("ann could not do it")),
        _ => Err(Failure::permanent(Code::ModelRefused, "the model refuses")),
    });
    let output = done(&fake, &managed([free("count")]));
    assert_eq!(output.tasks[0].tool_failures[0].tool, DELEGATE);
    assert!(output.tasks[0].tool_failures[0].told.contains("the model refuses"));
}

#[test]
fn a_task_of_somebody_is_handed_to_nobody_else() {
    let fake = outside(|request| {
        Ok(match (who(request).as_str(), turn(request)) {
            ("boss", 1) => asks([(DELEGATE, to("The bob"))]),
            _ => says("so be it"),
        })
    });
    let output = done(&fake, &managed([task("count", "ann")]));
    assert!(output.tasks[0].tool_failures[0].told.contains("there is `The ann`"));
}

/// `security.md` T2.
#[test]
fn agents_of_a_crew_never_see_each_others_tools() {
    let fake = outside(|request| match (who(request).as_str(), turn(request)) {
        ("ann", 1) => Ok(asks([("pay", json!({}))])),
        _ => echo(request),
    });
    let crew = crew(
        [member("ann", &["look"]), member("bob", &["pay"])],
        [task("a", "ann"), task("b", "bob")],
    );
    let output = done(&fake, &crew);
    assert_eq!(fake.called(), []);
    assert_eq!(output.tasks[0].tool_failures[0].outcome, "denied");
    let requests = fake.requests();
    assert_eq!((offered(&requests[0]), offered(&requests[2])), (vec!["look"], vec!["pay"]));
}

/// `security.md` T2: a delegate's grants are a subset of the delegator's.
#[test]
fn nobody_reaches_a_tool_through_a_coworker_that_it_may_not_call_itself() {
    let fake = outside(|request| {
        Ok(match (who(request).as_str(), turn(request)) {
            ("ann", 1) => asks([(DELEGATE, to("The bob"))]),
            ("bob", 1) => asks([("pay", json!({}))]),
            _ => says("tried"),
        })
    });
    let ann = member("ann", &["look"]).with_delegation();
    let output = done(&fake, &crew([ann, member("bob", &["look", "pay"])], [task("a", "ann")]));
    assert_eq!(fake.called(), [], "the delegate may look, as ann may, and nothing more");
    let bob = fake.requests().into_iter().find(|request| who(request) == "bob").unwrap();
    assert_eq!(offered(&bob), ["look"]);
    assert_eq!(output.tasks[0].tool_failures[0].tool, "pay", "the delegate's trouble is told too");
}

#[test]
fn an_agent_alone_is_offered_no_coworker() {
    let fake = outside(echo);
    done(&fake, &crew([member("ann", &[]), member("bob", &[])], [task("a", "ann")]));
    assert_eq!(offered(&fake.requests()[0]), Vec::<&str>::new());
}
