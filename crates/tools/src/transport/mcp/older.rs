//! What a server of the older generation is not told: that it may ask something in the middle of a
//! call. A call that waits for a person could not be given up and taken up again there.

use std::borrow::Cow;

use rmcp::{
    RoleClient,
    model::{ClientRequest, JsonRpcMessage},
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};

/// A transport over which a greeting offers no answers, unless somebody is there to give them.
pub(super) struct Greeting<T> {
    pub(super) inner: T,
    pub(super) somebody: bool,
}

impl<T: Transport<RoleClient>> Transport<RoleClient> for Greeting<T> {
    type Error = T::Error;

    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.inner.send(if self.somebody { message } else { unasked(message) })
    }

    fn receive(&mut self) -> impl Future<Output = Option<RxJsonRpcMessage<RoleClient>>> + Send {
        self.inner.receive()
    }

    fn close(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        self.inner.close()
    }
}

/// Only the older generation greets; the newer one says with each request what may be asked.
fn unasked(mut message: TxJsonRpcMessage<RoleClient>) -> TxJsonRpcMessage<RoleClient> {
    if let JsonRpcMessage::Request(sent) = &mut message
        && let ClientRequest::InitializeRequest(greeting) = &mut sent.request
    {
        greeting.params.capabilities.elicitation = None;
    }
    message
}
