//! A tool, its declaration, its calls from a step and the grant by its path.

use mainstay::{
    __private::{NativeTool, ToolUse},
    prelude::*,
};
use serde_json::json;

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    cents: i64,
}

/// Pays an amount back to the customer.
///
/// The money arrives within a day.
#[tool(
    effect = reconcilable(visible_within = "30s"),
    reversible,
    timeout = "5s",
    rate = "10/s",
    retry = 2,
    reconcile = find_refund,
    control = [payment, cents],
    approval = "args.cents > 10000",
    concurrency = 4,
    cost = "0.02",
    owner = "payments",
    breaker(percent = 30, of = 10, cool_down = "1m")
)]
pub async fn refund(
    cx: &ToolContext,
    payment: String,
    /// How much, in cents.
    cents: i64,
) -> Result<Receipt, ToolFailure> {
    assert!(cx.attempt() > 0 && !payment.is_empty());
    Ok(Receipt { cents })
}

async fn find_refund(_cx: &ToolContext, _payment: String, cents: i64) -> Reconciled<Receipt> {
    Reconciled::Happened(Receipt { cents })
}

/// Finds an order.
#[tool(effect = read, name = "find_order", control = none)]
async fn find(id: u32) -> Result<Option<Receipt>, ToolFailure> {
    Ok((id > 0).then_some(Receipt { cents: 1 }))
}

/// Does something nobody declared.
#[tool]
async fn transfer() -> Result<(), ToolFailure> {
    Ok(())
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Desk {
    payment: String,
}

#[flow(name = "desk", version = 1)]
impl Desk {
    #[start(grants = [refund, transfer, "crm_search"])]
    async fn pay(&self) -> Result<()> {
        let _ = refund::with(self.payment.clone(), 5);
        Ok(())
    }
}

fn main() {
    let spec = refund::spec();
    assert_eq!(spec.name, "refund");
    assert_eq!(
        spec.description,
        "Pays an amount back to the customer.\n\nThe money arrives within a day."
    );
    assert_eq!(spec.input_schema["properties"]["cents"]["description"], "How much, in cents.");
    assert_eq!(spec.input_schema["additionalProperties"], false);
    assert_eq!(
        serde_json::to_value(spec.effect).unwrap(),
        json!({"reconcilable": {"visible_within": {"secs": 30, "nanos": 0}}})
    );
    assert_eq!(serde_json::to_value(spec.reversibility).unwrap(), "reversible");
    assert_eq!((spec.timeout.as_secs(), spec.retry.max_attempts()), (5, 2));
    assert_eq!(spec.rate.unwrap().calls, 10);

    assert_eq!(serde_json::to_value(&spec.control).unwrap(), json!({"only": ["cents", "payment"]}));
    assert_eq!(spec.approval.as_deref(), Some("args.cents > 10000"));
    assert_eq!((spec.concurrency.unwrap().get(), spec.cost), (4, Some(20_000)));
    assert_eq!(spec.owner.as_deref(), Some("payments"));
    let breaker = spec.breaker.unwrap();
    assert_eq!((breaker.failure_percent, breaker.window), (30, 10));
    assert_eq!(breaker.cool_down.as_secs(), 60);
    assert_eq!(serde_json::to_value(&find::spec().control).unwrap(), json!({"only": []}));

    let undeclared = transfer::spec();
    assert_eq!(serde_json::to_value(&undeclared.control).unwrap(), "all");
    assert_eq!(serde_json::to_value(undeclared.effect).unwrap(), "at_most_once");
    assert_eq!(serde_json::to_value(undeclared.reversibility).unwrap(), "irreversible");

    let (name, arguments) = refund::with("p1".to_owned(), 250).into_parts();
    assert_eq!((name.as_str(), arguments), ("refund", json!({"payment": "p1", "cents": 250})));

    let grants = Desk::program().definition().steps[0].options.grants.clone();
    assert_eq!(Vec::from_iter(grants), ["crm_search", "refund", "transfer"]);
}
