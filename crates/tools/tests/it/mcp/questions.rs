//! What only a person can answer: a call ends with its questions, and another goes on with the
//! answers.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use mainstay_core::{
    code::Code,
    secret::SecretRef,
    tool::{InputGiven, InputWanted, TookEffect, ToolCatalog, ToolFailure},
};
use mainstay_tools::transport::mcp::{Given, Pins, Reach, Settings};
use serde_json::{Value, json};

use super::{
    scripted::{Web, heard, scripted},
    setup::{Listening, Shelf, folder, python},
};
use crate::place::{around, call_within, with_secret};

async fn shelf(name: &str) -> (Shelf, PathBuf) {
    let folder = folder(name);
    (Shelf::open(Settings::new("own", scripted(&folder))).await, folder)
}

impl Shelf {
    /// Calls a tool once more, with what was answered; nothing when nobody did.
    async fn go_on(
        &self,
        tool: &str,
        arguments: Value,
        wanted: &InputWanted,
        answers: Option<Value>,
    ) -> Result<Value, ToolFailure> {
        let answers = answers.map(|answers| serde_json::from_value(answers).unwrap());
        let input = Some(InputGiven { wanted: wanted.clone(), answers });
        let call = call_within(&*self.around.clock, Duration::from_secs(30), arguments);
        let call = mainstay_core::tool::ToolCall { input, ..call };
        self.registry.get(tool).unwrap().call(call).await
    }

    async fn asked(&self, tool: &str, arguments: Value) -> (ToolFailure, InputWanted) {
        let failure = self.call(tool, arguments).await.unwrap_err();
        assert_eq!(failure.code, Code::McpInput, "{failure}");
        let wanted = *failure.wants.clone().unwrap();
        (failure, wanted)
    }
}

#[tokio::test]
async fn a_call_that_asks_ends_and_another_goes_on_with_the_answers() {
    let (shelf, folder) = shelf("asks").await;
    let ask = json!({"do": "ask", "state": "round one"});
    let (failure, wanted) = shelf.asked("own.act", ask.clone()).await;
    assert_eq!(failure.took_effect, TookEffect::No, "it has not been carried out");
    let question = &wanted.questions.0["size"];
    assert_eq!(
        (question.text.as_str(), &question.schema["type"]),
        ("Which size?", &json!("object"))
    );
    let answers = Some(json!({"size": {"size": "L"}}));
    let answered = shelf.go_on("own.act", ask.clone(), &wanted, answers).await.unwrap();
    assert_eq!(answered, json!("size L"));
    let calls = heard(&folder, "tools/call");
    assert_eq!(calls.len(), 2);
    let second = &calls[1]["params"];
    assert_eq!(second["requestState"], json!("round one"), "what was given is given back");
    assert_eq!(second["inputResponses"]["size"]["action"], json!("accept"));
    assert_eq!(second["arguments"], ask);
}

#[tokio::test]
async fn what_nobody_answers_is_not_called_again() {
    let (shelf, folder) = shelf("nobody").await;
    let (_, wanted) = shelf.asked("own.act", json!({"do": "ask"})).await;
    let refused = shelf.go_on("own.act", json!({"do": "ask"}), &wanted, None).await.unwrap_err();
    assert_eq!((refused.code, refused.took_effect), (Code::McpInput, TookEffect::No));
    assert!(refused.wants.is_none());
    assert_eq!(heard(&folder, "tools/call").len(), 1);
}

#[tokio::test]
async fn what_a_call_goes_on_with_is_not_good_for_ever_and_it_begins_anew() {
    let (shelf, folder) = shelf("expired").await;
    let ask = json!({"do": "ask", "state": "fresh"});
    let (_, wanted) = shelf.asked("own.act", ask.clone()).await;
    let old = InputWanted { state: json!({"call": "expired"}), ..wanted };
    let answers = Some(json!({"size": {"size": "S"}}));
    let answered = shelf.go_on("own.act", ask.clone(), &old, answers.clone()).await.unwrap();
    assert_eq!(answered, json!("size S"), "nobody is asked the same twice");
    let states = heard(&folder, "tools/call");
    let states: Vec<_> = states.iter().map(|call| call["params"]["requestState"].clone()).collect();
    assert_eq!(states, [Value::Null, json!("expired"), Value::Null, json!("fresh")]);
    let mut another = old;
    another.questions.0.get_mut("size").unwrap().text = "How many?".to_owned();
    let failure = shelf.go_on("own.act", ask, &another, answers).await.unwrap_err();
    let asked = failure.wants.unwrap();
    assert_eq!(asked.questions.0["size"].text, "Which size?", "another question is asked anew");
}

#[tokio::test]
async fn a_question_that_is_asked_again_is_a_question() {
    let (shelf, _) = shelf("again").await;
    let ask = json!({"do": "ask", "state": "stubborn"});
    let (_, wanted) = shelf.asked("own.act", ask.clone()).await;
    let answers = Some(json!({"size": {"size": "XXXL"}}));
    let failure = shelf.go_on("own.act", ask, &wanted, answers).await.unwrap_err();
    assert!(failure.wants.is_some(), "the answer was not taken: {failure}");
}

#[tokio::test]
async fn a_task_that_asks_is_under_way_and_goes_on() {
    let (shelf, folder) = shelf("task-asks").await;
    let (failure, wanted) = shelf.asked("own.act", json!({"do": "asking task"})).await;
    assert_eq!(failure.took_effect, TookEffect::Unknown);
    assert_eq!(heard(&folder, "tasks/cancel").len(), 0, "it waits for the answer");
    let answers = Some(json!({"size": {"size": "M"}}));
    let ended = shelf.go_on("own.act", json!({"do": "asking task"}), &wanted, answers).await;
    assert_eq!(ended.unwrap(), json!("size M"));
    assert_eq!(heard(&folder, "tools/call").len(), 1, "the task went on, nothing began anew");
}

#[tokio::test]
async fn a_task_that_nobody_answers_is_cancelled_and_may_have_acted() {
    let (shelf, folder) = shelf("task-nobody").await;
    let (_, wanted) = shelf.asked("own.act", json!({"do": "asking task"})).await;
    let ended = shelf.go_on("own.act", json!({"do": "asking task"}), &wanted, None).await;
    let ended = ended.unwrap_err();
    assert_eq!((ended.took_effect, ended.wants), (TookEffect::Unknown, None));
    assert_eq!(heard(&folder, "tasks/cancel").len(), 1);
    assert_eq!(heard(&folder, "tools/call").len(), 1);
}

#[tokio::test]
async fn more_than_an_answer_and_too_much_are_asked_of_nobody() {
    let (shelf, _) = shelf("too-much").await;
    for arguments in [json!({"do": "ask for a model"}), json!({"do": "ask", "pad": 70_000})] {
        let failure = shelf.call("own.act", arguments).await.unwrap_err();
        assert_eq!((failure.code, failure.wants), (Code::McpInput, None));
    }
}

#[tokio::test]
async fn a_secret_is_in_no_question_and_in_nothing_that_is_kept_for_the_answer() {
    const SECRET: &str = "hush-hush-4711";
    let folder = folder("secret-question");
    let Reach::Command { argv, mut env } = scripted(&folder) else { unreachable!() };
    env.insert(
        "TOKEN".to_owned(),
        Given::Secret(SecretRef::try_from("secret:token".to_owned()).unwrap()),
    );
    let around = with_secret("token", SECRET);
    let reach = Reach::Command { argv, env };
    let shelf = Shelf::open_with(Settings::new("own", reach), around).await;
    for leak in ["question", "state"] {
        let (failure, wanted) = shelf.asked("own.act", json!({"do": "ask", "leak": leak})).await;
        let told = format!("{failure:?} {}", serde_json::to_string(&wanted).unwrap());
        assert!(!told.contains(SECRET) && told.contains("[secret:token]"), "{told}");
    }
}

#[tokio::test]
async fn a_server_of_the_older_generation_is_not_told_that_it_may_ask() {
    let (_shelf, folder) = shelf("older").await;
    let web = Web::start(&folder, 0);
    let _over_http = Shelf::open(Settings::new("web", web.reach())).await;
    let greetings = heard(&folder, "initialize");
    assert_eq!(greetings.len(), 2, "over both transports");
    for greeting in greetings {
        let offered = &greeting["params"]["capabilities"];
        assert!(offered.is_object() && offered.get("elicitation").is_none(), "{greeting}");
    }
}

/// A server of the newer generation, made with the protocol's own package.
const ASKS: &str = r#"
import sys
from typing import Annotated
from pydantic import BaseModel
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.resolve import Elicit, Resolve
server = MCPServer("desk")

class Size(BaseModel):
    size: str

async def which(item: str) -> Elicit[Size]:
    return Elicit(f"Which size of {item}?", Size)

@server.tool()
async def order(item: str, size: Annotated[Size, Resolve(which)]) -> str:
    """Orders an item."""
    return f"{item} in {size.size}"

if len(sys.argv) > 1:
    server.run("streamable-http", port=int(sys.argv[1]))
else:
    server.run()
"#;

/// Asks, and answers with another process of the same server: it has forgotten what it asked, so
/// what the first one gave to go on with is refused.
async fn answers_after_a_restart(first: Reach, second: Reach) {
    let shirt = json!({"item": "shirt"});
    let shelf = Shelf::open(Settings::new("desk", first)).await;
    assert_eq!(shelf.server.protocol().await.as_deref(), Some("2026-07-28"));
    let (failure, wanted) = shelf.asked("desk.order", shirt.clone()).await;
    assert!(failure.message.contains("Which size of shirt?"), "{failure}");
    let name = wanted.questions.0.keys().next().unwrap().clone();
    let answers = || Some(json!(BTreeMap::from([(name.clone(), json!({"size": "L"}))])));
    let ordered = shelf.go_on("desk.order", shirt.clone(), &wanted, answers()).await.unwrap();
    assert_eq!(ordered, json!({"result": "shirt in L"}));
    let other = Shelf::open_with(Settings::new("desk", second), around(Pins::in_memory())).await;
    let ordered = other.go_on("desk.order", shirt, &wanted, answers()).await.unwrap();
    assert_eq!(ordered, json!({"result": "shirt in L"}));
}

#[tokio::test]
async fn a_real_server_asks_and_takes_the_answer_also_after_it_was_restarted() {
    answers_after_a_restart(python(ASKS), python(ASKS)).await;
}

#[tokio::test]
async fn a_real_server_asks_over_http_and_takes_the_answer_also_after_it_was_restarted() {
    let (one, two) = (Listening::python(ASKS), Listening::python(ASKS));
    answers_after_a_restart(one.reach(), two.reach()).await;
}
