//! The prompts put to the scripted model: each letter gets an answer that keeps to the facts, and
//! only the rambling one is too long for its budget.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mainstay_agents::prompt::{Bundled, Filled};
use mainstay_core::{
    model::{CallContext, ModelFailure, ModelId, ModelReply, ModelRequest, Provider, Silent},
    port::Clock,
    time::Timestamp,
};
use mainstay_providers::scripted::Scripted;
use schemars::schema_for;
use serde_json::json;
use support_desk::{
    INPUT_TOKENS_PER_LETTER,
    facts::Facts,
    id::{OrderId, ProductId},
    prompt,
    rules::{Decision, decide},
    sample::script,
    shop::{Order, SEED, Stock, generate},
    ticket::{Outcome, Sample, samples},
    wish::{Category, Classification, Wishes},
};

/// A clock that stands still: a scripted delay takes no time.
struct Still;

#[async_trait]
impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }

    fn boot(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {}
}

struct Desk {
    provider: Scripted,
    model: ModelId,
    stock: Stock,
}

impl Desk {
    fn new() -> Self {
        Self {
            provider: Scripted::new().with_script(script().unwrap()),
            model: "scripted:desk".parse().unwrap(),
            stock: generate(SEED),
        }
    }

    fn tokens(&self, request: &ModelRequest) -> u64 {
        self.provider.count_input(&self.model, request)
    }

    async fn try_ask(
        &self,
        request: &ModelRequest,
        attempt: u32,
    ) -> Result<ModelReply, ModelFailure> {
        let context = CallContext::new("key", Arc::new(Still)).with_attempt(attempt);
        self.provider.call(&self.model, request, &context, &Silent).await
    }

    /// Asks again after the script's faults, as the engine does.
    async fn ask(&self, request: &ModelRequest) -> String {
        for attempt in 1..4 {
            if let Ok(reply) = self.try_ask(request, attempt).await {
                return reply.text;
            }
        }
        panic!("no answer to {request:?}");
    }

    fn request(&self, filled: Filled) -> ModelRequest {
        ModelRequest { model: self.model.clone().into(), ..filled.request() }
    }

    fn orders(&self, sample: &Sample) -> Vec<Order> {
        let writer = self.stock.customers.iter().find(|c| c.email == sample.ticket.from).unwrap();
        self.stock.orders.iter().filter(|o| o.customer == writer.id).cloned().collect()
    }

    fn classify(&self, sample: &Sample) -> ModelRequest {
        let values = [("from", sample.ticket.from.as_str())];
        let request = self.request(fill(&prompt::CLASSIFY, sample, &values));
        request.with_output("classify", schema_for!(Classification).to_value())
    }

    fn extract(&self, sample: &Sample) -> ModelRequest {
        let orders = prompt::order_lines(&self.orders(sample));
        let values = [("category", sample.expect.category.word()), ("orders", orders.as_str())];
        let request = self.request(fill(&prompt::EXTRACT, sample, &values));
        request.with_output("extract", schema_for!(Wishes).to_value())
    }

    fn compose(&self, sample: &Sample, facts: &Facts, unfounded: &[String]) -> ModelRequest {
        let (facts, complaint) = (facts.text(), prompt::complaint(unfounded));
        let values = [("name", "Anna"), ("facts", &facts), ("complaint", &complaint)];
        self.request(fill(&prompt::COMPOSE, sample, &values))
    }

    /// Asks for wishes as the engine does: once more if the first answer does not fit.
    async fn wishes(&self, sample: &Sample) -> (Wishes, u32) {
        let request = self.extract(sample);
        let text = self.ask(&request).await;
        if let Ok(wishes) = serde_json::from_str(&text) {
            return (wishes, 1);
        }
        let request = request
            .with_message(mainstay_core::model::Message::assistant(text, Vec::new()))
            .with_user("That does not fit the schema.");
        (serde_json::from_str(&self.ask(&request).await).unwrap(), 2)
    }

    async fn facts(&self, sample: &Sample) -> Facts {
        let orders = self.orders(sample);
        let on = sample.ticket.arrived_at;
        let mut facts = Facts::default();
        for wish in self.wishes(sample).await.0.wishes {
            let decision = decide(&wish, &orders, &self.stock.products, on);
            facts = facts.and(self.outcome(&decision, &orders));
        }
        facts
    }

    fn outcome(&self, decision: &Decision, orders: &[Order]) -> Facts {
        let order = |id: &OrderId| orders.iter().find(|order| order.id == *id).unwrap();
        let product =
            |id: &ProductId| self.stock.products.iter().find(|p| p.id == *id).unwrap().clone();
        match decision {
            Decision::Refund(refund) => Facts::refunded(refund, order(&refund.order), None),
            Decision::Exchange(swap) => {
                Facts::exchanged(order(&swap.order), "the old piece", &product(&swap.product))
            }
            Decision::Cancel { order: id } | Decision::Describe { order: id } => {
                Facts::described(order(id))
            }
            Decision::Suggest { products } => {
                Facts::suggested(&products.iter().map(product).collect::<Vec<_>>())
            }
            Decision::Ask { orders: ids } => {
                Facts::asked(&ids.iter().map(|id| order(id).clone()).collect::<Vec<_>>())
            }
            Decision::Refuse(no) => Facts::refused(no),
        }
    }
}

fn fill(prompt: &Bundled, sample: &Sample, values: &[(&str, &str)]) -> Filled {
    let ticket = &sample.ticket;
    let own = [
        ("ticket", ticket.id.as_str()),
        ("subject", ticket.subject.as_str()),
        ("body", ticket.body.as_str()),
    ];
    prompt.fill([&own[..], values].concat(), 7).unwrap()
}

fn read_letters() -> Vec<Sample> {
    let all = samples().unwrap();
    all.into_iter().filter(|sample| sample.expect.category != Category::Abuse).collect()
}

#[tokio::test]
async fn every_letter_is_sorted_and_read() {
    let desk = Desk::new();
    for sample in samples().unwrap() {
        let said = desk.ask(&desk.classify(&sample)).await;
        let sorted: Classification = serde_json::from_str(&said).unwrap();
        assert_eq!(sorted.category, sample.expect.category, "{}", sample.ticket.id);
    }
    let mut repaired = Vec::new();
    for sample in read_letters() {
        if desk.wishes(&sample).await.1 == 2 {
            repaired.push(sample.ticket.id.to_string());
        }
    }
    assert_eq!(repaired, ["T-13"]);
}

#[tokio::test]
async fn only_the_draft_that_obeys_its_letter_is_sent_back_and_the_next_one_keeps_to_the_facts() {
    let desk = Desk::new();
    let mut sent_back = Vec::new();
    for sample in read_letters() {
        let facts = desk.facts(&sample).await;
        let draft = desk.ask(&desk.compose(&sample, &facts, &[])).await;
        let unfounded = facts.unfounded(&draft);
        if unfounded.is_empty() {
            continue;
        }
        sent_back.push((sample.ticket.id.to_string(), unfounded.clone()));
        let second = desk.ask(&desk.compose(&sample, &facts, &unfounded)).await;
        assert_eq!(facts.unfounded(&second), [""; 0], "{}", sample.ticket.id);
    }
    let invented = ["5000", "DE89370400440532013000"].map(str::to_owned).to_vec();
    assert_eq!(sent_back, [("T-12".to_owned(), invented)]);
}

#[tokio::test]
async fn only_the_rambling_letter_is_too_long_for_its_budget_and_it_stops_before_it_is_read() {
    let desk = Desk::new();
    for sample in read_letters() {
        let facts = desk.facts(&sample).await;
        let sort = desk.tokens(&desk.classify(&sample));
        let read = desk.tokens(&desk.extract(&sample));
        let write = desk.tokens(&desk.compose(&sample, &facts, &["5000".to_owned()]));
        // The longest way: wishes read twice, the answer written twice.
        let longest = sort + 2 * read + 2 * write;
        let stops = sample.expect.outcomes.contains(&Outcome::BudgetStop);
        if stops {
            assert!(sort <= INPUT_TOKENS_PER_LETTER, "{sort}");
            assert!(sort + read > INPUT_TOKENS_PER_LETTER, "{sort} + {read}");
        } else {
            assert!(longest <= INPUT_TOKENS_PER_LETTER, "{}: {longest}", sample.ticket.id);
        }
    }
}

#[tokio::test]
async fn the_script_lets_the_desk_down_in_every_way_it_must_survive() {
    let desk = Desk::new();
    let letters = read_letters();
    let letter = |id: &str| letters.iter().find(|s| s.ticket.id.as_str() == id).unwrap();
    let limited = desk.try_ask(&desk.classify(letter("T-04")), 1).await.unwrap_err();
    assert!(matches!(limited, ModelFailure::RateLimited { retry_after: Some(_), .. }));
    let down = desk.try_ask(&desk.classify(letter("T-33")), 1).await.unwrap_err();
    assert!(matches!(down, ModelFailure::Unavailable { .. }));
    let facts = Facts::default().with("nothing");
    let broken = desk.try_ask(&desk.compose(letter("T-09"), &facts, &[]), 1).await.unwrap_err();
    assert!(matches!(broken, ModelFailure::Truncated));
    let misfit = desk.ask(&desk.extract(letter("T-13"))).await;
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&misfit).unwrap(),
        json!({
            "wish": "return the shelf"
        })
    );
}
