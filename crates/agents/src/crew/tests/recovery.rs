//! A crew whose process dies.

use super::*;
use crate::{
    crew::{DELEGATE, Demand},
    testing::{Seen, asks},
};

/// Four tasks: two alongside, one that is delegated, one that is sent back and reviewed.
fn four() -> Crew {
    let tasks = [
        task("a", "ann").alongside(),
        task("b", "bob").alongside(),
        task("c", "cat"),
        task("d", "ann").with_guardrail(Demand::Check("long".into())).with_review(),
    ];
    let cat = member("cat", &["look", "pay"]).with_delegation();
    crew([member("ann", &["look"]), member("bob", &["pay"]), cat], tasks)
}

fn rules() -> Rules {
    Rules::new().with_check("long", |text, _| {
        (text.len() > 9).then_some(()).ok_or_else(|| "it is too short".to_owned())
    })
}

fn model(request: &ModelRequest) -> Result<ModelReply, Failure> {
    let task = opening(request).lines().next().unwrap_or_default().to_owned();
    Ok(match (task.as_str(), who(request).as_str(), turn(request)) {
        ("Do the a.", _, 1) => asks(["x", "y", "z"].map(|q| ("look", json!({ "q": q })))),
        ("Do the b.", _, 1) | ("pay her", "bob", 1) => asks([("pay", json!({}))]),
        ("Do the c.", _, 1) => {
            let work = json!({ "task": "pay her", "context": "", "coworker": "The bob" });
            asks([(DELEGATE, work)])
        }
        ("Do the d.", ..) if !said(request).contains("too short") => says("short"),
        _ => says(format!("the answer of {}", who(request))),
    })
}

#[test]
fn whoever_takes_over_goes_on_where_it_was_and_asks_nothing_twice() {
    let whole = outside(model);
    let undisturbed = now(four().work(whole.effects(), &rules())).unwrap().unwrap();
    let asked = whole.seen().len();
    assert!(asked > 20, "{asked}");
    for stop in 0..asked {
        let fake = outside(model);
        fake.stop_after(stop);
        assert!(now(four().work(fake.effects(), &rules())).is_none(), "stopped after {stop}");
        let output = now(four().work(fake.again(), &rules())).unwrap().unwrap();
        assert_eq!(output, undisturbed, "stop {stop}");
        assert_eq!(fake.seen().len(), asked, "stop {stop}");
        assert_eq!(names(&fake.called()).len(), names(&whole.called()).len(), "stop {stop}");
    }
}

#[test]
fn a_crew_goes_on_as_it_began_whatever_the_program_says_by_then() {
    let fake = outside(model);
    fake.stop_after(9);
    assert!(now(four().work(fake.effects(), &rules())).is_none());
    let other = crew([member("zoe", &[])], [task("other", "zoe")]);
    let output = now(other.work(fake.again(), &rules())).unwrap().unwrap();
    assert_eq!(output.tasks.len(), 4);
    let crews = fake.seen().into_iter().filter(|seen| match seen {
        Seen::Opened(scope, _) => scope.kind == mainstay_core::effects::ScopeKind::Crew,
        Seen::Model(_) | Seen::Tool { .. } | Seen::Review(_) => false,
    });
    assert_eq!(crews.count(), 1);
}
