//! The limit of time around a policy: hangs, late answers, judges that are left to themselves.

use std::{
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use mainstay_core::{
    digest::Digest,
    policy::{Policy, PolicyFault, Question, Ruling},
};
use serde_json::json;

use super::about;
use crate::policy::Bounded;

/// Hangs while its gate is shut.
#[derive(Default)]
struct Hanging {
    shut: Mutex<bool>,
    opened: Condvar,
}

impl Hanging {
    fn set(&self, shut: bool) {
        *self.shut.lock().unwrap() = shut;
        self.opened.notify_all();
    }
}

impl Policy for Hanging {
    fn bundle(&self) -> Digest {
        Digest::ZERO
    }

    fn judge(&self, _question: &Question<'_>) -> Result<Ruling, PolicyFault> {
        let shut = self.shut.lock().unwrap();
        drop(self.opened.wait_while(shut, |shut| *shut).unwrap());
        Ok(Ruling::permit())
    }

    fn holds(&self, _condition: &str, question: &Question<'_>) -> Result<bool, PolicyFault> {
        self.judge(question).map(|_| true)
    }

    fn sound(&self, _condition: &str) -> Result<(), PolicyFault> {
        Ok(())
    }
}

fn judge(policy: &Bounded) -> Result<Ruling, PolicyFault> {
    about(&json!({}), |question| policy.judge(question))
}

#[test]
fn a_question_that_hangs_is_denied_and_the_next_one_is_judged() {
    let hanging = Arc::new(Hanging::default());
    let short = Bounded::new(Arc::clone(&hanging) as _, Duration::from_millis(20));
    hanging.set(true);
    assert_eq!(judge(&short).unwrap_err().0, "no ruling within 20ms");
    let held = about(&json!({}), |question| short.holds("true", question));
    assert_eq!(held.unwrap_err().0, "no ruling within 20ms");
    assert_eq!(short.judges(), 2, "each hangs on its own");
    let ample = Bounded::new(Arc::clone(&hanging) as _, super::AMPLE);
    hanging.set(false);
    assert_eq!(judge(&ample), Ok(Ruling::permit()), "another takes the place");
}

#[test]
fn judges_that_hang_are_not_replaced_without_end() {
    let hanging = Arc::new(Hanging::default());
    let policy = Bounded::new(Arc::clone(&hanging) as _, Duration::from_millis(1));
    hanging.set(true);
    let faults: Vec<_> = (0..80).map(|_| judge(&policy).unwrap_err().0).collect();
    assert_eq!(policy.judges(), 64);
    assert!(faults[70].contains("every judge is busy"), "{}", faults[70]);
    hanging.set(false);
    // They end by themselves once they are done, and their places are free again.
    while policy.judges() > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn judges_at_rest_are_asked_again() {
    let policy = Bounded::new(Arc::new(Hanging::default()), super::AMPLE);
    for _ in 0..100 {
        assert_eq!(judge(&policy), Ok(Ruling::permit()));
    }
    assert_eq!(policy.judges(), 1);
}

/// Works until nobody waits for it.
struct Endless;

impl Policy for Endless {
    fn bundle(&self) -> Digest {
        Digest::ZERO
    }

    fn judge(&self, _question: &Question<'_>) -> Result<Ruling, PolicyFault> {
        while !crate::policy::bounded::nobody_waits() {
            std::hint::spin_loop();
        }
        Ok(Ruling::permit())
    }

    fn holds(&self, _condition: &str, question: &Question<'_>) -> Result<bool, PolicyFault> {
        self.judge(question).map(|_| true)
    }

    fn sound(&self, _condition: &str) -> Result<(), PolicyFault> {
        Ok(())
    }
}

#[test]
fn whoever_works_is_told_that_nobody_waits() {
    let policy = Bounded::new(Arc::new(Endless), Duration::from_millis(5));
    assert!(judge(&policy).is_err());
    while policy.judges() > 0 {
        std::thread::yield_now();
    }
}
