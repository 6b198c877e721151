//! A cycle that a router leaves, nested conditions, and the state of an older version.

use std::sync::Arc;

use mainstay::prelude::*;
use serde_json::{Value, json};

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Essay {
    topic: String,
    drafts: Vec<String>,
}

#[derive(Route)]
enum Verdict {
    Revise,
    Good,
}

#[flow(name = "essay", version = 2)]
impl Essay {
    #[start]
    async fn outline(&self) -> Result<String> {
        Ok(self.topic.clone())
    }

    #[listen(or_(outline, Verdict::Revise))]
    async fn draft(&mut self, #[from(judge)] advice: Option<&String>) -> Result<String> {
        self.drafts.push(advice.cloned().unwrap_or_default());
        Ok("draft".to_owned())
    }

    #[listen(draft)]
    async fn judge(&self, draft: &str) -> Result<String> {
        Ok(draft.to_uppercase())
    }

    #[listen(outline)]
    async fn facts(&self, outline: &String) -> Result<usize> {
        Ok(outline.len())
    }

    #[router(judge)]
    fn verdict(&self, advice: &String) -> Verdict {
        if advice.is_empty() { Verdict::Good } else { Verdict::Revise }
    }

    #[listen(or_(and_(Verdict::Good, facts), and_(facts, outline, Verdict::Good)))]
    async fn publish(
        &self,
        #[from(facts)] facts: &usize,
        #[from(judge)] last: &String,
    ) -> Result<String> {
        Ok(format!("{facts} {last}"))
    }

    #[migrate(from = 1)]
    fn from_v1(state: Value) -> Result<Self> {
        let topic = state["title"].as_str().ok_or(StepError::new("no title"))?;
        Ok(Self { topic: topic.to_owned(), ..Self::default() })
    }
}

fn main() {
    let program = Essay::program();
    let publish = program.definition().finish().unwrap();
    assert_eq!(publish.name, Arc::from("publish"));
    assert_eq!(program.definition().steps.len(), 6);

    let moved = program.migrate(1, &json!({"title": "tea"})).unwrap().unwrap();
    assert_eq!(moved, json!({"topic": "tea", "drafts": []}));
    assert!(program.migrate(1, &json!({})).unwrap().is_err());
    assert!(program.migrate(7, &moved).is_none());

    let error = program.initial(&json!({"tpoic": "tea"})).unwrap_err();
    assert_eq!(error.path, "tpoic");
    assert_eq!(error.message, "the flow's input has no field `tpoic`; did you mean `topic`?");
    let error = program.initial(&json!({"drafts": ["a", 2]})).unwrap_err();
    assert_eq!(error.path, "drafts[1]");
    let error = program.initial(&json!([1])).unwrap_err();
    assert_eq!(error.message, "expected an object with `drafts` and `topic`, got a list");
    assert_eq!(program.initial(&Value::Null).unwrap(), json!({"topic": "", "drafts": []}));

    let state = program.initial(&Value::Null).unwrap();
    let route = |advice: &str| program.route(4, &state, &vec![Some(Arc::new(json!(advice)))]);
    assert_eq!(route("").unwrap(), "Good");
    assert_eq!(route("more tea").unwrap(), "Revise");
}
