//! The support desk: a letter comes in, is understood, decided by the shop's policy, acted on and
//! answered.
//!
//! Models read and write; they decide nothing. What a customer gets follows from the customer's own
//! orders ([`rules`]), large refunds wait for a person, and an answer leaves only if every amount,
//! day and number in it is among the facts ([`facts`](crate::facts)).

mod approval;
mod draft;
mod work;

use mainstay::{agents::prompt::Filled, prelude::*};

pub use self::{approval::Ruling, work::Work};
use self::{
    approval::ask_a_person,
    draft::{Checked, Draft},
};
use crate::{
    facts::Facts,
    prompt::{CLASSIFY, COMPOSE, EXTRACT, complaint, order_lines},
    rules::{self, Approval},
    shop::{self, Customer, Order, Product},
    ticket::{Outcome, Ticket},
    tool::{
        action::{book_pickup, cancel_order, exchange, refund, send_message},
        lookup::{find_customer, find_orders, list_products},
    },
    wish::{Category, Classification, Wishes},
};

/// Drafts of an answer before a plain list of the facts is sent instead.
const DRAFTS: u32 = 2;

/// The longest answer in tokens, where the prompt names none.
const LONGEST: u32 = 300;

/// A letter to the desk.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct SupportDesk {
    /// The letter.
    pub ticket: Ticket,
}

/// What a letter is about.
#[derive(Route)]
enum Lane {
    Return,
    Exchange,
    Cancel,
    OrderQuestion,
    ProductAdvice,
    Abuse,
}

/// What becomes of a draft.
#[derive(Route)]
enum Verdict {
    Send,
    Rewrite,
    GiveUp,
}

/// What the desk has on record when it decides.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct File {
    customer: Option<Customer>,
    orders: Vec<Order>,
    products: Vec<Product>,
}

/// What came of a letter.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Closed {
    /// What it was about.
    pub category: Category,
    /// The outcome of each wish, the main one first.
    pub outcomes: Vec<Outcome>,
    /// The answer that was sent; none to abuse.
    pub answer: Option<String>,
}

/// Works through one letter of a customer.
#[flow(
    name = "support_desk",
    version = 1,
    examples = [
        "I want to return my order and get my money back.",
        "The lamp I ordered is broken, please refund it.",
        "Can you exchange this for a larger size?",
        "You sent me the wrong article, I want another one.",
        "Please cancel my order.",
        "Where is my order? When will the parcel arrive?",
        "What did I pay for my last purchase?",
        "Which kettle do you recommend? Do you have one in red?",
        "A customer complains in a letter, please answer it.",
        "The courier did not pick up the chair that I send back.",
    ],
    rules = [r"\bletter (?<ticket.id>T-\d+)\b"],
    captures = [
        r"(?<ticket.id>\bT-\d+\b)",
        r"(?<ticket.from>[\w.+-]+@[\w-]+\.[\w.-]*\w)",
        r"(?s)^(?<ticket.body>.+)$",
    ],
)]
impl SupportDesk {
    /// A model says what the letter is about.
    #[start]
    async fn classify(&self, cx: &StepContext) -> Result<Classification> {
        let letter = &self.ticket;
        if letter.from.is_empty() || letter.body.is_empty() {
            return Err(StepError::new("a letter needs an address to answer to, and a text"));
        }
        let values = [
            ("ticket", letter.id.as_str()),
            ("from", &letter.from),
            ("subject", &letter.subject),
            ("body", &letter.body),
        ];
        let question = CLASSIFY.fill(values, cx.random().await)?.request();
        Ok(cx.ask_for(question.with_temperature(Temperature::ZERO)).await?)
    }

    #[router(classify)]
    fn lane(&self, letter: &Classification) -> Lane {
        match letter.category {
            Category::Return => Lane::Return,
            Category::Exchange => Lane::Exchange,
            Category::Cancel => Lane::Cancel,
            Category::OrderQuestion => Lane::OrderQuestion,
            Category::ProductAdvice => Lane::ProductAdvice,
            Category::Abuse => Lane::Abuse,
        }
    }

    /// Everything that decisions rest on is looked up by the writer's address. Nothing in the
    /// letter can reach somebody else's orders.
    #[listen(or_(
        Lane::Return,
        Lane::Exchange,
        Lane::Cancel,
        Lane::OrderQuestion,
        Lane::ProductAdvice
    ))]
    #[step(grants = [find_customer, find_orders, list_products])]
    async fn look_up(&self, cx: &StepContext) -> Result<File> {
        let customer =
            cx.tool(find_customer::with(self.ticket.from.clone())).await.found()?.flatten();
        let orders = match &customer {
            Some(customer) => cx.tool(find_orders::with(customer.id.clone())).await.found()?,
            None => None,
        };
        let products = cx.tool(list_products::with()).await.required()?;
        Ok(File { customer, orders: orders.unwrap_or_default(), products })
    }

    /// A model reads the wishes out of the letter; the policy decides about each. A wish that is
    /// named twice counts once.
    #[listen(look_up)]
    async fn decide(
        &self,
        cx: &StepContext,
        #[from(classify)] letter: &Classification,
        #[from(look_up)] file: &File,
    ) -> Result<Vec<rules::Decision>> {
        let orders = order_lines(&file.orders);
        let values = [
            ("ticket", self.ticket.id.as_str()),
            ("category", letter.category.word()),
            ("orders", &orders),
            ("subject", &self.ticket.subject),
            ("body", &self.ticket.body),
        ];
        let question = EXTRACT.fill(values, cx.random().await)?.request();
        let Wishes { wishes } = cx.ask_for(question.with_temperature(Temperature::ZERO)).await?;
        let mut decisions = Vec::new();
        for wish in &wishes {
            let on = self.ticket.arrived_at;
            let decision = rules::decide(wish, &file.orders, &file.products, on);
            if !decisions.contains(&decision) {
                decisions.push(decision);
            }
        }
        Ok(decisions)
    }

    /// Refunds above the limit wait for a person, for as long as it takes.
    #[listen(decide)]
    async fn approve(
        &self,
        cx: &StepContext,
        #[from(decide)] decisions: &Vec<rules::Decision>,
    ) -> Result<Vec<Ruling>> {
        let mut rulings = Vec::new();
        for decision in decisions {
            let ruling = if let rules::Decision::Refund(refund) = decision
                && rules::approval(refund.cents) == Approval::Needed
            {
                ask_a_person(cx, &self.ticket, refund).await?
            } else {
                Ruling::Granted(decision.clone())
            };
            rulings.push(ruling);
        }
        Ok(rulings)
    }

    /// Money, parcels and vans.
    #[listen(approve)]
    #[step(grants = [refund, exchange, cancel_order, book_pickup])]
    async fn act(
        &self,
        cx: &StepContext,
        #[from(approve)] rulings: &Vec<Ruling>,
        #[from(look_up)] file: &File,
    ) -> Result<Work> {
        let mut work = Work::default();
        for ruling in rulings {
            work.carry_out(cx, ruling, file, self.ticket.arrived_at).await?;
        }
        Ok(work)
    }

    /// An agent that may call nothing writes the answer from the facts, and again if it cannot be
    /// sent.
    #[listen(or_(act, Verdict::Rewrite))]
    async fn compose(
        &self,
        cx: &StepContext,
        #[from(look_up)] file: &File,
        #[from(act)] work: &Work,
        #[from(check)] last: Option<&Checked>,
    ) -> Result<Draft> {
        let faults = last.map(|checked| checked.faults.as_slice()).unwrap_or_default();
        let (facts, complaint) = (work.facts.text(), complaint(faults));
        let values = [
            ("ticket", self.ticket.id.as_str()),
            ("name", addressee(file)),
            ("facts", &facts),
            ("complaint", &complaint),
            ("subject", &self.ticket.subject),
            ("body", &self.ticket.body),
        ];
        let filled = COMPOSE.fill(values, cx.random().await)?;
        let number = last.map_or(1, |checked| checked.draft.number + 1);
        let written = cx.agent(&writer(&filled), filled.into()).await;
        Ok(Draft::of(number, written)?)
    }

    #[listen(compose)]
    async fn check(&self, draft: &Draft, #[from(act)] work: &Work) -> Result<Checked> {
        Ok(draft.clone().check(&work.facts))
    }

    #[router(check)]
    fn verdict(&self, checked: &Checked) -> Verdict {
        match checked {
            checked if checked.faults.is_empty() => Verdict::Send,
            checked if checked.draft.number < DRAFTS => Verdict::Rewrite,
            _ => Verdict::GiveUp,
        }
    }

    /// The facts as they are: clumsy, and true.
    #[listen(Verdict::GiveUp)]
    async fn plain(
        &self,
        #[from(look_up)] file: &File,
        #[from(act)] work: &Work,
    ) -> Result<String> {
        Ok(plain_answer(addressee(file), &work.facts))
    }

    #[listen(or_(Verdict::Send, plain))]
    #[step(grants = [send_message])]
    async fn send(
        &self,
        cx: &StepContext,
        #[from(check)] checked: &Checked,
        #[from(plain)] plain: Option<&String>,
    ) -> Result<String> {
        let body = plain.unwrap_or(&checked.draft.text).clone();
        let message = shop::Message {
            ticket: self.ticket.id.clone(),
            to: self.ticket.from.clone(),
            subject: format!("Re: {}", self.ticket.subject),
            body: body.clone(),
        };
        cx.tool(send_message::with(message)).await.found()?;
        Ok(body)
    }

    /// Abuse gets no answer.
    #[listen(or_(send, Lane::Abuse))]
    #[finish]
    async fn close(
        &self,
        #[from(classify)] letter: &Classification,
        #[from(act)] work: Option<&Work>,
        #[from(send)] answer: Option<&String>,
    ) -> Result<Closed> {
        let outcomes = work.map_or_else(|| vec![Outcome::Refused], |work| work.outcomes.clone());
        Ok(Closed { category: letter.category, outcomes, answer: answer.cloned() })
    }
}

/// Who writes to customers. What the answer may say stands in the prompt.
fn writer(prompt: &Filled) -> Agent {
    let goal = "an answer that says what was done, and nothing that is not so";
    Agent::new("writer", "the writer of a support desk", goal)
        .with_model(prompt.model.clone())
        .with_window(Window::Everything)
        .with_turns(DRAFTS + 1)
        .with_max_output_tokens(prompt.max_output_tokens.unwrap_or(LONGEST))
}

fn addressee(file: &File) -> &str {
    file.customer.as_ref().map_or("customer", |customer| &customer.name)
}

fn plain_answer(name: &str, facts: &Facts) -> String {
    format!("Dear {name},\n\n{}\n\nThe desk at Harbour & Pine", facts.text())
}
