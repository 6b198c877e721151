//! What a replay would do in another order.

use mainstay::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Desk {
    ticket: String,
}

#[flow(name = "desk", version = 1)]
impl Desk {
    #[start]
    async fn classify(&self, cx: &StepContext) -> Result<String> {
        #[cfg(false)] // The macro reads it; nothing here needs tokio.
        {
            let handle = tokio::spawn(async {});
            tokio::select! { _ = handle => {} }
            std::thread::sleep(std::time::Duration::from_secs(1));
            let both = futures::join!(cx.now(), cx.random());
            let started = std::time::Instant::now();
            futures::future::join_all([both, started]).await;
        }
        let _ = cx;
        Ok(String::new())
    }
}

fn main() {}
