//! Reads a plan from JSON: every error at once, each with its place.

use serde_json::{Map, Value};

use crate::code::Code;

use super::{
    Extract, Plan, PlanFault, PlanFaults, PlanStep, PlannedEffect,
    slot::{INPUT, below},
};

/// The most steps a plan may have.
pub const MOST_STEPS: usize = 100;

/// The longest id of a step, in bytes.
const LONGEST_ID: usize = 64;

const PLAN_FIELDS: [&str; 2] = ["goal", "steps"];
const STEP_FIELDS: [&str; 6] = ["id", "tool", "args", "expect", "effect", "extract"];
const EXTRACT_FIELDS: [&str; 2] = ["ask", "schema"];

/// Reads a plan. Its tools, slots and costs are [checked](super::check) against a worker's later.
///
/// # Errors
/// It is not a plan (`MS-2201`).
pub fn read(value: &Value) -> Result<Plan, PlanFaults> {
    let mut reader = Reader::default();
    let plan = reader.plan(value);
    PlanFaults::unless_none(reader.found)?;
    Ok(plan)
}

/// Reads on after an error, with something in place of what cannot be read: nothing of it is
/// returned then.
#[derive(Default)]
struct Reader {
    found: Vec<PlanFault>,
}

impl Reader {
    fn fault(&mut self, path: &str, message: impl Into<String>) {
        self.found.push(PlanFault::at(Code::PlanInvalid, path, message));
    }

    fn plan(&mut self, value: &Value) -> Plan {
        let fields = self.object(value, "", &PLAN_FIELDS);
        let goal = self.text(&fields, "", "goal");
        let steps = match fields.get("steps") {
            Some(Value::Array(steps)) if (1..=MOST_STEPS).contains(&steps.len()) => steps.clone(),
            Some(Value::Array(steps)) => {
                let message = format!("1 to {MOST_STEPS} steps are allowed, not {}", steps.len());
                self.fault("/steps", message);
                Vec::new()
            }
            Some(_) => {
                self.fault("/steps", "must be a list of steps");
                Vec::new()
            }
            None => {
                self.fault("", "`steps` is missing");
                Vec::new()
            }
        };
        let steps = steps.iter().enumerate().map(|(at, step)| self.step(step, at)).collect();
        let plan = Plan { goal, steps };
        self.ids(&plan);
        plan
    }

    fn step(&mut self, value: &Value, at: usize) -> PlanStep {
        let path = format!("/steps/{at}");
        let fields = self.object(value, &path, &STEP_FIELDS);
        PlanStep {
            id: self.text(&fields, &path, "id"),
            tool: self.text(&fields, &path, "tool"),
            args: self.args(&fields, &path),
            expect: self.optional_text(&fields, &path, "expect"),
            effect: self.effect(&fields, &path),
            extract: fields
                .get("extract")
                .map(|inner| self.extract(inner, &below(&path, "extract"))),
        }
    }

    fn args(&mut self, fields: &Map<String, Value>, path: &str) -> Value {
        match fields.get("args") {
            None => Value::Object(Map::new()),
            Some(args @ Value::Object(_)) => args.clone(),
            Some(_) => {
                self.fault(&below(path, "args"), "must be an object");
                Value::Null
            }
        }
    }

    fn effect(&mut self, fields: &Map<String, Value>, path: &str) -> Option<PlannedEffect> {
        let value = fields.get("effect")?;
        let read =
            PlannedEffect::ALL.into_iter().find(|class| value.as_str() == Some(class.word()));
        if read.is_none() {
            let words = PlannedEffect::ALL.map(PlannedEffect::word).join(", ");
            self.fault(&below(path, "effect"), format!("must be one of {words}"));
        }
        read
    }

    fn extract(&mut self, value: &Value, path: &str) -> Extract {
        let fields = self.object(value, path, &EXTRACT_FIELDS);
        let ask = self.text(&fields, path, "ask");
        let schema = fields.get("schema").cloned().unwrap_or(Value::Null);
        if !schema.is_object() {
            self.fault(&below(path, "schema"), "must be a JSON Schema, as an object");
        }
        Extract { ask, schema }
    }

    fn object(&mut self, value: &Value, path: &str, known: &[&str]) -> Map<String, Value> {
        let Value::Object(fields) = value else {
            self.fault(path, "must be an object");
            return Map::new();
        };
        for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
            let message = format!("unknown field; there are {}", known.join(", "));
            self.fault(&below(path, name), message);
        }
        fields.clone()
    }

    fn text(&mut self, fields: &Map<String, Value>, path: &str, name: &str) -> String {
        if !fields.contains_key(name) {
            self.fault(path, format!("`{name}` is missing"));
            return String::new();
        }
        let text = self.optional_text(fields, path, name).unwrap_or_default();
        if fields.get(name) == Some(&Value::String(String::new())) {
            self.fault(&below(path, name), "must not be empty");
        }
        text
    }

    fn optional_text(
        &mut self,
        fields: &Map<String, Value>,
        path: &str,
        name: &str,
    ) -> Option<String> {
        let value = fields.get(name)?;
        if !value.is_string() {
            self.fault(&below(path, name), "must be a text");
        }
        value.as_str().map(str::to_owned)
    }

    fn ids(&mut self, plan: &Plan) {
        for (at, step) in plan.steps.iter().enumerate() {
            let path = format!("/steps/{at}/id");
            let sound = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if step.id.len() > LONGEST_ID || !step.id.chars().all(sound) {
                self.fault(
                    &path,
                    format!("must be letters, digits, `_` and `-`, at most {LONGEST_ID} of them"),
                );
            }
            if step.id == INPUT {
                self.fault(&path, "`input` is the run's input and no step");
            }
            let earlier = plan.steps.iter().take(at).any(|other| other.id == step.id);
            if earlier && !step.id.is_empty() {
                self.fault(&path, format!("`{}` is the id of an earlier step", step.id));
            }
        }
    }
}
