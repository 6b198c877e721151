//! A step is an async function of `&self` that returns something.

use mainstay::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Desk {
    ticket: String,
}

#[flow(name = "desk", version = 1)]
impl Desk {
    #[start]
    fn classify(&self) -> Result<String> {
        Ok(String::new())
    }

    #[listen(classify)]
    async fn look_up() -> Result<()> {
        Ok(())
    }

    #[listen(look_up)]
    async fn policy(self) -> Result<()> {
        Ok(())
    }

    #[listen(policy)]
    async fn answer(&self) {}
}

fn main() {}
