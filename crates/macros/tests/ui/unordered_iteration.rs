//! Effects in the order of a hash map.

use mainstay::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Desk {
    ticket: String,
}

#[flow(name = "desk", version = 1)]
impl Desk {
    #[start]
    async fn classify(&self, cx: &StepContext) -> Result<()> {
        let orders: std::collections::HashMap<String, u32> = Default::default();
        for (order, _) in &orders {
            let _ = (cx, order);
        }
        Ok(())
    }
}

fn main() {}
