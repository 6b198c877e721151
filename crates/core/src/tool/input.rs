//! What the other side of a call wants to know from a person before it goes on, and the answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{review::Decision, schema::SchemaCheck};

/// A call that is not answered yet: somebody has to say something first. Never a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputWanted {
    /// What is asked.
    pub questions: Questions,
    /// What the transport needs to go on with the same call; nobody else reads it.
    #[serde(default)]
    pub state: Value,
}

/// What is asked, each question by its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Questions(pub BTreeMap<String, InputQuestion>);

/// One question. Its words come from outside and are believed by nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputQuestion {
    /// What is asked, in words.
    pub text: String,
    /// JSON Schema of the answer; an object.
    pub schema: Value,
}

/// The answers, each by the name of its question.
pub type Answers = BTreeMap<String, Value>;

/// What an attempt at a call carries that was answered before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputGiven {
    /// What was asked.
    pub wanted: InputWanted,
    /// The answers; nothing when nobody answers, and the other side is to stop.
    pub answers: Option<Answers>,
}

impl Questions {
    /// Reads a person's decision as answers: `approve` takes every default, `amend` names the
    /// answers, `respond` gives them as JSON, or in words where one thing is asked.
    ///
    /// # Errors
    /// It is no answer to what is asked; the text says why.
    pub fn answered(
        &self,
        decision: &Decision,
        check: &dyn SchemaCheck,
    ) -> Result<Answers, String> {
        let answers = match decision {
            Decision::Approve { .. } => self.each(InputQuestion::defaults),
            Decision::Amend { subject, .. } => self.named(subject)?,
            Decision::Respond { text } => self.in_words(text)?,
            Decision::Reject { reason } => return Err(reason.clone()),
        };
        for (name, question) in &self.0 {
            let answer = answers.get(name).ok_or_else(|| format!("`{name}` is not answered"))?;
            if let Some(error) = check.errors(&question.schema, answer).first() {
                return Err(format!("the answer to `{name}` does not fit: {error}"));
            }
        }
        Ok(answers)
    }

    fn each(&self, answer: impl Fn(&InputQuestion) -> Value) -> Answers {
        self.0.iter().map(|(name, question)| (name.clone(), answer(question))).collect()
    }

    /// Takes an object of answers by name; of a single question also the answer itself.
    fn named(&self, answers: &Value) -> Result<Answers, String> {
        let fields = answers.as_object().ok_or("the answers are no object")?;
        if let Some(name) = self.only().filter(|name| !fields.contains_key(*name)) {
            return Ok(Answers::from([(name.to_owned(), answers.clone())]));
        }
        if let Some(strange) = fields.keys().find(|name| !self.0.contains_key(*name)) {
            return Err(format!("nobody asked for `{strange}`"));
        }
        Ok(fields.clone().into_iter().collect())
    }

    fn in_words(&self, text: &str) -> Result<Answers, String> {
        if let Ok(object @ Value::Object(_)) = serde_json::from_str(text) {
            return self.named(&object);
        }
        let only = self.only().and_then(|name| Some((name, self.0.get(name)?)));
        let single = only.and_then(|(name, question)| Some((name, question.in_words(text)?)));
        let (name, answer) = single.ok_or("more than one thing is asked: answer with JSON")?;
        Ok(Answers::from([(name.to_owned(), answer)]))
    }

    /// Returns the name of the question, if there is only one.
    fn only(&self) -> Option<&str> {
        let mut names = self.0.keys();
        names.next().filter(|_| self.0.len() == 1).map(String::as_str)
    }
}

impl InputQuestion {
    fn fields(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.schema.get("properties").and_then(Value::as_object).into_iter().flatten()
    }

    fn defaults(&self) -> Value {
        let filled = self.fields().filter_map(|(name, field)| Some((name, field.get("default")?)));
        Value::Object(filled.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// Takes words as the answer where it has one field.
    fn in_words(&self, text: &str) -> Option<Value> {
        let mut fields = self.fields();
        let (name, field) = fields.next().filter(|_| fields.next().is_none())?;
        let is_text = field.get("type").and_then(Value::as_str) == Some("string");
        let read = (!is_text).then(|| serde_json::from_str(text).ok()).flatten();
        let value = read.unwrap_or_else(|| Value::String(text.to_owned()));
        Some(Value::Object(Map::from_iter([(name.clone(), value)])))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::SchemaError;

    /// Looks at required fields and at whether a size is a text: enough for these tests.
    struct Simple;

    impl SchemaCheck for Simple {
        fn errors(&self, schema: &Value, value: &Value) -> Vec<SchemaError> {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let missing = required.iter().any(|name| value.get(name.as_str().unwrap()).is_none());
            let wrong = value.get("size").is_some_and(|size| !size.is_string());
            (missing || wrong).then(|| SchemaError::whole("no")).into_iter().collect()
        }
    }

    fn question(schema: Value) -> InputQuestion {
        InputQuestion { text: "Which size?".to_owned(), schema }
    }

    fn size() -> Questions {
        let schema = json!({
            "type": "object",
            "properties": {"size": {"type": "string", "default": "M"}},
            "required": ["size"],
        });
        Questions(BTreeMap::from([("q".to_owned(), question(schema))]))
    }

    fn two() -> Questions {
        let mut questions = size();
        let schema = json!({"type": "object", "properties": {"count": {"type": "integer"}}});
        questions.0.insert("n".to_owned(), question(schema));
        questions
    }

    fn respond(text: &str) -> Decision {
        Decision::Respond { text: text.to_owned() }
    }

    fn amend(subject: Value) -> Decision {
        Decision::Amend { subject, note: None }
    }

    #[test]
    fn one_question_is_answered_in_words_in_json_and_by_its_default() {
        let of = |decision: &Decision| size().answered(decision, &Simple).unwrap()["q"].clone();
        assert_eq!(of(&respond("L")), json!({"size": "L"}));
        assert_eq!(of(&respond("42")), json!({"size": "42"}), "a text stays one");
        assert_eq!(of(&respond(r#"{"size": "L"}"#)), json!({"size": "L"}));
        assert_eq!(of(&amend(json!({"q": {"size": "S"}}))), json!({"size": "S"}));
        assert_eq!(of(&amend(json!({"size": "S"}))), json!({"size": "S"}));
        assert_eq!(of(&Decision::Approve { note: None }), json!({"size": "M"}));
    }

    #[test]
    fn a_number_is_answered_in_words() {
        let schema = json!({"type": "object", "properties": {"count": {"type": "integer"}}});
        let asked = Questions(BTreeMap::from([("n".to_owned(), question(schema))]));
        assert_eq!(asked.answered(&respond("3"), &Simple).unwrap()["n"], json!({"count": 3}));
    }

    #[test]
    fn what_is_no_answer_to_what_is_asked_is_refused_with_the_reason() {
        let why =
            |asked: &Questions, decision: &Decision| asked.answered(decision, &Simple).unwrap_err();
        assert!(why(&two(), &respond("L")).contains("more than one"));
        assert!(why(&two(), &amend(json!({"q": {"size": "S"}}))).contains("`n` is not answered"));
        let strange = json!({"q": {"size": "S"}, "n": {}, "x": {}});
        assert!(why(&two(), &amend(strange)).contains("nobody asked for `x`"));
        assert!(why(&size(), &respond(r#"{"size": 4}"#)).contains("does not fit"));
        assert!(why(&size(), &amend(json!([]))).contains("no object"));
        let refused = Decision::Reject { reason: "not ours".to_owned() };
        assert_eq!(why(&size(), &refused), "not ours");
        let both = amend(json!({"q": {"size": "S"}, "n": {"count": 2}}));
        assert_eq!(two().answered(&both, &Simple).unwrap().len(), 2);
    }
}
