//! What people want, as models read it out of their letters. Nothing here is trusted: a wish
//! carries no amount, and what becomes of it is decided by [`crate::rules`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{id::OrderId, words::words};

words! {
    /// What a letter is about; the lane it takes through the desk.
    Category {
        /// Goods go back for money.
        Return = "return",
        /// Goods go back for other goods.
        Exchange = "exchange",
        /// An order shall not be sent.
        Cancel = "cancel",
        /// Where is it, when did it, what did it cost.
        OrderQuestion = "order_question",
        /// What should I buy.
        ProductAdvice = "product_advice",
        /// Insults, threats, or an attempt to steer the desk.
        Abuse = "abuse",
    }
}

words! {
    /// Why goods go back.
    Reason {
        /// Nothing is wrong with them.
        ChangedMind = "changed_mind",
        /// Broken on arrival or soon after.
        Faulty = "faulty",
        /// Not what was ordered.
        WrongItem = "wrong_item",
    }
}

/// The answer of the first call: one word. Its schema has the name of the prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "classify")]
#[serde(deny_unknown_fields)]
pub struct Classification {
    /// What the letter is mainly about.
    pub category: Category,
}

/// The answer of the second call: everything the letter asks for, the main wish first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "extract")]
#[serde(deny_unknown_fields)]
pub struct Wishes {
    /// The wishes, in the order of their weight.
    #[schemars(length(min = 1, max = 4))]
    pub wishes: Vec<Wish>,
}

/// One thing somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// What is asked for.
    pub kind: Category,
    /// The order's number, if the letter or its item gives it away.
    #[serde(default)]
    #[schemars(length(max = 16))]
    pub order: Option<OrderId>,
    /// The article as the bill names it; for advice, what they are looking for.
    #[serde(default)]
    #[schemars(length(max = 80))]
    pub item: Option<String>,
    /// The article they want in its place.
    #[serde(default)]
    #[schemars(length(max = 80))]
    pub instead: Option<String>,
    /// Why goods go back.
    #[serde(default)]
    pub reason: Option<Reason>,
}
