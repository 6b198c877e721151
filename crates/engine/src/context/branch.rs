//! Several effects at once: `join`, `race`, `map`. Each arm counts its effects by itself, and arms
//! are polled in a fixed order, so a replay takes the same path.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use mainstay_core::{
    effect::Branch,
    effects::{Asked, all},
};

use super::{StepContext, cell::Ends};

impl StepContext {
    pub(super) fn in_branch(&self, branch: Vec<Branch>) -> Self {
        Self { branch, ..self.clone() }
    }

    pub(super) fn arms(&self, ends: Ends) -> impl Fn(u32) -> Self + '_ {
        let ordinal = self.cell.lock().open_branches(&self.branch, ends);
        move |arm| {
            let mut branch = self.branch.clone();
            branch.push(Branch { ordinal, arm });
            self.in_branch(branch)
        }
    }

    /// Runs two pieces of work side by side and returns both results.
    pub fn join<'a, A, B, FA, FB>(
        &self,
        first: impl FnOnce(Self) -> FA,
        second: impl FnOnce(Self) -> FB,
    ) -> BoxFuture<'a, (A, B)>
    where
        FA: Future<Output = A> + Send + 'a,
        FB: Future<Output = B> + Send + 'a,
        A: Send + 'a,
        B: Send + 'a,
    {
        let arm = self.arms(Ends::WithAllArms);
        // Polls the first, then the second, whenever either may have moved.
        Box::pin(futures::future::join(first(arm(0)), second(arm(1))))
    }

    /// Runs the same work over several items side by side and returns the results in their order.
    pub fn map<'a, I, T, F>(
        &self,
        items: impl IntoIterator<Item = I>,
        work: impl Fn(Self, I) -> F,
    ) -> BoxFuture<'a, Vec<T>>
    where
        F: Future<Output = T> + Send + 'a,
        T: Send + 'a,
    {
        let arm = self.arms(Ends::WithAllArms);
        let work = |(item, n)| -> Asked<'a, T> { Box::pin(work(arm(n), item)) };
        all(items.into_iter().zip(0..).map(work))
    }

    /// Runs several pieces of work side by side and returns the first result with its number. What
    /// the others launched goes on and is recorded.
    #[must_use = "a race gives its result when it is awaited"]
    pub fn race<'a, T: Send + 'a>(
        &self,
        arms: Vec<Box<dyn FnOnce(Self) -> BoxFuture<'a, T> + Send + 'a>>,
    ) -> BoxFuture<'a, (usize, T)> {
        let arm = self.arms(Ends::WithAnyArm);
        Box::pin(Any(arms.into_iter().zip(0..).map(|(work, n)| work(arm(n))).collect()))
    }
}

/// The first of several, polled in order.
struct Any<'a, T>(Vec<BoxFuture<'a, T>>);

impl<T> Unpin for Any<'_, T> {}

impl<T> Future for Any<'_, T> {
    type Output = (usize, T);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<(usize, T)> {
        let ready =
            self.0.iter_mut().enumerate().find_map(|(n, arm)| match arm.as_mut().poll(cx) {
                Poll::Ready(value) => Some((n, value)),
                Poll::Pending => None,
            });
        ready.map_or(Poll::Pending, Poll::Ready)
    }
}
