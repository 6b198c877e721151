//! What a server asks before it goes on with a call, as a person is asked, and the answers on their
//! way back. Nothing waits here: whoever calls asks, for as long as that takes, and calls again.

use mainstay_core::{
    code::Code,
    tool::{
        InputGiven, InputWanted, ToolFailure,
        input::{InputQuestion, Questions},
    },
};
use rmcp::model::{
    ElicitRequestParams, ElicitResult, ElicitationAction, InputRequest, InputRequests,
    InputResponses,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Questions, and what is to be given back with the answers, have together at most so many bytes.
const LARGEST: usize = 64 << 10;

/// Where a call goes on once it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Resume {
    /// It is sent anew, with what the server gave for that.
    Call(Option<String>),
    /// The server's task goes on.
    Task(String),
}

/// Makes the failure of a call that nobody has answered.
pub(super) fn unanswered(asked: &str) -> ToolFailure {
    ToolFailure::refused(format!("a person has to answer first: {asked}")).with_code(Code::McpInput)
}

/// Makes the end of a call that asks. What is no question to a person ends it for good.
pub(super) fn wanted(requests: &InputRequests, resume: &Resume) -> ToolFailure {
    let questions = match questions(requests) {
        Ok(questions) => questions,
        Err(asked) => return unanswered(asked),
    };
    let texts: Vec<_> = questions.0.values().map(|question| question.text.clone()).collect();
    let state = serde_json::to_value(resume).unwrap_or_default();
    let wanted = InputWanted { questions, state };
    let size = serde_json::to_vec(&wanted).map_or(usize::MAX, |bytes| bytes.len());
    if size > LARGEST {
        return unanswered(&format!("the server asks with more than {LARGEST} bytes"));
    }
    unanswered(&texts.join("; ")).wanting(wanted)
}

fn questions(requests: &InputRequests) -> Result<Questions, &str> {
    let mut questions = Questions::default();
    for (name, request) in requests {
        let InputRequest::Elicitation(request) = request else {
            return Err("the server asks for more than an answer");
        };
        let question = question(&request.params).ok_or_else(|| text(&request.params))?;
        questions.0.insert(name.clone(), question);
    }
    Ok(questions)
}

/// An address to open is nothing that can be answered here.
pub(super) fn question(asked: &ElicitRequestParams) -> Option<InputQuestion> {
    let ElicitRequestParams::FormElicitationParams { message, requested_schema, .. } = asked else {
        return None;
    };
    let schema = serde_json::to_value(requested_schema).ok()?;
    Some(InputQuestion { text: message.clone(), schema })
}

fn text(asked: &ElicitRequestParams) -> &str {
    match asked {
        ElicitRequestParams::FormElicitationParams { message, .. }
        | ElicitRequestParams::UrlElicitationParams { message, .. } => message,
        _ => "a question",
    }
}

/// Reads where a call goes on.
pub(super) fn resume(input: &InputGiven) -> Result<Resume, serde_json::Error> {
    serde_json::from_value(input.wanted.state.clone())
}

/// Returns the answers in the protocol's form; nothing where nobody answered.
pub(super) fn responses(input: &InputGiven) -> Option<InputResponses> {
    let response = |(name, answer): (&String, &Value)| {
        let accepted = serde_json::to_value(accepted(answer.clone())).unwrap_or_default();
        (name.clone(), accepted)
    };
    input.answers.as_ref().map(|answers| answers.iter().map(response).collect())
}

/// Returns the answers to what is asked now, if just that was answered before.
pub(super) fn known(requests: &InputRequests, input: &InputGiven) -> Option<InputResponses> {
    let same = questions(requests).is_ok_and(|asked| asked == input.wanted.questions);
    responses(input).filter(|_| same)
}

/// Makes the answer to one question.
pub(super) fn accepted(answer: Value) -> ElicitResult {
    let mut result = ElicitResult::new(ElicitationAction::Accept);
    result.content = Some(answer);
    result
}
