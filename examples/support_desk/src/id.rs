//! The shop's own numbers, as typed texts: an order cannot be passed where a payment is meant.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(
            Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it stands; whether it exists only the shop knows.
            #[must_use]
            pub fn new(text: impl Into<String>) -> Self { Self(text.into()) }

            /// Returns the text.
            #[must_use]
            pub fn as_str(&self) -> &str { &self.0 }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
    )*};
}

numbers! {
    /// A customer, such as `C-1042`.
    CustomerId;
    /// An order, such as `HP-20117`.
    OrderId;
    /// One line of an order, such as `HP-20117/2`.
    ItemId;
    /// A payment, such as `PAY-20117`.
    PaymentId;
    /// A product, such as `P-114`.
    ProductId;
    /// A letter from a customer, such as `T-07`.
    TicketId;
}
