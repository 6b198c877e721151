//! The flow of the design, whole: routes, joins, parameters, options, compensation.

use std::sync::Arc;

use mainstay::prelude::*;
use serde_json::json;

#[derive(Serialize, Deserialize, JsonSchema, Debug, PartialEq)]
struct Order {
    cents: i64,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Policy {
    limit: i64,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Intent {
    refund: bool,
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Refund {
    ticket: String,
    paid: Option<i64>,
}

#[derive(Route)]
enum Lane {
    Refund,
    Question,
    #[ends]
    #[expect(dead_code, reason = "no ticket of this test is spam")]
    Spam,
}

/// Pays money back,
/// or answers.
///
/// Second paragraph.
#[flow(name = "refund_desk", version = 3)]
impl Refund {
    #[start]
    async fn classify(&self, _cx: &StepContext) -> Result<Intent> {
        Ok(Intent { refund: self.wants_money() })
    }

    #[router(classify)]
    fn lane(&self, intent: &Intent) -> Lane {
        if intent.refund { Lane::Refund } else { Lane::Question }
    }

    #[listen(Lane::Refund)]
    #[step(retry(max = 3, base = "100ms"), timeout = "1m30s")]
    async fn look_up(&self) -> Result<Order> {
        Ok(Order { cents: 4_200 })
    }

    #[listen(Lane::Refund, timeout = "5s")]
    async fn policy(&self, _cx: &StepContext, intent: &Intent) -> Result<Policy> {
        Ok(Policy { limit: if intent.refund { 10_000 } else { 0 } })
    }

    #[listen(and_(look_up, policy))]
    #[step(compensate = undo_pay, budget = "usd=0.10,model_calls=2", grants = ["refund_payment"])]
    async fn pay(
        &mut self,
        _cx: &StepContext,
        #[from(look_up)] order: &Order,
        #[from(policy)] policy: &Policy,
    ) -> Result<i64> {
        self.paid = Some(order.cents.min(policy.limit));
        Ok(order.cents)
    }

    #[listen(or_(pay, Lane::Question))]
    #[finish]
    async fn answer(&self, _cx: &StepContext, #[from(pay)] paid: Option<&i64>) -> Result<String> {
        Ok(paid.map_or("no money moved".to_owned(), |cents| format!("{cents} cents paid")))
    }

    async fn undo_pay(&self, _cx: &StepContext, paid: &i64) -> Result<()> {
        assert_eq!(*paid, 4_200);
        Ok(())
    }

    fn wants_money(&self) -> bool {
        self.ticket.contains("money")
    }
}

fn main() {
    let program = Refund::program();
    let definition = program.definition();
    assert_eq!((Refund::NAME, Refund::VERSION), ("refund_desk", 3));
    assert_eq!(definition.description, "Pays money back, or answers.");
    let names: Vec<&str> = definition.steps.iter().map(|step| &*step.name).collect();
    assert_eq!(names, ["classify", "lane", "look_up", "policy", "pay", "answer", "undo_pay"]);
    assert_eq!(definition.finish().unwrap().name, Arc::from("answer"));

    let state = program.initial(&json!({"ticket": "my money please"})).unwrap();
    let inputs = vec![Some(Arc::new(json!({"refund": true})))];
    assert_eq!(program.route(1, &state, &inputs).unwrap(), "Refund");
    assert!(program.route(0, &state, &inputs).is_err());
}
