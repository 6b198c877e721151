//! The order in which a crew's tasks are done: in waves, each waited for before the next begins.

use super::definition::{Context, Pace, Task};

/// Returns the places of the tasks, wave by wave. Tasks that run alongside share one with their
/// neighbours that do so too, unless one of them needs another's output.
#[must_use]
pub fn waves(tasks: &[Task]) -> Vec<Vec<usize>> {
    let mut waves: Vec<Vec<usize>> = Vec::new();
    for (place, task) in tasks.iter().enumerate() {
        let joins = waves.last().is_some_and(|wave| {
            let mut others = wave.iter().filter_map(|other| tasks.get(*other));
            task.pace == Pace::Alongside
                && others.all(|other| other.pace == Pace::Alongside && !needs(task, &other.name))
        });
        match waves.last_mut() {
            Some(wave) if joins => wave.push(place),
            Some(_) | None => waves.push(vec![place]),
        }
    }
    waves
}

/// Returns whether a task has to wait for another one. One with a condition waits for all: what it
/// looks at may be the output of the task before.
fn needs(task: &Task, other: &str) -> bool {
    let named = match &task.context {
        Context::Previous => false,
        Context::Named(names) => names.iter().any(|name| name == other),
    };
    named || task.condition.is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::crew::Condition;

    fn task(name: &str) -> Task {
        Task::new(name, "", "")
    }

    fn check(tasks: &[Task], expected: &[&[usize]]) {
        assert_eq!(waves(tasks), expected);
    }

    #[test]
    fn a_task_in_turn_waits_for_all_before_it() {
        check(&[task("a"), task("b")], &[&[0], &[1]]);
        check(
            &[task("a").alongside(), task("b").alongside(), task("c"), task("d").alongside()],
            &[&[0, 1], &[2], &[3]],
        );
    }

    #[test]
    fn a_task_alongside_waits_for_what_it_names_or_may_look_at() {
        let after = task("b").alongside().with_context(["a"]);
        check(&[task("a").alongside(), after, task("c").alongside()], &[&[0], &[1, 2]]);
        let condition = Condition::read(&json!({"contains": "x"})).unwrap();
        let if_so = task("b").alongside().with_condition(condition);
        check(&[task("a").alongside(), if_so], &[&[0], &[1]]);
    }
}
