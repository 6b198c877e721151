//! Native tools as their authors write them.

use std::sync::{Arc, Mutex};

use mainstay_core::tool::{
    EffectClass, Grants, KeyValidity, Reversibility, ToolCatalog, ToolOutcome, gate::allow,
};
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::{
    registry::{Registry, ToolSet},
    testing::{SystemClock, call},
};

/// The shop's payments, as a resource.
#[derive(Default)]
struct Payments(Mutex<Vec<(String, i64)>>);

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RefundArgs {
    payment: String,
    cents: i64,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
struct Receipt {
    key: String,
    cents: i64,
}

/// Written by hand as `#[tool]` writes it.
struct Refund;

impl NativeTool for Refund {
    type Args = RefundArgs;
    type Output = Receipt;
    const NAME: &'static str = "refund";

    fn spec() -> ToolSpec {
        spec_of::<Self>()
            .with_description("Refunds a payment.")
            .with_effect(EffectClass::Idempotent { key_valid_for: KeyValidity::Forever })
            .with_reversibility(Reversibility::Reversible)
    }

    fn call(
        cx: ToolContext,
        RefundArgs { payment, cents }: RefundArgs,
    ) -> BoxFuture<'static, Result<Receipt, ToolFailure>> {
        Box::pin(async move {
            if cents <= 0 {
                return Err(ToolFailure::refused("nothing to refund"));
            }
            cx.resource::<Payments>()?.0.lock().unwrap().push((payment, cents));
            Ok(Receipt { key: cx.idempotency_key().to_string(), cents })
        })
    }

    fn reconcile(cx: ToolContext, args: RefundArgs) -> BoxFuture<'static, Reconciled<Receipt>> {
        Box::pin(async move {
            let Ok(payments) = cx.resource::<Payments>() else { return Reconciled::Unknown };
            let cents = args.cents;
            let made = payments.0.lock().unwrap().contains(&(args.payment, cents));
            let receipt = Receipt { key: cx.idempotency_key().to_string(), cents };
            if made { Reconciled::Happened(receipt) } else { Reconciled::Absent }
        })
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FindArgs {
    name: String,
}

struct FindOrder;

impl NativeTool for FindOrder {
    type Args = FindArgs;
    type Output = Option<Receipt>;
    const NAME: &'static str = "find_order";

    fn spec() -> ToolSpec {
        spec_of::<Self>().with_effect(EffectClass::Read)
    }

    fn call(
        cx: ToolContext,
        args: FindArgs,
    ) -> BoxFuture<'static, Result<Option<Receipt>, ToolFailure>> {
        let found = (args.name == "ada").then(|| Receipt { key: cx.step().to_owned(), cents: 5 });
        Box::pin(std::future::ready(Ok(found)))
    }
}

fn registry(resources: Resources) -> Registry {
    let set = ToolSet::new().native::<Refund>().native::<FindOrder>();
    set.open(resources, Arc::new(SystemClock)).unwrap()
}

async fn result(name: &str, arguments: Value) -> Result<Value, ToolFailure> {
    let registry = registry(Resources::new().with(Payments::default()));
    registry.get(name).unwrap().call(call(arguments)).await
}

#[tokio::test]
async fn a_function_is_called_with_its_arguments_its_key_and_its_resources() {
    let returned = result("refund", json!({"payment": "p1", "cents": 250})).await.unwrap();
    let receipt: Receipt = serde_json::from_value(returned).unwrap();
    assert_eq!(receipt, Receipt { key: call(json!({})).key.to_string(), cents: 250 });
}

#[tokio::test]
async fn malformed_arguments_are_refused_and_told_where() {
    let bad = [
        (json!({"payment": "p1"}), "cents"),
        (json!({"payment": "p1", "cents": 1, "to": "me"}), "to"),
        (json!({"payment": "p1", "cents": "1"}), "/cents"),
        (json!({"payment": "p1", "cents": 1.5}), "/cents"),
        (json!({"payment": "p1", "cents": 9_223_372_036_854_775_808_u64}), "cents"),
    ];
    for (arguments, place) in bad {
        let failure = result("refund", arguments).await.unwrap_err();
        assert_eq!(failure.code, Code::ToolArguments);
        assert!(failure.message.contains(place), "{failure}");
    }
}

#[tokio::test]
async fn none_means_that_there_is_nothing() {
    let outcome =
        async |name| ToolOutcome::of(result("find_order", json!({"name": name})).await.unwrap());
    assert_eq!(outcome("bob").await, ToolOutcome::Empty);
    assert_eq!(outcome("ada").await, ToolOutcome::Found(json!({"key": "pay", "cents": 5})));
}

#[tokio::test]
async fn a_missing_resource_is_named_and_nothing_was_done() {
    let tool = registry(Resources::new()).get("refund").unwrap();
    let failure = tool.call(call(json!({"payment": "p1", "cents": 1}))).await.unwrap_err();
    assert!(failure.message.contains("Payments"), "{failure}");
    assert_eq!(failure, ToolFailure::refused(failure.message.clone()));
}

#[tokio::test]
async fn a_function_can_be_asked_whether_it_happened() {
    let tool = registry(Resources::new().with(Payments::default())).get("refund").unwrap();
    let refund = || call(json!({"payment": "p1", "cents": 1}));
    assert_eq!(tool.reconcile(refund()).await, Reconciled::Absent);
    let receipt = tool.call(refund()).await.unwrap();
    assert_eq!(tool.reconcile(refund()).await, Reconciled::Happened(receipt));
}

#[test]
fn a_spec_carries_what_the_function_says() {
    let spec = Refund::spec();
    assert_eq!(spec.name, "refund");
    assert_eq!(spec.input_schema["required"], json!(["payment", "cents"]));
    assert_eq!(spec.input_schema["additionalProperties"], json!(false));
    assert!(!spec.needs_intent());
    assert!(spec_of::<Refund>().needs_intent(), "without a word it is the worst");
}

#[test]
fn the_catalogue_serves_the_rules_of_the_core() {
    let registry = registry(Resources::new());
    let schema = registry.schema();
    let grants = Grants::from_iter(["refund"]);
    let reason = |name, arguments| {
        allow(&registry, &*schema, &grants, name, &arguments).err().map(|denial| denial.code())
    };
    assert_eq!(reason("refund", json!({"payment": "p", "cents": 1})), None);
    assert_eq!(reason("refund", json!({"payment": "p"})), Some(Code::ToolArguments));
    assert_eq!(reason("find_order", json!({"name": "ada"})), Some(Code::ToolNotGranted));
}
