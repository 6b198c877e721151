//! The future of one effect.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use mainstay_core::effect::EffectPosition;

use super::{Answer, SharedCell};

type Decode<T> = Box<dyn FnOnce(Answer) -> T + Send>;

/// An effect that was asked for. Awaiting it gives its outcome; dropping it detaches: the call goes
/// on, and its outcome is recorded.
#[must_use = "an effect gives its outcome when it is awaited"]
pub struct Effect<T> {
    state: State<T>,
}

enum State<T> {
    Asked { cell: SharedCell, position: EffectPosition, decode: Decode<T> },
    Settled(T),
    Done,
}

impl<T> Effect<T> {
    pub(super) fn new(
        cell: SharedCell,
        position: EffectPosition,
        decode: impl FnOnce(Answer) -> T + Send + 'static,
    ) -> Self {
        Self { state: State::Asked { cell, position, decode: Box::new(decode) } }
    }

    pub(super) const fn settled(value: T) -> Self {
        Self { state: State::Settled(value) }
    }
}

// Nothing in an effect is pinned: it holds no future of its own.
impl<T> Unpin for Effect<T> {}

impl<T> Future for Effect<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Asked { cell, position, decode } => {
                let answer = cell.lock().take_answer(&position, cx.waker());
                if let Some(answer) = answer {
                    return Poll::Ready(decode(answer));
                }
                self.state = State::Asked { cell, position, decode };
                Poll::Pending
            }
            State::Settled(value) => Poll::Ready(value),
            // Polled again after it was ready: like every future that is over, it never is again.
            State::Done => Poll::Pending,
        }
    }
}

impl<T> Drop for Effect<T> {
    fn drop(&mut self) {
        if let State::Asked { cell, position, .. } = &self.state {
            cell.lock().forget_waiter(position);
        }
    }
}
