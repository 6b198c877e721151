//! What people say when they want a flow, and that it makes no other version.

use mainstay::prelude::*;

mod silent {
    use super::*;

    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    pub struct Desk {
        ticket: String,
    }

    /// Answers a letter.
    #[flow(name = "desk", version = 1)]
    impl Desk {
        #[start]
        async fn answer(&self) -> Result<String> {
            Ok(self.ticket.clone())
        }
    }
}

mod telling {
    use super::*;

    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    pub struct Desk {
        ticket: String,
    }

    /// Answers a letter.
    #[flow(
        name = "desk",
        version = 1,
        examples = ["answer this letter", "a customer complains"],
        rules = [r"letter (?<ticket>T-\d+)"],
    )]
    impl Desk {
        #[start]
        async fn answer(&self) -> Result<String> {
            Ok(self.ticket.clone())
        }
    }
}

fn main() {
    let (silent, telling) = (silent::Desk::program(), telling::Desk::program());
    assert!(silent.intent().is_silent());
    assert_eq!(telling.intent().examples, ["answer this letter", "a customer complains"]);
    assert_eq!(telling.intent().rules, [r"letter (?<ticket>T-\d+)"]);
    assert_eq!(telling.definition().hash(), silent.definition().hash());
}
