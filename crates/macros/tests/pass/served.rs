//! A step whose code is a worker's, beside steps of this program.

use mainstay::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Desk {
    order: String,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Score {
    points: u8,
}

#[flow(name = "desk", version = 1)]
impl Desk {
    /// Takes an order.
    #[start]
    async fn take(&self) -> Result<String> {
        Ok(self.order.clone())
    }

    /// Scores it.
    #[listen(take)]
    #[step(worker = "risk", name = "score_v2", retry = 2, timeout = "30s", budget = "tool_calls=4")]
    async fn score(&self, order: &String) -> Result<Score>;

    #[listen(take, worker = "risk")]
    async fn r#match(&self, order: &str) -> Result<Vec<Score>>;

    #[listen(and_(score, r#match))]
    async fn answer(
        &self,
        #[from(score)] score: &Score,
        #[from(r#match)] others: &Vec<Score>,
    ) -> Result<usize> {
        Ok(usize::from(score.points) + others.len())
    }
}

fn main() {
    let program = Desk::program();
    let definition = program.definition();
    let served = |name: &str| {
        let options = &definition.step(name).unwrap().options;
        options.served.as_ref().map(ToString::to_string)
    };
    assert_eq!(served("take"), None);
    assert_eq!(served("score").as_deref(), Some("risk.score_v2"));
    assert_eq!(served("r#match").as_deref(), Some("risk.match"));
    let options = &definition.step("score").unwrap().options;
    assert_eq!(options.timeout, Some(std::time::Duration::from_secs(30)));
    assert!(options.retry.is_some() && options.budget.is_some() && options.grants.is_empty());
}
